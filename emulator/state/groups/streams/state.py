"""What a streams group is: all that its records in __consumer_offsets say, and what follows from it.

Each method that changes something corresponds to one kind of record and hands it to `write`; who decides on changes
is in `group`. Source: streams.StreamsGroup of Kafka 4.3.1.
"""

from emulator.state.groups.modern import DEAD, EMPTY, ModernGroup
from emulator.state.groups.streams import records
from emulator.state.groups.streams.member import NO_TASKS
from emulator.state.groups.streams.topology import Topology

NOT_READY = "NotReady"  # the topology does not go with the topics that there are
ASSIGNING = "Assigning"  # there is no target yet for the group's epoch
RECONCILING = "Reconciling"  # somebody is still on its way to the target
STABLE = "Stable"


class Holders:
    """Which process has a task, even if it is to give it up: `active` {(subtopology_id, partition): process_id},
    `standby` and `warmup` {(subtopology_id, partition): {process_id}}.
    """

    __slots__ = ("active", "standby", "warmup")

    def __init__(self):
        self.active, self.standby, self.warmup = {}, {}, {}

    def take(self, member):
        process = member.process_id
        for held in (member.assigned, member.pending_revocation):
            self.active.update(dict.fromkeys(_tasks(held.active), process))
            for table, tasks in ((self.standby, held.standby), (self.warmup, held.warmup)):
                for task in _tasks(tasks):
                    table.setdefault(task, set()).add(process)

    def release(self, member):
        process = member.process_id
        for held in (member.assigned, member.pending_revocation):
            for task in _tasks(held.active):
                if self.active.get(task) == process:  # else it is with somebody else already
                    del self.active[task]
            for table, tasks in ((self.standby, held.standby), (self.warmup, held.warmup)):
                for task in _tasks(tasks):
                    processes = table.get(task, set())
                    processes.discard(process)
                    if not processes:
                        table.pop(task, None)


def _tasks(tasks):
    return [(subtopology, partition) for subtopology, partitions in tasks.items() for partition in partitions]


class GroupState(ModernGroup):
    """`write(key, value)` gets the bytes of each record, value None for a tombstone."""

    def __init__(self, group_id, write):
        self.group_id = group_id
        self.group_epoch = 1
        self.metadata_hash = 0
        self.validated_topology_epoch = 0
        self.assignment_configs = {}  # with which the last epoch began
        self.assignment_epoch = 1
        self.assignment_timestamp = 0
        self.topology = None
        self.members = {}
        self.target = {}  # member_id -> Tasks
        self.holders = Holders()
        self._write = write

    # -- changes -----------------------------------------------------------------------------------

    def put_metadata(self, member):
        """A member's metadata are now these."""
        self._put(member)
        self._write(*records.member_metadata(self.group_id, member))

    def put_progress(self, member):
        """A member's current assignment is now this."""
        self._put(member)
        self._write(*records.current_assignment(self.group_id, member))

    def _put(self, member):
        old = self.members.get(member.member_id)
        if old is not None:
            self.holders.release(old)
        self.holders.take(member)
        self.members[member.member_id] = member

    def adopt(self, member, target):
        """A member of a group that is being made; nothing is written."""
        self._put(member)
        self.target[member.member_id] = target

    def restore(self, values):
        """Be the group that these replay.Values tell of."""
        epoch, assignment, topology = map(values.one, (records.Group, records.TargetMetadata, records.TopologyRecord))
        if epoch is not None:
            self.group_epoch, self.metadata_hash = epoch.epoch, epoch.metadata_hash
            self.validated_topology_epoch = epoch.validated_topology_epoch
            self.assignment_configs = {config.key: config.value for config in epoch.last_assignment_configs or ()}
        if assignment is not None:
            self.assignment_epoch, self.assignment_timestamp = assignment.assignment_epoch, assignment.assignment_timestamp
        if topology is not None:
            self.topology = Topology(topology)
        targets, currents = values.all(records.Target), values.all(records.Current)
        for member_id, value in values.all(records.Metadata).items():
            target = targets.get(member_id)
            self.adopt(
                records.member_of(member_id, value, currents.get(member_id)),
                NO_TASKS if target is None else records.target_of(target),
            )

    def drop_member(self, member_id):
        self.holders.release(self.members.pop(member_id))
        self.target.pop(member_id, None)
        for tombstone in records.no_member(self.group_id, member_id):
            self._write(*tombstone)

    def set_topology(self, value):
        """`value`: a StreamsGroupTopology.Value."""
        self.topology = Topology(value)
        self._write(*records.topology(self.group_id, value))

    def set_epoch(self, group_epoch, metadata_hash, validated_topology_epoch, assignment_configs):
        self.group_epoch, self.metadata_hash = group_epoch, metadata_hash
        self.validated_topology_epoch, self.assignment_configs = validated_topology_epoch, assignment_configs
        self._write(
            *records.group_metadata(self.group_id, group_epoch, metadata_hash, validated_topology_epoch, assignment_configs)
        )

    def set_target(self, member_id, target):
        if self.target.get(member_id) != target:
            self.target[member_id] = target
            self._write(*records.target_assignment(self.group_id, member_id, target))

    def set_assignment_epoch(self, epoch, timestamp):
        self.assignment_epoch, self.assignment_timestamp = epoch, timestamp
        self._write(*records.target_metadata(self.group_id, epoch, timestamp))

    def erase(self):
        """Write the tombstones of all that there is."""
        for tombstone in records.no_group(self.group_id, self.members):
            self._write(*tombstone)

    # -- what follows ------------------------------------------------------------------------------

    @property
    def state(self):
        if self.is_closed:
            return DEAD
        if not self.members:
            return EMPTY
        if self.topology is None or self.topology.epoch != self.validated_topology_epoch:
            return NOT_READY
        if self.group_epoch > self.assignment_epoch:
            return ASSIGNING
        settled = all(member.is_reconciled_to(self.assignment_epoch) for member in self.members.values())
        return STABLE if settled else RECONCILING

    def target_of(self, member_id):
        return self.target.get(member_id, NO_TASKS)

    def subscribes_to(self, topic):
        """Whether some subtopology reads this topic; nobody does in an empty group."""
        return bool(self.members) and self.topology is not None and topic in self.topology.by_source

    def needs(self, topic):
        """Whether the topology has to do with this topic at all."""
        return self.topology is not None and topic in self.topology.topics
