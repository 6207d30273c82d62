"""Share groups read again from their records: the last word of each key counts.

Source: GroupMetadataManager.replay of Kafka 4.3.1.
"""

from emulator.state.groups.share import records
from emulator.state.groups.share.member import ShareMember


class ShareReplay:
    """The share groups of one partition of __consumer_offsets, as far as their records have been read."""

    def __init__(self):
        self._groups = {}  # group id -> {(kind, member id or None): value}

    @property
    def ids(self):
        return self._groups.keys()

    def replay(self, kind, key, value):
        """One record; value None is a tombstone."""
        values = self._groups.setdefault(key.group_id, {})
        name = kind, getattr(key, "member_id", None)
        if value is None:
            values.pop(name, None)
            if not values:
                del self._groups[key.group_id]
        else:
            values[name] = value

    def fill(self, group):
        """Make a new ShareGroup the one that was read."""
        for (kind, member_id), value in self._groups[group.group_id].items():
            if kind is records.Group:
                group.group_epoch, group.metadata_hash = value.epoch, value.metadata_hash
            elif kind is records.TargetMetadata:
                group.assignment_epoch, group.assignment_timestamp = value.assignment_epoch, value.assignment_timestamp
            elif kind is records.Target:
                group.target[member_id] = _held(value.topic_partitions)
            elif kind is records.StatePartitions:
                group.initialized = {
                    topic.topic_id: (topic.topic_name, frozenset(topic.partitions)) for topic in value.initialized_topics
                }
            else:
                member = group.members.get(member_id) or ShareMember(member_id)
                group.members[member_id] = member._replace(**_CHANGES[kind](value))
        group.resume()


def _metadata(value):
    return {
        "client_id": value.client_id,
        "client_host": value.client_host,
        "rack_id": value.rack_id,
        "subscribed_topic_names": frozenset(value.subscribed_topic_names),
    }


def _assignment(value):
    return {
        "member_epoch": value.member_epoch,
        "previous_member_epoch": value.previous_member_epoch,
        "assigned": _held(value.assigned_partitions),
    }


_CHANGES = {records.Member: _metadata, records.Current: _assignment}


def _held(topics):
    return {topic.topic_id: frozenset(topic.partitions) for topic in topics}
