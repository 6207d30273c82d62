"""Consumer groups read again from their records: the last word of each key counts.

Source: GroupMetadataManager.replay of Kafka 4.3.1.
"""

from emulator.state.groups.consumer import records
from emulator.state.groups.consumer.member import ConsumerMember
from emulator.state.groups.consumer.state import ResolvedRegex


class Replay:
    """The groups of one partition of __consumer_offsets, as far as their records have been read."""

    def __init__(self):
        self._groups = {}

    @property
    def ids(self):
        return self._groups.keys()

    def replay(self, kind, key, value):
        """One record; value None is a tombstone."""
        if kind is records.Group:
            if value is None:
                self._groups.pop(key.group_id, None)
            else:
                self._group(key).epoch = value
        elif value is not None or key.group_id in self._groups:
            group = self._group(key)
            if kind is records.TargetMetadata:
                group.assignment = value
            else:
                table, name = group.tables[kind], key.regular_expression if kind is records.Regex else key.member_id
                if value is None:
                    table.pop(name, None)
                else:
                    table[name] = value

    def _group(self, key):
        return self._groups.setdefault(key.group_id, _Read())

    def fill(self, group):
        """Make a new ConsumerGroup the one that was read."""
        read = self._groups[group.group_id]
        if read.epoch is not None:
            group.group_epoch, group.metadata_hash = read.epoch.epoch, read.epoch.metadata_hash
        if read.assignment is not None:
            group.assignment_epoch = read.assignment.assignment_epoch
            group.assignment_timestamp = read.assignment.assignment_timestamp
        targets, currents = read.tables[records.Target], read.tables[records.Current]
        for member_id, value in read.tables[records.Metadata].items():
            member = records.with_metadata(ConsumerMember(member_id), value)
            target = targets.get(member_id)
            group.adopt(records.with_assignment(member, currents.get(member_id)), target and records.target_of(target))
        for expression, value in read.tables[records.Regex].items():
            group.regexes[expression] = ResolvedRegex(frozenset(value.topics), value.version, value.timestamp)


class _Read:
    """What was read of one group: values by kind and by member id or expression."""

    def __init__(self):
        self.epoch = None
        self.assignment = None
        self.tables = {kind: {} for kind in (records.Metadata, records.Target, records.Current, records.Regex)}
