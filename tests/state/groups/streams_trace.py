"""Heartbeats of a streams group as a trace, on virtual clocks:

    group << joins("a") >> has("a", epoch=2, active=[0, 1]) << joins("b", process="q") >> has("b", epoch=3)

Each member keeps what its answers said and owns, once it was told, what it was assigned: `beats` says so. There is one
subtopology, "0": it reads topic t and keeps its state in t-changelog.
"""

from emulator.state.groups.streams.messages import StreamsHeartbeat
from tests.state.groups.trace import Trace
from wire.errors import KafkaError
from wire.internal.streams_groups import StreamsGroupTopology

REBALANCE_TIMEOUT = 20_000
Subtopology = StreamsGroupTopology.Value.Subtopologies


def topology(epoch=0, source="t", changelog=None):
    Changelog = Subtopology.StateChangelogTopics
    changelogs = [Changelog(name=changelog, partitions=0, replication_factor=0, topic_configs=[])] if changelog else []
    one = Subtopology(
        subtopology_id="0", source_topics=[source], source_topic_regex=[], state_changelog_topics=changelogs,
        repartition_sink_topics=[], repartition_source_topics=[], copartition_groups=[],
    )  # fmt: skip
    return StreamsGroupTopology.Value(epoch=epoch, subtopologies=[one])


class Member:
    def __init__(self, name):
        self.name = name
        self.epoch = 0
        self.tasks = ({}, {}, {})  # as of its last answer that said so
        self.answers = []


class StreamsTrace(Trace):
    def __init__(self, topics=None, delay=0, replicas=0, changelog=None, **settings):
        super().__init__(group_streams_max_size=2**31 - 1, **settings)
        self.members = {}
        self.topology = topology(changelog=changelog)
        self.configure(**{"streams.initial.rebalance.delay.ms": delay, "streams.num.standby.replicas": replicas})
        for name, partitions in ({"t": 2} if topics is None else topics).items():
            self.cluster.create_topic(name, partitions)

    def configure(self, **configs):
        overrides = self.configs.groups.get(self.group_id, {})
        self.configs.set_group(self.group_id, {**overrides, **{name: str(value) for name, value in configs.items()}})

    def member(self, name):
        return self.members.setdefault(name, Member(name))

    def beat(self, name, epoch=None, **fields):
        member = self.member(name)
        beat = StreamsHeartbeat(name, member.epoch if epoch is None else epoch, "client", "/host", **fields)
        try:
            answer = self.groups.streams.heartbeat(self.group_id, beat)
        except KafkaError as refusal:
            member.answers.append(refusal)
            return
        member.answers.append(answer)
        member.epoch = answer.member_epoch
        if answer.tasks is not None:
            member.tasks = tuple({one: sorted(held) for one, held in tasks.items()} for tasks in answer.tasks)

    @property
    def group(self):
        return self.groups.streams.get(self.group_id)

    def check_nothing_unread(self):
        super().check_nothing_unread()
        unread = {name: member.answers for name, member in self.members.items() if member.answers}
        assert not unread


# -- steps -----------------------------------------------------------------------------------------


def joins(name, process="p", brings=None, **fields):
    def step(trace):
        trace.beat(
            name, 0, rebalance_timeout_ms=REBALANCE_TIMEOUT, topology=brings or trace.topology, process_id=process,
            active_tasks=[], standby_tasks=[], warmup_tasks=[], **fields,
        )  # fmt: skip

    return step


def beats(*names, owned=True, **fields):
    """A heartbeat of each; it says that it owns what it was last assigned, unless `owned` is False."""

    def step(trace):
        for name in names:
            active, standby, _ = (list(tasks.items()) for tasks in trace.member(name).tasks)
            said = dict(active_tasks=active, standby_tasks=standby, warmup_tasks=[]) if owned else {}
            trace.beat(name, **said, **fields)

    return step


def leaves(name, **fields):
    return lambda trace: trace.beat(name, -1, **fields)


def creates(topic, partitions=2):
    return lambda trace: trace.cluster.create_topic(topic, partitions)


def deletes(topic):
    return lambda trace: trace.cluster.delete_topic(trace.cluster.topics[topic].topic_id)


def configures(**configs):
    return lambda trace: trace.configure(**{f"streams.{name.replace('_', '.')}": value for name, value in configs.items()})


def restarts(trace):
    """The coordinator is gone, another one reads what it wrote."""
    partition = trace.groups.partition_for(trace.group_id)
    trace.groups.unload(partition)
    trace.groups = trace.coordinator()
    trace.groups.load(partition)


# -- what must have come ---------------------------------------------------------------------------


def _answer(trace, name):
    answers = trace.member(name).answers
    assert answers, f"{name} has no answer"
    answer = answers.pop(0)
    assert not isinstance(answer, KafkaError), answer
    return answer


def _check(answer, epoch, status):
    assert answer.member_epoch == epoch
    assert tuple(code for code, _ in answer.status) == status


def has(name, epoch, active=(), standby=(), status=()):
    """It is told its tasks of subtopology 0."""

    def expected(trace):
        answer = _answer(trace, name)
        _check(answer, epoch, status)
        assert answer.tasks is not None
        told = [sorted(tasks.get("0", ())) for tasks in answer.tasks]
        assert told == [list(active), list(standby), []]

    return expected


def goes_on(name, epoch, status=()):
    """It is told nothing new about its tasks."""

    def expected(trace):
        answer = _answer(trace, name)
        _check(answer, epoch, status)
        assert answer.tasks is None

    return expected


def gone(name):
    def expected(trace):
        assert _answer(trace, name).member_epoch == -1

    return expected


def refused(name, error):
    def expected(trace):
        answer = trace.member(name).answers.pop(0)
        assert isinstance(answer, KafkaError) and answer.error == error, answer

    return expected


def is_(state, group_epoch, assignment_epoch=None):
    def expected(trace):
        group = trace.group
        assert (group.state, group.group_epoch) == (state, group_epoch)
        assert assignment_epoch in (None, group.assignment_epoch)

    return expected
