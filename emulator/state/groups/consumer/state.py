"""What a consumer group is: all that its records in __consumer_offsets say, and what follows from it.

Each method that changes something corresponds to one kind of record and hands it to `write`; who decides on changes
is in `group`. Source: ConsumerGroup, ModernGroup, GroupCoordinatorRecordHelpers of Kafka 4.3.1.
"""

from typing import NamedTuple

from emulator.state.groups.consumer import records
from emulator.state.groups.consumer.member import NOTHING, ConsumerMember
from emulator.state.groups.modern import DEAD, EMPTY, ModernGroup

ASSIGNING = "Assigning"  # there is no target yet for the group's epoch
RECONCILING = "Reconciling"  # somebody is still on its way to the target
STABLE = "Stable"


class ResolvedRegex(NamedTuple):
    """The topics that a regular expression matched: of which version of the metadata, when (ms)."""

    topics: frozenset
    version: int
    timestamp: int


class GroupState(ModernGroup):
    """`write(key, value)` gets the bytes of each record, value None for a tombstone."""

    def __init__(self, group_id, write):
        self.group_id = group_id
        self.group_epoch = 1
        self.metadata_hash = 0
        self.assignment_epoch = 1
        self.assignment_timestamp = 0
        self.members = {}
        self.target = {}  # member_id -> {topic_id: frozenset of partitions}
        self.static = {}  # instance_id -> member_id
        self.regexes = {}  # resolved: expression -> ResolvedRegex
        self.owners = {}  # topic_id -> {partition: epoch of who has it}
        self.most_members = 0  # that there ever were: the order of Kafka's tables hangs on it
        self._by_name = {}  # topic name -> how many members subscribe to it by name
        self._by_regex = {}  # expression -> how many members subscribe by it
        self._write = write

    # -- changes -----------------------------------------------------------------------------------

    def put_member(self, member, target=None):
        """A member's metadata or current assignment are now these, and (of one who is new) its target."""
        old = self.members.get(member.member_id)
        if old is None or old.metadata != member.metadata:
            self._write(*records.member_metadata(self.group_id, member))
        if old is not None:
            self._release(old)
        self._take(member)
        self.members[member.member_id] = member
        self.most_members = max(self.most_members, len(self.members))
        if target is not None:
            self.set_target(member.member_id, target)
        if old is None or old[10:] != member[10:]:
            if old is not None or member.assigned or member.member_epoch:
                self._write(*records.current_assignment(self.group_id, member))

    def adopt(self, member, target):
        """A member of a group that is being made; nothing is written (see `write_all`)."""
        self.members[member.member_id] = member
        self._take(member)
        if target is not None:
            self.target[member.member_id] = target

    def restore(self, values):
        """Be the group that these replay.Values tell of."""
        epoch, assignment = values.one(records.Group), values.one(records.TargetMetadata)
        if epoch is not None:
            self.group_epoch, self.metadata_hash = epoch.epoch, epoch.metadata_hash
        if assignment is not None:
            self.assignment_epoch, self.assignment_timestamp = assignment.assignment_epoch, assignment.assignment_timestamp
        targets, currents = values.all(records.Target), values.all(records.Current)
        for member_id, value in values.all(records.Metadata).items():
            member = records.with_metadata(ConsumerMember(member_id), value)
            target = targets.get(member_id)
            self.adopt(records.with_assignment(member, currents.get(member_id)), target and records.target_of(target))
        for expression, value in values.all(records.Regex).items():
            self.regexes[expression] = ResolvedRegex(frozenset(value.topics), value.version, value.timestamp)

    def drop_member(self, member_id):
        member = self.members.pop(member_id)
        self._release(member)
        self.target.pop(member_id, None)
        for tombstone in records.no_member(self.group_id, member_id):
            self._write(*tombstone)

    def _take(self, member):
        for name in member.subscribed_topic_names:
            self._by_name[name] = self._by_name.get(name, 0) + 1
        if member.subscribed_topic_regex:
            self._by_regex[member.subscribed_topic_regex] = self.subscribers(member.subscribed_topic_regex) + 1
        if member.instance_id is not None:
            self.static[member.instance_id] = member.member_id
        for partitions in (member.assigned, member.pending_revocation):
            for topic_id, held in partitions.items():
                self.owners.setdefault(topic_id, {}).update(dict.fromkeys(held, member.member_epoch))

    def _release(self, member):
        for name in member.subscribed_topic_names:
            _decrement(self._by_name, name)
        if member.subscribed_topic_regex:
            _decrement(self._by_regex, member.subscribed_topic_regex)
        if self.static.get(member.instance_id) == member.member_id:
            del self.static[member.instance_id]
        for partitions in (member.assigned, member.pending_revocation):
            for topic_id, held in partitions.items():
                owned = self.owners.get(topic_id, {})
                for index in held:
                    if owned.get(index) == member.member_epoch:  # else it is with somebody else already
                        del owned[index]
                if not owned:
                    self.owners.pop(topic_id, None)

    def set_epoch(self, group_epoch, metadata_hash):
        self.group_epoch, self.metadata_hash = group_epoch, metadata_hash
        self._write(*records.group_metadata(self.group_id, group_epoch, metadata_hash))

    def set_target(self, member_id, target):
        if self.target.get(member_id) != target:
            self.target[member_id] = target
            self._write(*records.target_assignment(self.group_id, member_id, target))

    def set_assignment_epoch(self, epoch, timestamp):
        self.assignment_epoch, self.assignment_timestamp = epoch, timestamp
        self._write(*records.target_metadata(self.group_id, epoch, timestamp))

    def set_regex(self, expression, resolved):
        """A regular expression was resolved, or (None) is not asked for any more."""
        if resolved is None:
            if self.regexes.pop(expression, None) is None:
                return
        else:
            self.regexes[expression] = resolved
        self._write(*records.regular_expression(self.group_id, expression, resolved))

    def erase(self):
        """Write the tombstones of all that there is."""
        for tombstone in records.no_group(self.group_id, self.members, self.regexes):
            self._write(*tombstone)

    def write_all(self):
        """Write all that there is: the group was made of a classic one."""
        for member in self.members.values():
            self._write(*records.member_metadata(self.group_id, member))
        self._write(*records.group_metadata(self.group_id, self.group_epoch, self.metadata_hash))
        for member_id, target in self.target.items():
            self._write(*records.target_assignment(self.group_id, member_id, target))
        self._write(*records.target_metadata(self.group_id, self.assignment_epoch, self.assignment_timestamp))
        for member in self.members.values():
            self._write(*records.current_assignment(self.group_id, member))

    # -- what follows ------------------------------------------------------------------------------

    @property
    def state(self):
        if self.is_closed:
            return DEAD
        if not self.members:
            return EMPTY
        if self.group_epoch > self.assignment_epoch:
            return ASSIGNING
        settled = all(member.is_reconciled_to(self.assignment_epoch) for member in self.members.values())
        return STABLE if settled else RECONCILING

    def subscribers(self, expression):
        """How many members subscribe by this regular expression."""
        return self._by_regex.get(expression, 0)

    @property
    def expressions(self):
        return self._by_regex.keys()

    def subscribed_topics(self):
        """The names of all topics that somebody subscribes to, by name or by a resolved expression."""
        return set(self._by_name).union(*(resolved.topics for resolved in self.regexes.values()))

    def subscribes_to(self, topic):
        return topic in self._by_name or any(topic in resolved.topics for resolved in self.regexes.values())

    def subscription_of(self, member):
        """The topic names that one member subscribes to; an expression that is not resolved yet matches nothing."""
        resolved = self.regexes.get(member.subscribed_topic_regex)
        return member.subscribed_topic_names if resolved is None else member.subscribed_topic_names | resolved.topics

    def all_subscribe_alike(self):
        count = len(self.members)
        if not self._by_regex:
            return all(subscribers == count for subscribers in self._by_name.values())
        return not self._by_name and next(iter(self._by_regex.values())) == count

    def is_free(self, topic_id, partition):
        return partition not in self.owners.get(topic_id, NOTHING)

    def preferred_assignor(self, last_named=None):
        """The server-side assignor that most members name, or None; `last_named`: by the member that was heard last."""
        counts = {}
        for member in self.members.values():
            if member.server_assignor is not None:
                counts[member.server_assignor] = counts.get(member.server_assignor, 0) + 1
        # Between equals the first of Kafka's hash map wins: `uniform`, unless the other was just put in (anew).
        if counts.get(last_named) == 1 == max(counts.values()):
            return last_named
        return max(sorted(counts, reverse=True), key=counts.get) if counts else None


def _decrement(counts, key):
    counts[key] -= 1
    if not counts[key]:
        del counts[key]
