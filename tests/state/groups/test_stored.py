"""What a group leaves in __consumer_offsets, and what comes back of it. Compared with Apache Kafka's in tests/compat."""

from random import Random

from emulator.state.configs import Configs
from emulator.state.configs.broker import parse_broker_settings
from emulator.state.groups.classic.group import CONSUMER
from emulator.state.log.cleaner import LogCleaner
from tests.state.groups.test_offsets import DAY, commit, deleted, fetched
from tests.state.groups.trace import RANGE, Trace, assigned, generation, heartbeat, join, leave, ok, refused, stable, sync, tick
from wire import errors
from wire.internal.groups import GroupMetadata, OffsetCommit


def told(trace):
    """Each batch as a list of short forms of its records: (offset's partition or "group", what is said of it)."""
    def short(kind, key, value):
        if kind is OffsetCommit:
            return key.topic, key.partition, value and value.offset
        return "group", value and (value.protocol_type, value.generation, len(value.members))

    return [[short(*parsed) for parsed in batch] for batch in trace.stored()]


def test_the_life_of_a_group(group):
    group << stable("a", "b")
    assert commit(group, "a", 5) == errors.NONE
    assert commit(group, "a", 6) == errors.NONE
    group << leave("a", "b") >> ok("a", "b")
    group.groups.delete("g")
    assert told(group) == [
        [("group", ("", 0, 0))],
        [("group", (CONSUMER, 1, 2))],
        [("t", 0, 5)],
        [("t", 0, 6)],
        [("group", (CONSUMER, 2, 0))],
        [("t", 0, None), ("group", None)],
    ]


def test_the_records_of_a_group_and_an_offset(group):
    topic_id = group.cluster.create_topic("t").topic_id
    group << stable("a")
    formed = group.time.now()
    group << tick(1_000)
    commit(group, "a", 5, metadata="m")
    (metadata,), (offset,) = group.stored()[1:]
    member = GroupMetadata.Value.Members(
        member_id=group.client("a").member_id, client_id="a", client_host="/127.0.0.1", rebalance_timeout=60_000,
        session_timeout=10_000, subscription=RANGE[0][1], assignment=b"a")
    assert metadata.value == GroupMetadata.Value(
        protocol_type="consumer", generation=1, protocol="range", leader=member.member_id,
        current_state_timestamp=formed - 3_000, members=[member])
    assert offset.value == OffsetCommit.Value(
        offset=5, leader_epoch=5, metadata="m", commit_timestamp=formed + 1_000, topic_id=topic_id)
    last = list(group.partition(group.groups.partition_for("g")).log.batches())[-1][0]
    assert (last.base_timestamp, last.producer_id, last.base_sequence) == (formed + 1_000, -1, 0)


def test_one_batch_for_what_one_request_did(group):
    group.groups.offsets.commit("g", "", None, -1, [("t", [(0, 1, -1, ""), (1, 2, -1, "")]), ("u", [(0, 3, -1, "")])])
    assert deleted(group, "t", [0, 1, 9]) == errors.NONE
    group.groups.topic_deleted("u")
    assert told(group) == [[("t", 0, 1), ("t", 1, 2), ("u", 0, 3)], [("t", 0, None), ("t", 1, None)], [("u", 0, None)]]


def test_what_expires_leaves_tombstones(group):
    assert commit(group, offset=3) == errors.NONE
    group << tick(8 * DAY)
    assert told(group) == [[("t", 0, 3)], [("t", 0, None), ("group", None)]]


def test_a_commit_that_asks_for_its_own_retention_has_the_version_with_a_place_for_it(group):
    commit(group, retention_ms=1_000)
    [[(_, _, value)]] = group.stored()
    assert (value.expire_timestamp, value.leader_epoch) == (group.time.now() + 1_000, -1)


def test_a_static_member_that_comes_back_is_stored_under_its_new_id(group):
    group << join("s", instance="i") << tick(3_000) >> generation(1, leader="s") << sync("s", s=b"1") >> assigned(s=b"1")
    group << join("s2", instance="i") >> ok("s2")
    assert [batch[0].value.leader for batch in group.stored()[1:]] == [group.client("s").member_id, group.client("s2").member_id]


def limited(group, max_message_bytes):
    """The same group where __consumer_offsets takes no larger batches."""
    group.partition(group.groups.partition_for("g")).log.config = settings(max_message_bytes)
    return group


def settings(max_message_bytes):
    return Configs(parse_broker_settings({})).preview({"max.message.bytes": str(max_message_bytes)})


def test_more_than_a_batch_takes_is_refused_and_nothing_of_it_kept(group):
    many = [(partition, 1, -1, "m" * 900) for partition in range(30)]
    limited(group, 10_000)
    assert group.groups.offsets.commit("g", "", None, -1, [("t", many)]) == [[errors.UNKNOWN_SERVER_ERROR] * 30]
    assert group.stored() == [] and fetched(group) == {} and group.groups.list() == []


def test_what_expires_at_once_may_be_more_than_a_batch(group):
    for first in range(0, 3_000, 10):
        group.groups.offsets.commit("g", "", None, -1, [("t", [(partition, 1, -1, "") for partition in range(first, first + 10)])])
    limited(group, 10_000).groups.delete("g")
    assert [len(batch) for batch in group.stored()[300:]] > [100, 100]


def test_what_one_record_does_not_hold_is_refused(group):
    limited(group, 1_000)
    assert commit(group, metadata="m" * 1_000) == errors.UNKNOWN_SERVER_ERROR
    assert fetched(group) == {}
    group << join("a") << tick(3_000) >> generation(1, leader="a") << sync("a", a=b"x" * 1_000)
    group >> refused("a", errors.UNKNOWN_SERVER_ERROR)
    assert group.group.state == "PreparingRebalance"
    group << join("a") >> generation(2, leader="a") << sync("a", a=b"x") >> assigned(a=b"x")


def test_a_static_member_whose_return_cannot_be_stored_keeps_its_id(group):
    group << join("s", instance="i") << tick(3_000) >> generation(1, leader="s") << sync("s", s=b"1") >> assigned(s=b"1")
    limited(group, 100) << join("s2", instance="i") >> refused("s2", errors.UNKNOWN_SERVER_ERROR)
    assert [member.member_id for member in group.group.members] == [group.client("s").member_id]
    group << heartbeat("s") >> ok("s")


def test_endless_commits_take_bounded_room(group):
    group << stable("a")
    log = group.partition(group.groups.partition_for("g")).log
    log.config = Configs(parse_broker_settings({})).preview({"cleanup.policy": "compact", "internal.segment.bytes": "10000"})
    LogCleaner(lambda: [log], lambda: parse_broker_settings({}), group.time).start()
    for offset in range(3_000):
        assert commit(group, "a", offset, partition=offset % 3) == errors.NONE
        group.time.advance(100)
    assert log.end_offset > 3_000 and log.size < 40_000
    before = described(group)
    assert described(reloaded(group)) == before
    assert fetched(group) == {("t", 0): 2_997, ("t", 1): 2_998, ("t", 2): 2_999}


# -- coming back -----------------------------------------------------------------------------------


def reloaded(trace):
    """The trace after its coordinator was replaced by one that knows but the log."""
    for partition in list(trace.partitions):
        trace.groups.unload(partition)
    assert not trace.groups.list()
    trace.groups = trace.coordinator()
    for partition in list(trace.partitions):
        trace.groups.load(partition)
    return trace


def described(trace):
    """Everything about every group that lasts. Since when it is in its state does so for groups that became empty:
    of a stable one Kafka stores since when its last rebalance was completing, of a simple consumer's nothing."""
    def member(it, protocol):
        return (it.member_id, it.group_instance_id, it.client_id, it.client_host, it.session_timeout_ms,
                it.rebalance_timeout_ms, it.metadata(protocol), it.assignment)

    return {
        group.group_id: (
            group.state, group.generation_id, group.protocol_type, group.protocol_name,
            group.members.leader, [member(it, group.protocol_name) for it in group.members], group.members.static,
            group.subscribed_topics, group.generation_id and group.is_empty and group.state_timestamp,
            trace.groups.offsets.fetch(group.group_id),
        )
        for group in trace.groups.list()
    }


def test_members_go_on_with_a_coordinator_that_was_rebuilt(group):
    group << stable("a", "b")
    commit(group, "a", 5, metadata="m")
    before = described(group)
    assert described(reloaded(group)) == before
    assert group.groups.classic.heartbeat("g", group.client("b").member_id, None, 1) == errors.NONE
    assert commit(group, "b", 7) == errors.NONE
    group << join("b", protocols=(*RANGE, ("other", b""))) << join("a") >> generation(2, "b", leader="a")
    group << sync("b") << sync("a", a=b"1", b=b"2") >> assigned(a=b"1", b=b"2")


def test_sessions_start_anew_when_a_group_is_loaded(group):
    group << stable("a") << tick(9_000)
    reloaded(group) << tick(9_000)
    assert len(group.group.members) == 1
    group << tick(1_000)
    assert group.group.state == "Empty"


def test_a_rebalance_that_was_not_over_never_was(group):
    group << stable("a") << join("b")
    reloaded(group)
    group >> refused("b", errors.NOT_COORDINATOR)
    assert (group.group.state, group.group.generation_id, len(group.group.members)) == ("Stable", 1, 1)


def test_more_members_than_are_allowed_by_now_rebalance(group_with):
    group = group_with()
    group << stable("a", "b")
    group.settings.group_max_size = 1
    assert reloaded(group).group.state == "PreparingRebalance"


def test_what_is_gone_stays_gone(group):
    commit(group, offset=3)
    group.groups.delete("g")
    assert described(reloaded(group)) == {}


def test_records_to_come_and_garbage_are_left_out(group, caplog):
    commit(group, offset=3)
    store = group.coordinator().store
    partition = group.groups.partition_for("g")
    store.append(partition, b"\0\x63later", b"\0\0")
    store.append(partition, b"\0\1\0", b"\0\0")
    assert fetched(reloaded(group)) == {("t", 0): 3}
    assert len(caplog.records) == 2


def test_any_history_comes_back():
    for seed in range(20):
        trace = history(Random(seed), Trace(seed=seed, group_max_size=5))
        before = described(trace)
        if seed % 2:
            compacted(trace)
        assert described(reloaded(trace)) == before, f"seed {seed}"


def compacted(trace):
    logs = [partition.log for partition in trace.partitions.values()]
    size = sum(log.size for log in logs)
    for log in logs:
        log._roll()
    LogCleaner(lambda: logs, lambda: parse_broker_settings({}), trace.time).run()
    assert sum(log.size for log in logs) <= size


def history(chance, trace):
    """Members of three groups come, go, commit and fall silent; at the end all rebalances are over."""
    names = "abcd"

    def settle():
        """Until no rebalance is under way: who is asked for an assignment makes one."""
        for _ in range(400):
            trace << tick(1_000)
            for client in trace.clients.values():
                client.answers.clear()
            for known in trace.groups.list():
                trace.group_id = known.group_id
                if known.state == "CompletingRebalance":
                    ids = {member.member_id: str(chance.random()).encode() for member in known.members}
                    for member in list(known.members):
                        sending = ids if member.member_id == known.members.leader else {}
                        trace.groups.classic.sync(known.group_id, member.member_id, member.group_instance_id, known.generation_id,
                                          None, None, sending, lambda result: None)
            if all(known.state in ("Empty", "Stable") for known in trace.groups.list()):
                return

    for _ in range(chance.randint(3, 25)):
        trace.group_id = chance.choice(("g", "h", "i"))
        name = f"{trace.group_id}-{chance.choice(names)}"
        client = trace.client(name)
        client.answers.clear()
        act = chance.random()
        if act < 0.4:
            instance = name if name.endswith("d") else None
            member_id = "" if instance and chance.random() < 0.5 else client.member_id
            client.instance = instance
            if client.member_id or instance:
                join(name, instance=instance, member_id=member_id)(trace)
            else:
                trace << join(name, version=3)
        elif act < 0.5 and client.member_id:
            trace << leave(name)
        elif act < 0.8:
            commit(trace, None, chance.randint(0, 99), chance.choice("tu"), chance.randint(0, 2),
                   retention_ms=chance.choice((-1, -1, DAY)))
        elif act < 0.85:
            trace << tick(chance.choice((5_000, 20_000, 2 * DAY, 8 * DAY)))
        elif act < 0.9:
            deleted(trace, "t")
        elif act < 0.95:
            try:
                trace.groups.delete(trace.group_id)
            except errors.KafkaError:
                pass
        if chance.random() < 0.5:
            settle()
    settle()
    return trace
