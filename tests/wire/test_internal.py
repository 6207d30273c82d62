import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.internal import (
    CONSUMER_OFFSETS, TRANSACTION_STATE, ConsumerAssignment, ConsumerSubscription, Malformed, UnknownKind, subscribed_topics,
)
from wire.internal.consumer_groups import ConsumerGroupMemberMetadata
from wire.internal.groups import GroupMetadata, OffsetCommit
from wire.internal.transactions import TransactionLog


def subscription(topics, version=0, user_data=b"\xff\xff\xff\xff", later=b""):
    names = b"".join(len(name).to_bytes(2, "big") + name for name in topics)
    return version.to_bytes(2, "big") + len(topics).to_bytes(4, "big") + names + user_data + later


def test_topics_of_a_subscription_whatever_later_versions_append():
    assert subscribed_topics(subscription([])) == []
    assert subscribed_topics(subscription([b"a", "ü".encode()])) == ["a", "ü"]
    assert subscribed_topics(subscription([b"a"], 3, b"\0\0\0\2xy", later=b"\0\0\0\0\0\0\0\1\0\1r")) == ["a"]


@pytest.mark.parametrize(
    "metadata",
    [
        b"",
        b"\0\0",
        b"\0\0\x7f\xff\xff\xff",  # a count that the bytes do not hold
        b"\0\0\xff\xff\xff\xff\xff\xff\xff\xff",  # no array
        b"\0\0\0\0\0\1\xff\xff\xff\xff\xff\xff",  # a null name
        subscription([b"\xff"]),
        subscription([b"a"], user_data=b""),
        subscription([b"a"], user_data=b"\0\0\0\2x"),
    ],
)
def test_what_is_no_subscription_is_a_value_error(metadata):
    with pytest.raises(ValueError):
        subscribed_topics(metadata)


@given(st.binary(max_size=64))
def test_any_bytes_are_topics_or_a_value_error(metadata):
    try:
        topics = subscribed_topics(metadata)
    except ValueError:
        return
    assert sum(2 + len(name.encode()) for name in topics) <= len(metadata) - 10


def test_the_bytes_of_an_offset_commit():
    # As Apache Kafka 4.3.1 has them in its __consumer_offsets.
    key = OffsetCommit.key(group="g", topic="t", partition=3)
    value = OffsetCommit.value(4, offset=9, leader_epoch=0, metadata="m", commit_timestamp=5, topic_id=b"i" * 16)
    assert key == b"\0\1" b"\0\1g" b"\0\1t" b"\0\0\0\3"
    assert value == b"\0\4" + bytes(7) + b"\t" + bytes(4) + b"\2m" + bytes(7) + b"\5" b"\1\0\x10" + b"i" * 16
    assert CONSUMER_OFFSETS.parse(key, value) == (
        OffsetCommit,
        OffsetCommit.Key(group="g", topic="t", partition=3),
        OffsetCommit.Value(offset=9, leader_epoch=0, metadata="m", commit_timestamp=5, topic_id=b"i" * 16))


def test_a_tombstone_has_a_key_only():
    assert CONSUMER_OFFSETS.parse(GroupMetadata.key(group="g"), None) == (GroupMetadata, GroupMetadata.Key(group="g"), None)


def test_kinds_are_told_apart_by_topic():
    key = TransactionLog.key(transactional_id="t")
    assert TRANSACTION_STATE.parse(key, None).kind is TransactionLog
    assert CONSUMER_OFFSETS.by_id[0] is not TransactionLog


def test_a_member_of_the_consumer_protocol_says_so_with_a_null():
    value = ConsumerGroupMemberMetadata.value(0, instance_id=None, rack_id=None, subscribed_topic_regex=None,
                                              server_assignor=None, classic_member_metadata=None)
    assert value.endswith(b"\1\0\1\0")  # one tagged field: 0, of one byte
    assert ConsumerGroupMemberMetadata.parse_value(value).classic_member_metadata is None


def test_what_consumers_embed_may_come_in_later_versions():
    joined = ConsumerSubscription.build_from(1, topics=["a"], owned_partitions=[
        ConsumerSubscription.Record.OwnedPartitions(topic="a", partitions=[0, 1])])
    assert joined == b"\0\1" b"\0\0\0\1" b"\0\1a" b"\xff\xff\xff\xff" b"\0\0\0\1" b"\0\1a" b"\0\0\0\2\0\0\0\0\0\0\0\1"
    assert ConsumerSubscription.read(joined)[1].owned_partitions[0].partitions == [0, 1]
    assigned = ConsumerAssignment.build_from(0, user_data=b"u")
    assert ConsumerAssignment.read(b"\0\x7f" + assigned[2:] + b"more") == (127, ConsumerAssignment.Record(user_data=b"u"))


@pytest.mark.parametrize(
    "key, value",
    [
        (None, None),
        (b"", None),
        (b"\0", None),
        (b"\0\2", None),
        (b"\0\2\0\5g", None),
        (GroupMetadata.key(group="g"), b""),
        (GroupMetadata.key(group="g"), b"\0\5"),  # no such version
        (GroupMetadata.key(group="g"), b"\xff\xff"),
        (GroupMetadata.key(group="g"), b"\0\3\0\0\0\0"),
    ],
)
def test_what_is_no_record_is_malformed(key, value):
    with pytest.raises(Malformed) as raised:
        CONSUMER_OFFSETS.parse(key, value)
    assert not isinstance(raised.value, UnknownKind)


def test_a_kind_to_come_is_told_apart_from_what_is_malformed():
    with pytest.raises(UnknownKind):
        CONSUMER_OFFSETS.parse(b"\0\x63", b"anything")


@given(st.binary(max_size=48), st.none() | st.binary(max_size=64), st.sampled_from(sorted(CONSUMER_OFFSETS.by_id)))
def test_any_bytes_are_a_record_or_malformed(key, value, kind):
    try:
        CONSUMER_OFFSETS.parse(kind.to_bytes(2, "big") + key, value)
    except Malformed:
        pass
