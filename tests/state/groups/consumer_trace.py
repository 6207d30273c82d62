"""Heartbeats of a consumer group as a trace, on virtual clocks:

    group << joins("a") >> has("a", epoch=2, t=[0, 1]) << tick(1_000) << joins("b") >> has("b", epoch=3)

Each member keeps what its answers said and owns, once it was told, what it was assigned: `beats` says so.
"""

from emulator.state.groups.consumer.messages import ConsumerHeartbeat
from tests.state.groups.trace import Trace
from wire import errors
from wire.errors import KafkaError

REBALANCE_TIMEOUT = 20_000


class Member:
    def __init__(self, name):
        self.name = name
        self.epoch = 0
        self.assigned = None  # {topic: [partition]} as of its last answer that said so
        self.owned = {}
        self.instance_id = None
        self.answers = []


class ConsumerTrace(Trace):
    def __init__(self, topics=None, **settings):
        super().__init__(**settings)
        self.members = {}
        for name, partitions in (topics or {"t": 2}).items():
            self.cluster.create_topic(name, partitions)

    def member(self, name):
        return self.members.setdefault(name, Member(name))

    def beat(self, name, epoch=None, **fields):
        member = self.member(name)
        beat = ConsumerHeartbeat(name, member.epoch if epoch is None else epoch, "client", "/host", **fields)
        try:
            answer = self.groups.consumer.heartbeat(self.group_id, beat, 1)
        except KafkaError as refusal:
            member.answers.append(refusal)
            return
        member.answers.append(answer)
        member.epoch = answer.member_epoch
        if answer.assignment is not None:
            names = self.cluster.topics_by_id
            member.assigned = {names[topic_id].name: sorted(held) for topic_id, held in answer.assignment.items() if topic_id in names}

    def ids(self, owned):
        """What a member says that it owns; it may not have heard that a topic is gone."""
        topics = self.cluster.topics
        return [(topics[name].topic_id if name in topics else bytes(16), list(held)) for name, held in owned.items()]

    @property
    def group(self):
        return self.groups.consumer.get(self.group_id)

    def check_nothing_unread(self):
        super().check_nothing_unread()
        unread = {name: member.answers for name, member in self.members.items() if member.answers}
        assert not unread


# -- steps -------------------------------------------------------------------------------------------------


def joins(name, topics=("t",), regex=None, timeout=REBALANCE_TIMEOUT, **fields):
    def step(trace):
        trace.member(name).owned = {}
        trace.member(name).instance_id = fields.get("instance_id")
        names = None if topics is None else list(topics)
        trace.beat(name, 0, rebalance_timeout_ms=timeout, subscribed_topic_names=names, subscribed_topic_regex=regex, owned=[], **fields)

    return step


def beats(*names, epoch=None, owned=True, **fields):
    """A heartbeat of each; it says that it owns what it was last assigned, unless `owned` is False."""

    def step(trace):
        for name in names:
            member = trace.member(name)
            said = {}
            if owned:
                member.owned = member.assigned or {}
                said = {"owned": trace.ids(member.owned)}
            trace.beat(name, epoch, instance_id=member.instance_id, **said, **fields)

    return step


def leaves(name, epoch=-1):
    return lambda trace: trace.beat(name, epoch, instance_id=trace.member(name).instance_id)


def grows(topic, partitions):
    return lambda trace: trace.cluster.create_partitions(topic, partitions)


def creates(topic, partitions=1):
    return lambda trace: trace.cluster.create_topic(topic, partitions)


def deletes(topic):
    return lambda trace: trace.cluster.delete_topic(trace.cluster.topics[topic].topic_id)


def restarts(trace):
    """The coordinator is gone, another one reads what it wrote."""
    partition = trace.groups.partition_for(trace.group_id)
    trace.groups.unload(partition)
    trace.groups = trace.coordinator()
    trace.groups.load(partition)


# -- what must have come -----------------------------------------------------------------------------------


def has(name, epoch, **topics):
    """It was answered with this epoch and an assignment: nothing=True for an empty one."""

    def expected(trace):
        answer = trace.member(name).answers.pop(0)
        assert not isinstance(answer, KafkaError), answer
        assert answer.assignment is not None, f"{name} was told no assignment"
        topics.pop("nothing", None)
        assert (answer.member_epoch, trace.member(name).assigned) == (epoch, topics)

    return expected


def goes_on(*names, epoch):
    """They were answered with this epoch and nothing new."""

    def expected(trace):
        for name in names:
            answer = trace.member(name).answers.pop(0)
            assert not isinstance(answer, KafkaError), answer
            assert (answer.member_epoch, answer.assignment) == (epoch, None)

    return expected


def fenced(name, error):
    def expected(trace):
        answer = trace.member(name).answers.pop(0)
        assert isinstance(answer, KafkaError) and answer.error == error, answer

    return expected


def unknown(name):
    return fenced(name, errors.UNKNOWN_MEMBER_ID)


def is_(state, epoch=None, target=None):
    def expected(trace):
        group = trace.group
        assert group.state == state
        assert epoch is None or group.group_epoch == epoch
        assert target is None or group.assignment_epoch == target

    return expected
