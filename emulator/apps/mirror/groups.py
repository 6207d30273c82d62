"""Consumer groups follow to the target: their offsets there are those of the source, translated.

Only of groups that nobody uses there, and only forwards. Source: org.apache.kafka.connect.mirror.MirrorCheckpointTask.
"""

import logging

from emulator.apps.mirror import marks
from emulator.apps.mirror.cluster import Refusal, text_of
from wire import errors
from wire.apis.groups import OffsetCommit

log = logging.getLogger(__name__)

# It has members there, which commit for themselves.
_IN_USE = frozenset((errors.UNKNOWN_MEMBER_ID, errors.ILLEGAL_GENERATION, errors.STALE_MEMBER_EPOCH, errors.GROUP_ID_NOT_FOUND, errors.REBALANCE_IN_PROGRESS))


class Groups:
    """`takes(name)`: whether a group is followed."""

    def __init__(self, source, target, takes):
        self._source, self._target, self._takes = source, target, takes
        self._said = {}  # group -> why it did not follow last
        self.translated = {}  # (group, topic there, partition) -> offset there, as last written or found

    def follow(self, partitions):
        """`partitions`: {(topic, index): Partition}. Raises Lost, Refusal, Unsupported."""
        for group in sorted(marks.groups(self._source, lambda name: not name.startswith(marks.PREFIX) and self._takes(name))):
            try:
                self._follow(group, partitions)
            except Refusal as error:  # others go on
                if self._said.get(group) != str(error):
                    self._said[group] = str(error)
                    log.warning("group %s does not follow: %s", group, error)

    def _follow(self, group, partitions):
        wanted = {}
        for place, (offset, _) in marks.committed(self._source, group).items():
            partition = partitions.get(place)
            if offset >= 0 and partition is not None and (there := partition.offsets.translate(offset)) is not None:
                if self.translated.get((group, partition.there, partition.index), -1) < there:
                    wanted[partition.there, partition.index] = there
        if wanted:
            self._write(group, wanted)

    def _write(self, group, wanted):
        found = marks.committed(self._target, group)
        ahead = {}
        for (topic, index), there in wanted.items():
            known, _ = found.get((topic, index), (-1, None))
            if known >= there:
                self.translated[group, topic, index] = known
            else:
                ahead[topic, index] = there
        if not ahead:
            return
        request, topics = OffsetCommit.Request.Topics, {}
        for (topic, index), there in ahead.items():
            topics.setdefault(topic, []).append(request.Partitions(partition_index=index, committed_offset=there, committed_metadata=""))
        answer = self._target.ask_coordinator(
            group, OffsetCommit, group_id=group, topics=[request(name=topic, partitions=partitions) for topic, partitions in topics.items()])
        for topic in answer.topics:
            for one in topic.partitions:
                if one.error_code == errors.NONE:
                    self.translated[group, topic.name, one.partition_index] = ahead[topic.name, one.partition_index]
                elif one.error_code in _IN_USE:
                    log.info("group %s is in use at the target: its offsets are its own (%s)", group, text_of(one.error_code))
                else:
                    raise Refusal(f"{self._target.what}: offset of {group} in {topic.name}-{one.partition_index}", one.error_code)
