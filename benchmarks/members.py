"""A thousand members of one group, as real connections of one process: how long does a rebalance take them?

Members do what the stock clients do, but for waiting: who has nothing to say sends its next heartbeat soon.
"""

import random
import struct
import time

from benchmarks import raw
from benchmarks.crowd import Crowd
from wire import errors
from wire.apis.consumer_groups import ConsumerGroupHeartbeat
from wire.apis.groups import Heartbeat, JoinGroup, LeaveGroup, SyncGroup
from wire.apis.metadata import ApiVersions, FindCoordinator
from wire.apis.topics import CreateTopics

CLASSIC_PACE, CONSUMER_PACE = 0.02, 0.2  # seconds from an answer to the next heartbeat
ASSIGNMENT_INTERVAL = 1.0  # group.consumer.assignment.interval.ms by default: a group's next assignment is no sooner
SUBSCRIPTION = b"\0\1" + b"\0\0\0\1\0\7members" + b"\xff\xff\xff\xff" + b"\0\0\0\0"  # of Kafka's embedded consumer protocol
ASSIGNMENT = b"\0\1" + b"\0\0\0\1\0\7members" + b"\0\0\0\1" + b"\0\0\0\0" + b"\xff\xff\xff\xff"
JOINING, LEAVING = 0, -1
TOPIC = "members"


def message(api, version, **fields):
    """A request as a frame."""
    out = []
    api.build_request(version)(api.Request(**fields), out)
    return raw.frame(api.key, version, b"".join(out), _is_flexible(api, version))


def answer(api, version, reply):
    """A reply frame as a record; a code at its top that is not among `errors` raises."""
    return api.parse_response(version)(reply, 9 if _is_flexible(api, version) and api is not ApiVersions else 8)[0]


def _is_flexible(api, version):
    return api.flexible_from is not None and version >= api.flexible_from


def assignments(member_ids):
    return [SyncGroup.Request.Assignments(member_id=each, assignment=ASSIGNMENT) for each in member_ids]


def find_coordinator(address, key, kind=0):
    """Ask until there is one (of a group; `kind` 1: of a transactional id): the first time, its topic must be made."""
    with raw.Connection(address) as connection:
        deadline = time.monotonic() + 30
        while answer(FindCoordinator, 3, connection.call(message(FindCoordinator, 3, key=key, key_type=kind))).error_code:
            if time.monotonic() > deadline:
                raise ValueError("no coordinator was found")
            time.sleep(0.01)


def new_topic(address, topic, partitions):
    with raw.Connection(address) as connection:
        connection.call(message(CreateTopics, 5, timeout_ms=60_000, topics=[
            CreateTopics.Request.Topics(name=topic, num_partitions=partitions, replication_factor=1)]))


class Members:
    """What both protocols share: who is to be heard of next, and when all have settled."""

    def __init__(self, address, group, count, pace):
        self.group, self.count, self.pace = group, count, pace
        self.crowd = Crowd(address, count)
        self.idle = {}  # member: when it sends its next heartbeat
        self.settled = set()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.crowd.__exit__(*error)

    def until(self, settled):
        """Let everybody act until `settled()`; gives the seconds that took."""
        started = time.perf_counter()
        while not settled():
            for member, reply in self.crowd.replies(self.pace / 4):
                self.take(member, reply)
            if self.idle:
                now = time.perf_counter()
                for member in [member for member, due in self.idle.items() if due <= now]:
                    del self.idle[member]
                    self.beat(member)
        return time.perf_counter() - started

    def rest(self, member):
        self.idle[member] = time.perf_counter() + self.pace


class ClassicMembers(Members):
    """Joins, syncs, and rejoins when a heartbeat says so."""

    def __init__(self, address, group, count):
        super().__init__(address, group, count, CLASSIC_PACE)
        self.ids, self.generations = [""] * count, [-1] * count
        self.generation, self.leader = -1, None
        self.asked = [None] * count

    def request(self, member, api, version, **fields):
        return message(api, version, group_id=self.group, member_id=self.ids[member], **fields)

    def join_request(self, member):
        return self.request(member, JoinGroup, 5, session_timeout_ms=45_000, rebalance_timeout_ms=60_000, protocol_type="consumer",
                            protocols=[JoinGroup.Request.Protocols(name="range", metadata=SUBSCRIPTION)])

    def ask(self, member, api, version, **fields):
        self.asked[member] = api, version
        self.crowd.send(member, self.request(member, api, version, **fields))

    def join(self, member):
        self.settled.discard(member)
        self.asked[member] = JoinGroup, 5
        self.crowd.send(member, self.join_request(member))

    def beat(self, member):
        if self.generations[member] < self.generation or member not in self.settled:
            self.ask(member, Heartbeat, 3, generation_id=self.generations[member])
        else:
            self.rest(member)

    def take(self, member, reply):
        api, version = self.asked[member]
        said = answer(api, version, reply)
        if said.error_code == errors.REBALANCE_IN_PROGRESS:
            self.join(member)
        elif said.error_code in (errors.MEMBER_ID_REQUIRED, errors.UNKNOWN_MEMBER_ID):
            self.ids[member] = said.member_id if api is JoinGroup else ""
            self.join(member)
        elif said.error_code:
            raise ValueError(f"{api.name} was answered with error {said.error_code}")
        elif api is JoinGroup:
            self.joined(member, said)
        else:
            if api is SyncGroup and self.generations[member] == self.generation:
                self.settled.add(member)
            self.rest(member)

    def joined(self, member, said):
        self.ids[member], self.generations[member] = said.member_id, said.generation_id
        if said.generation_id > self.generation:
            self.generation = said.generation_id
            self.settled.clear()
        assigned = ()
        if said.leader == said.member_id:
            self.leader, assigned = member, assignments(each.member_id for each in said.members)
        self.ask(member, SyncGroup, 3, generation_id=said.generation_id, assignments=assigned)

    def all_settled(self):
        return len(self.settled) == self.count

    def begin(self):
        for member in range(self.count):
            self.join(member)
        return self.until(self.all_settled)

    def rebalance(self):
        """Seconds from the leader's wish for a new assignment until everybody has one: heartbeat, join, sync.

        The requests are made before the clock starts.
        """
        generation, everybody = self.generation + 1, range(self.count)
        beats = [self.request(member, Heartbeat, 3, generation_id=self.generation) for member in everybody]
        joins = [self.join_request(member) for member in everybody]
        syncs = [self.request(member, SyncGroup, 3, generation_id=generation) for member in everybody]
        syncs[self.leader] = self.request(self.leader, SyncGroup, 3, generation_id=generation, assignments=assignments(self.ids))
        steps, at, synced = (beats, joins, syncs), [0] * self.count, 0
        at[self.leader] = 1
        send = self.crowd.send
        started = time.perf_counter()
        send(self.leader, joins[self.leader])
        for member in everybody:
            if member != self.leader:
                send(member, beats[member])
        while synced < self.count:
            for member, reply in self.crowd.replies(1):
                step, error = at[member], reply[13]
                if error != (errors.REBALANCE_IN_PROGRESS if step == 0 else 0):
                    if error or step:
                        raise ValueError(f"a member was answered with error {error}")
                    send(member, beats[member])  # it was quicker than the leader
                    continue
                if step == 1 and struct.unpack_from(">i", reply, 14)[0] != generation:
                    raise ValueError(f"no member leads to generation {generation}")
                at[member] = step = step + 1
                if step == 3:
                    synced += 1
                else:
                    send(member, steps[step][member])
        self.generation = generation
        return time.perf_counter() - started

    def leave(self):
        self.crowd.call(0, message(LeaveGroup, 4, group_id=self.group, members=[
            LeaveGroup.Request.Members(member_id=each) for each in self.ids]))


class ConsumerMembers(Members):
    """Heartbeats of KIP-848; what a member is to give up it gives up at once, and says so."""

    def __init__(self, address, group, count):
        super().__init__(address, group, count, CONSUMER_PACE)
        self.ids = [f"{random.getrandbits(128):032x}" for _ in range(count)]
        self.epochs, self.owned = [LEAVING] * count, [()] * count
        self.present = set()

    def beat(self, member, **fields):
        self.crowd.send(member, message(ConsumerGroupHeartbeat, 1, group_id=self.group, member_id=self.ids[member],
                                        member_epoch=self.epochs[member], **fields))

    def join(self, members):
        self.present.update(members)
        for member in members:
            self.epochs[member], self.owned[member] = JOINING, ()
            self.beat(member, rebalance_timeout_ms=60_000, subscribed_topic_names=[TOPIC], topic_partitions=())
        return self.until(self.all_settled)

    def until_assignment_may_follow(self):
        begun = time.perf_counter()
        return self.until(lambda: time.perf_counter() - begun > ASSIGNMENT_INTERVAL)

    def take(self, member, reply):
        said = answer(ConsumerGroupHeartbeat, 1, reply)
        if said.error_code:
            raise ValueError(f"ConsumerGroupHeartbeat was answered with error {said.error_code}: {said.error_message}")
        self.epochs[member] = said.member_epoch
        if said.assignment is None or said.assignment.topic_partitions == self.owned[member]:
            self.rest(member)
        else:
            Topics = ConsumerGroupHeartbeat.Request.TopicPartitions
            self.owned[member] = said.assignment.topic_partitions
            self.beat(member, topic_partitions=[Topics(topic_id=each.topic_id, partitions=each.partitions) for each in self.owned[member]])

    def all_settled(self):
        """At one epoch, each with its equal share of the partitions."""
        if len({self.epochs[member] for member in self.present}) > 1:
            return False
        held = [[partition for topic in self.owned[member] for partition in topic.partitions] for member in self.present]
        share = self.count // len(self.present)
        return all(len(each) == share for each in held) and len(set().union(*held)) == self.count

    def leave(self):
        self.until(lambda: len(self.idle) == len(self.present))  # nobody waits for an answer
        for member in self.present:
            self.epochs[member] = LEAVING
            self.beat(member)
        self.idle.clear()
        left = 0
        while left < len(self.present):
            left += len(self.crowd.replies(1))
