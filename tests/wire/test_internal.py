import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.internal import subscribed_topics


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
