"""Write what clients send and what they must get, in order, as one expression:

    group << join("a", "b") >> waits("a", "b") << tick(3000) >> generation(1, leader="a")

`group << step` sends; `group >> expected` takes the answers that came. What came unexpected fails the test at
its end (see the fixture in conftest.py). A client keeps the member id that it was given, as real ones do.
"""

from random import Random
from types import SimpleNamespace

from emulator.state.clock import VirtualClock
from emulator.state.cluster import Broker, Cluster
from emulator.state.configs import Configs
from emulator.state.configs.broker import parse_broker_settings
from emulator.state.groups.coordinator import GroupCoordinator
from emulator.state.groups.messages import Join
from emulator.state.groups.topics import Topics
from emulator.state.internal_topics import Store
from emulator.state.log import Log
from emulator.state.share.persister import Persister
from wire import errors
from wire.internal import CONSUMER_OFFSETS
from wire.records import iter_records

SETTINGS = dict(
    group_min_session_timeout_ms=6_000,
    group_max_session_timeout_ms=1_800_000,
    group_max_size=2**31 - 1,
    group_initial_rebalance_delay_ms=3_000,
    group_consumer_max_size=2**31 - 1,
    group_consumer_migration_policy="bidirectional",
    group_consumer_assignors=("uniform", "range"),
    offset_metadata_max_bytes=4_096,
    offsets_retention_minutes=7 * 24 * 60,
    offsets_retention_check_interval_ms=600_000,
    offsets_topic_num_partitions=50,
)
CONFIG = Configs(parse_broker_settings({})).preview({"cleanup.policy": "compact"})
RANGE = (("range", b"\0\0\0\0\0\1\0\1t\xff\xff\xff\xff"),)  # consumer protocol v0: topic t, no user data
_SHARE_STATE = 50  # a partition that keeps no groups
SESSION, REBALANCE = 10_000, 60_000


class Client:
    def __init__(self, name):
        self.name = name
        self.member_id = ""
        self.generation_id = -1
        self.instance = None
        self.link = None  # its connection, for those tests that ask whether it is there
        self.asked = 0
        self.answers = []


class Trace:
    def __init__(self, group_id="g", seed=1, **settings):
        self.settings = SimpleNamespace(**{**SETTINGS, **settings})
        self.time, self.patience = VirtualClock(), VirtualClock()
        self.random = Random(seed)
        self.partitions = {}
        self.configs = Configs(parse_broker_settings({}))
        self.cluster = Cluster("cluster", [Broker(1)], self.configs, self.log, self.time, Random(0))
        self.groups = self.coordinator()
        self.group_id = group_id
        self.clients = {}

    def log(self, topic, index, config, broker_id):
        return Log(f"{topic.name}-{index}", config, self.time, self.random)

    def partition(self, index):
        """One of __consumer_offsets, made when it is first asked for."""
        if index in self.partitions:
            return self.partitions[index]
        log = Log(f"__consumer_offsets-{index}", CONFIG, self.time, self.random)
        log.begin_epoch(0)
        return self.partitions.setdefault(index, SimpleNamespace(log=log, leader_epoch=0))

    def coordinator(self):
        """One that knows nothing yet, over the same logs."""
        store = Store(self.partition, self.time)
        topics = Topics(self.cluster)
        persister = Persister(store, lambda key: _SHARE_STATE, 500, self.time, topics.count_of)
        return GroupCoordinator(self.settings, self.time, self.patience, self.random, store, topics, self.configs.group, persister)

    def stored(self):
        """What __consumer_offsets holds of the group: a list of Parsed for each batch."""
        log = self.partition(self.groups.partition_for(self.group_id)).log
        return [[CONSUMER_OFFSETS.parse(record.key, record.value) for record in iter_records(batch)] for _, batch in log.batches()]

    def client(self, name):
        return self.clients.setdefault(name, Client(name))

    def __lshift__(self, step):
        step(self)
        return self

    def __rshift__(self, expected):
        expected(self)
        return self

    @property
    def group(self):
        return self.groups.classic.get(self.group_id)

    def ask(self, client):
        """A respond callback for one request of the client."""
        client.asked += 1
        answered = []

        def respond(result):
            assert not answered, f"{client.name} is answered twice"
            answered.append(result)
            client.asked -= 1
            client.answers.append(result)
            if getattr(result, "member_id", ""):
                client.member_id = result.member_id
            if getattr(result, "generation_id", -1) >= 0:
                client.generation_id = result.generation_id

        return respond

    def take(self, name):
        answers = self.client(name).answers
        assert answers, f"{name} has no answer"
        return answers.pop(0)

    def check_nothing_unread(self):
        unread = {client.name: client.answers for client in self.clients.values() if client.answers}
        assert not unread


# -- steps -----------------------------------------------------------------------------------------


def join(*names, instance=None, member_id=None, protocols=RANGE, protocol_type="consumer", session=SESSION,
         rebalance=REBALANCE, version=9, client_id=None):
    """JoinGroup; one who has no member id yet asks twice, as KIP-394 wants it, unless static or before v4."""

    def step(trace):
        for name in names:
            client = trace.client(name)
            client.instance = instance
            if member_id is None and not client.member_id and instance is None and version >= 4:
                trace << knock(name, protocols=protocols, protocol_type=protocol_type, session=session,
                               rebalance=rebalance, client_id=client_id) >> refused(name, errors.MEMBER_ID_REQUIRED)
            request = Join(client.member_id if member_id is None else member_id, instance, client_id or name, "/127.0.0.1",
                           session, rebalance, protocol_type, protocols, None, version >= 4, version >= 9, client.link)
            trace.groups.classic.join(trace.group_id, request, trace.ask(client))

    return step


def knock(name, **fields):
    """One JoinGroup v9 without a member id."""
    return lambda trace: join(name, member_id="", **fields)(trace)


def sync(*names, generation=None, member_id=None, instance=None, protocol_type=None, protocol_name=None, **assignments):
    """SyncGroup: the assignments are named by client."""

    def step(trace):
        ids = {trace.client(name).member_id: assignment for name, assignment in assignments.items()}
        for name in names:
            client = trace.client(name)
            trace.groups.classic.sync(
                trace.group_id,
                client.member_id if member_id is None else member_id,
                client.instance if instance is None else instance,
                client.generation_id if generation is None else generation,
                protocol_type,
                protocol_name,
                ids,
                trace.ask(client),
            )

    return step


def heartbeat(*names, generation=None, member_id=None, instance=None):
    def step(trace):
        for name in names:
            client = trace.client(name)
            error = trace.groups.classic.heartbeat(
                trace.group_id,
                client.member_id if member_id is None else member_id,
                client.instance if instance is None else instance,
                client.generation_id if generation is None else generation,
                client.link,
            )
            client.answers.append(SimpleNamespace(error=error))

    return step


def leave(*names):
    """One LeaveGroup for all of them."""

    def step(trace):
        clients = [trace.client(name) for name in names]
        errors_ = trace.groups.classic.leave(trace.group_id, [(client.member_id, client.instance, None) for client in clients])
        for client, error in zip(clients, errors_):
            client.answers.append(SimpleNamespace(error=error))

    return step


def forget(name):
    """The client restarts: it no longer knows its member id."""
    return lambda trace: setattr(trace.client(name), "member_id", "")


def tick(ms):
    """Both clocks, by steps of a second at most so that they stay side by side."""

    def step(trace):
        left = ms
        while left > 0:
            trace.time.advance(min(left, 1_000))
            trace.patience.advance(min(left, 1_000))
            left -= 1_000

    return step


# -- what must come --------------------------------------------------------------------------------


def waits(*names):
    def expected(trace):
        for name in names:
            client = trace.client(name)
            assert client.asked and not client.answers, f"{name} does not wait: {client.answers}"

    return expected


def generation(number, *followers, leader=None, members=None, protocol="range", skip=False):
    """Each of them joined this generation; the leader, and nobody else, sees the members."""

    def expected(trace):
        leader_id = trace.client(leader).member_id
        for name in ([leader] if leader else []) + list(followers):
            result = trace.take(name)
            assert (result.error, result.generation_id) == (errors.NONE, number), result
            assert (result.protocol_type, result.protocol_name) == ("consumer", protocol)
            assert result.leader == leader_id
            assert result.skip_assignment is (skip and name == leader)
            seen = {member_id for member_id, _, _ in result.members}
            if name == leader:
                everybody = [leader, *followers] if members is None else members
                assert seen == {trace.client(member).member_id for member in everybody}
            else:
                assert not seen

    return expected


def assigned(**assignments):
    def expected(trace):
        for name, assignment in assignments.items():
            result = trace.take(name)
            assert (result.error, result.assignment) == (errors.NONE, assignment), result

    return expected


def ok(*names):
    return lambda trace: [refused(name, errors.NONE)(trace) for name in names]


def refused(name, error):
    def expected(trace):
        result = trace.take(name)
        assert result.error == error, f"{name}: {errors.Error(result.error).name}, not {errors.Error(error).name}"

    return expected


def is_(state):
    def expected(trace):
        assert trace.group.state == state

    return expected


def stable(*names):
    """A step: these clients form a stable group, the first one leads."""

    def step(trace):
        first, *others = names
        trace << join(*names) << tick(6_000)
        number = trace.group.generation_id
        trace >> generation(number, *others, leader=first)
        trace << sync(*others) << sync(first, **{name: name.encode() for name in names})
        trace >> assigned(**{name: name.encode() for name in names}) >> is_("Stable")

    return step
