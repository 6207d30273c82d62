"""Committed offsets: who may commit, delete and read them, and how long they are kept."""

import pytest

from emulator.state.groups.offsets.committed import CommittedOffset
from tests.state.groups.trace import assigned, generation, heartbeat, is_, join, knock, leave, ok, refused, stable, sync, tick
from wire import errors

DAY = 24 * 60 * 60 * 1000
MINUTE = 60_000


def commit(trace, name=None, offset=1, topic="t", partition=0, metadata="", retention_ms=-1, **fields):
    """OffsetCommit of one partition, as this member or as a simple consumer; its error code."""
    client = trace.client(name) if name else None
    identity = {
        "member_id": client.member_id if client else "",
        "group_instance_id": client.instance if client else None,
        "generation_id": client.generation_id if client else -1,
        **fields,
    }
    leader_epoch = 5 if retention_ms == -1 else -1  # no version has both
    topics = [(topic, [(partition, offset, leader_epoch, metadata)])]
    try:
        [[error]] = trace.groups.offsets.commit(trace.group_id, topics=topics, retention_ms=retention_ms, **identity)
    except errors.KafkaError as refusal:
        return refusal.error
    return error


def fetched(trace):
    """{(topic, partition): offset}"""
    return {
        (topic, partition): committed.offset
        for topic, partitions in trace.groups.offsets.fetch(trace.group_id).items()
        for partition, committed in partitions.items()
    }


def deleted(trace, topic="t", partitions=(0,)):
    try:
        return trace.groups.offsets.delete(trace.group_id, [(topic, partitions)])[topic]
    except errors.KafkaError as refusal:
        return refusal.error


def test_a_member_commits_and_anyone_reads(group):
    group << stable("a")
    assert commit(group, "a", 42, metadata="m") == errors.NONE
    assert group.groups.offsets.fetch("g") == {"t": {0: CommittedOffset(42, 5, "m", group.time.now())}}
    assert commit(group, "a", 41) == errors.NONE
    assert fetched(group) == {("t", 0): 41}


def test_a_group_that_does_not_exist_has_no_offsets(group):
    assert group.groups.offsets.fetch("nobody") == {}


def test_a_simple_consumer_commits_without_a_generation_and_makes_the_group(group):
    assert commit(group) == errors.NONE
    assert (group.group.state, group.group.protocol_type) == ("Empty", None)
    assert commit(group, member_id="whatever") == errors.NONE


def test_a_generation_of_a_group_that_does_not_exist(group):
    assert commit(group, generation_id=3) == errors.GROUP_ID_NOT_FOUND
    assert commit(group, generation_id=3, version=8) == errors.ILLEGAL_GENERATION


def test_strangers_and_former_generations_do_not_commit(group):
    group << stable("a")
    assert commit(group) == errors.UNKNOWN_MEMBER_ID
    assert commit(group, member_id="who", generation_id=1) == errors.UNKNOWN_MEMBER_ID
    assert commit(group, "a", generation_id=0) == errors.ILLEGAL_GENERATION
    assert commit(group, "a", generation_id=-1) == errors.ILLEGAL_GENERATION
    assert commit(group, "a", group_instance_id="i") == errors.UNKNOWN_MEMBER_ID
    assert fetched(group) == {}


def test_a_member_commits_while_it_prepares_a_rebalance_but_not_before_its_assignment(group):
    group << stable("a") << join("b") >> is_("PreparingRebalance")
    assert commit(group, "a") == errors.NONE
    group << join("a") >> generation(2, "b", leader="a")
    assert commit(group, "a") == errors.REBALANCE_IN_PROGRESS


def test_a_fenced_instance_does_not_commit(group):
    group << join("a", instance="i") << tick(3_000) >> generation(1, leader="a") << sync("a") >> assigned(a=b"")
    assert commit(group, "a") == errors.NONE
    assert commit(group, "a", member_id="who") == errors.FENCED_INSTANCE_ID


def test_a_commit_keeps_the_session_alive(group):
    group << stable("a") << tick(9_999)
    assert commit(group, "a") == errors.NONE
    group << tick(9_999) >> is_("Stable") << tick(1) >> is_("Empty")


def test_metadata_has_a_limit(group):
    assert commit(group, metadata="x" * 4_097) == errors.OFFSET_METADATA_TOO_LARGE
    assert fetched(group) == {}
    assert commit(group, metadata="x" * 4_096) == errors.NONE


def test_offsets_of_a_subscribed_topic_are_not_deleted(group):
    group << stable("a")
    for topic in "tu":
        assert commit(group, "a", topic=topic) == errors.NONE
    assert deleted(group, "t") == errors.GROUP_SUBSCRIBED_TO_TOPIC
    assert deleted(group, "u") == errors.NONE
    assert fetched(group) == {("t", 0): 1}
    group << leave("a") >> ok("a")
    assert deleted(group, "t", (0, 7)) == errors.NONE
    assert fetched(group) == {}


def test_when_a_subscription_cannot_be_read_every_topic_counts_as_subscribed(group):
    group << join("a", protocols=(("range", b"\0"),)) << tick(3_000) >> generation(1, leader="a")
    assert deleted(group, "u") == errors.GROUP_SUBSCRIBED_TO_TOPIC


def test_offsets_of_active_groups_other_than_consumers_are_not_deleted(group):
    group << join("a", protocol_type="connect") << tick(3_000)
    group.take("a")
    assert deleted(group) == errors.NON_EMPTY_GROUP


def test_deleting_offsets_of_no_group(group):
    assert deleted(group) == errors.GROUP_ID_NOT_FOUND


def test_a_deleted_topic_takes_its_offsets_along(group):
    for topic in "tu":
        commit(group, topic=topic)
    group.groups.topic_deleted("t")
    assert fetched(group) == {("u", 0): 1}


# -- retention (KIP-211) ---------------------------------------------------------------------------


def test_an_active_group_keeps_the_offsets_of_what_it_reads_and_loses_others(group_with):
    group = group_with(offsets_retention_minutes=60)
    group << stable("a")
    for topic in "tu":
        commit(group, "a", topic=topic)
    for _ in range(75 * 12):
        group << tick(5_000) << heartbeat("a") >> ok("a")
    assert fetched(group) == {("t", 0): 1}


def test_offsets_of_an_empty_group_expire_from_when_it_became_empty_and_the_group_with_them(group):
    group << stable("a")
    commit(group, "a")
    group << leave("a") >> ok("a")
    group.time.advance(7 * DAY - 20 * MINUTE)
    assert fetched(group) == {("t", 0): 1}
    group.time.advance(30 * MINUTE)
    assert fetched(group) == {}
    assert group.groups.list() == []
    assert group.time.next_deadline() is None


def test_offsets_of_simple_consumers_expire_from_their_commit(group):
    commit(group)
    group.time.advance(5 * DAY)
    commit(group, topic="u")
    group.time.advance(2 * DAY + 20 * MINUTE)
    assert fetched(group) == {("u", 0): 1}


def test_early_commits_name_their_own_retention(group):
    commit(group, retention_ms=5 * MINUTE)
    commit(group, topic="u")
    group.time.advance(10 * MINUTE)
    assert fetched(group) == {("u", 0): 1}


def test_an_empty_group_without_offsets_is_gone_at_the_next_check(group):
    group << knock("a") >> refused("a", errors.MEMBER_ID_REQUIRED)
    group.time.advance(10 * MINUTE)
    with pytest.raises(errors.KafkaError):
        group.group


def test_an_endless_retention_overflows_as_it_does_in_java(group):
    commit(group, retention_ms=2**63 - 1)
    commit(group, topic="u")
    group.time.advance(10 * MINUTE)
    assert fetched(group) == {("u", 0): 1}
