"""Streams groups read again from their records: the last word of each key counts.

Source: GroupMetadataManager.replay of Kafka 4.3.1.
"""

from emulator.state.groups.streams import records
from emulator.state.groups.streams.member import NO_TASKS
from emulator.state.groups.streams.topology import Topology


class Replay:
    """The groups of one partition of __consumer_offsets, as far as their records have been read."""

    def __init__(self):
        self._groups = {}

    @property
    def ids(self):
        return self._groups.keys()

    def replay(self, kind, key, value):
        """One record; value None is a tombstone."""
        if kind is records.Group and value is None:
            self._groups.pop(key.group_id, None)
        elif value is not None or key.group_id in self._groups:
            read = self._groups.setdefault(key.group_id, {kind: {} for kind in records.KINDS})
            member_id = getattr(key, "member_id", None)
            if value is None:
                read[kind].pop(member_id, None)
            else:
                read[kind][member_id] = value

    def fill(self, group):
        """Make a new StreamsGroup the one that was read."""
        read = self._groups[group.group_id]
        epoch, assignment, topology = (
            read[kind].get(None) for kind in (records.Group, records.TargetMetadata, records.TopologyRecord)
        )
        if epoch is not None:
            group.group_epoch, group.metadata_hash = epoch.epoch, epoch.metadata_hash
            group.validated_topology_epoch = epoch.validated_topology_epoch
            group.assignment_configs = {config.key: config.value for config in epoch.last_assignment_configs or ()}
        if assignment is not None:
            group.assignment_epoch = assignment.assignment_epoch
            group.assignment_timestamp = assignment.assignment_timestamp
        if topology is not None:
            group.topology = Topology(topology)
        for member_id, value in read[records.Metadata].items():
            target = read[records.Target].get(member_id)
            group.adopt(
                records.member_of(member_id, value, read[records.Current].get(member_id)),
                NO_TASKS if target is None else records.target_of(target),
            )
