"""The fault language: what it takes, and what is said to who asks for what cannot be."""

from datetime import datetime, timedelta, timezone
from random import Random

import pytest

from emulator.pipeline.faults import Faults
from emulator.pipeline.words import WordError
from emulator.pipeline.faults.levels import level_of
from emulator.pipeline.answers.shapes import shape_of
from emulator.state.clock import VirtualClock
from wire import errors
from wire.apis import BY_KEY
from wire.apis.data import Fetch, Produce
from wire.apis.groups import LeaveGroup, OffsetFetch
from wire.apis.metadata import FindCoordinator, Metadata
from wire.apis.transactions import AddPartitionsToTxn


@pytest.fixture
def faults():
    return Faults(VirtualClock(1_000_000), Random, 1, brokers=[1, 2])


@pytest.mark.parametrize("spec, said", [
    ({"api": "Produce"}, "nothing is to happen: say one of error, drop"),
    ({"api": "Prodce", "drop": True}, "no API Prodce: did you mean Produce?"),
    ({"api": "Produce", "eror": "NONE"}, "a fault has no eror: did you mean error?"),
    ({"api": "Produce", "error": "NOT_LEADR"}, "no error NOT_LEADR: did you mean NOT_LEADER_OR_FOLLOWER?"),
    ({"api": "Produce", "error": "NONE"}, "no error NONE"),
    ({"api": "Produce", "error": "UNKNOWN_TOPIC_ID", "level": "topic"}, "no level of errors in the answer to Produce called topic: there are partition"),
    ({"api": "Produce", "error": "UNKNOWN_TOPIC_ID", "level": "partitoin"}, "did you mean partition?"),
    ({"api": "Metadata", "error": "LEADER_NOT_AVAILABLE", "level": "topic", "partition": 0}, "Metadata has no room for an error of one partition at the level topic"),
    ({"api": "JoinGroup", "topic": "orders", "drop": True}, "topic: JoinGroup names no topic, only group, member"),
    ({"api": "Produce", "corrupt_crc": True}, "corrupt_crc: Produce brings no records; those of Fetch and ShareFetch can be"),
    ({"api": "ShareFetch", "stale": 1}, "stale: ShareFetch brings no records; those of Fetch can be"),
    ({"api": "Fetch", "corrupt_crc": True, "drop": True}, "corrupt_crc does not go with drop"),
    ({"api": "SaslHandshake", "throttle": "1s"}, "throttle: the answer to SaslHandshake has no throttle_time_ms"),
    ({"api": "Metadata", "versions": "44", "drop": True}, "Metadata has versions 0-13, and none of 44"),
    ({"api": "Metadata", "versions": "new", "drop": True}, "versions new: expected versions such as 9, 3-12 or 13+"),
    ({"versions": "4", "drop": True}, "versions says nothing without api"),
    ({"api": "Produce", "drop": "later"}, "drop later: expected before or after"),
    ({"api": "Produce", "drop": True, "error": "UNKNOWN_TOPIC_ID"}, "error and drop: a request can end in one way only"),
    ({"api": "Produce", "drop": True, "delay_answer": "1s"}, "delay_answer does not go with drop"),
    ({"api": "Produce", "drop": True, "nth": 2, "times": 3}, "nth does not go with times"),
    ({"api": "Produce", "drop": True, "times": 0}, "times 0: expected a whole number from 1 on"),
    ({"api": "Produce", "drop": True, "times": True}, "times True: expected a whole number from 1 on"),
    ({"api": "Produce", "drop": True, "probability": 1.5}, "probability 1.5: expected a number above 0 and up to 1"),
    ({"api": "Produce", "drop": True, "seed": 1}, "seed says nothing without probability or jitter"),
    ({"api": "Produce", "drop": True, "jitter": "1s"}, "jitter says nothing without delay or delay_answer"),
    ({"api": "Produce", "delay": 500}, "delay: '500' is no duration: expected whole numbers with units"),
    ({"api": "Produce", "delay": timedelta(-1)}, "expected 0ms to 2147483647ms"),
    ({"api": "Produce", "throttle": "999w"}, "throttle 999w: expected 0ms to 2147483647ms"),
    ({"api": "Produce", "clock_skew": "-999999999999999w"}, "expected 0ms to"),
    ({"drop": True, "since": "999999999999999w"}, "since 999999999999999w: expected a moment"),
    ({"api": "Produce", "partition": "a", "drop": True}, "partition a: expected a number"),
    ({"api": "Produce", "partition": "5-1", "drop": True}, "partition 5-1: expected a number"),
    ({"api": "Produce", "topic": "", "drop": True}, "topic: expected a name"),
    ({"api": "Produce", "broker": 3, "drop": True}, "no broker 3: there are 1, 2"),
    ({"api": "Produce", "bandwidth": "fast"}, "bandwidth fast: expected bytes, such as 4096, 64KB or 1MB"),
    ({"api": "Produce", "drop": False}, "drop False: expected before or after"),
    ({"client": "a", "unreachable": False}, "unreachable: false says nothing; leave it out"),
    ({"api": "Produce", "unreachable": True}, "unreachable does not go with api"),
    ({"drop": True, "after_fault": "other"}, "no fault other: there are none"),
    ({"drop": True, "after_calls": "Fech:3"}, "no API Fech: did you mean Fetch?"),
    ({"drop": True, "since": "soon"}, "since soon: expected a moment since 1970"),
    ({"api": "Fetch", "clock_skew": "1h"}, "clock_skew: only what is produced is stamped; Fetch is not"),
    ({"topic": ["x"] * 101, "drop": True}, "topic: 101 values, and there may be 100"),
    ({"topic": "x," * 200 + "x", "drop": True}, "topic: 201 names, and there may be 100"),
    ({"topic": {"name": "x"}, "drop": True}, "topic: expected a text, a number, true, or a list of such"),
    ({"topic": [["x"]], "drop": True}, "topic: expected a text, a number, true, or a list of such"),
    ({"api": "X" * 9_000_000, "drop": True}, "api: a text of 9000000 characters, and there may be 1000"),
    ({"X" * 9_000_000: True}, "no word of a fault is like that"),
    ({"topic": ["x" * 1000] * 11, "drop": True}, "a fault of 11004 characters, and there may be 10000"),
    ({"partition": 10**30, "drop": True}, "partition: that number is too large"),
    ({"probability": "nan", "drop": True}, "probability nan: expected a number above 0"),
    ({"torn": 1e308}, "torn 1e+308: expected a whole number"),
    ({"error": "INVALID_CONFIG", "message": "\ud800"}, "message: what is no Unicode text cannot be sent"),
    ({"name": "a/b", "drop": True}, "name 'a/b': expected letters, digits"),
    ({"name": 5, "drop": True}, "name '5': expected letters, digits"),
    ({"drop": True, "since": "2h", "until": "1h"}, "until: it would be over before it has begun"),
])  # fmt: skip
def test_what_cannot_be_is_refused_with_what_would_be_right(faults, spec, said):
    with pytest.raises(WordError) as refused:
        faults.add(spec)
    assert said in str(refused.value) and "\n" not in str(refused.value)
    assert not len(faults)


def test_values_come_as_text_and_as_themselves(faults):
    fault = faults.add({
        "api": "Produce,Fetch", "partition": "0,3-5", "topic": ["a*", "b"], "probability": "25%", "times": "2", "delay": "1m30s",
        "bandwidth": "64KB", "since": datetime(1970, 1, 1, tzinfo=timezone.utc), "until": timedelta(seconds=5), "clock_skew": None,
    })  # fmt: skip
    assert fault.apis == {Produce, Fetch} and fault.probability == 0.25 and fault.times == 2
    assert [fault.items["partition"].matches(one) for one in (0, 1, 3, 5, 6)] == [True, False, True, True, False]
    assert [fault.items["topic"].matches(one) for one in ("abc", "b", "bc", None)] == [True, True, False, False]
    assert (fault.delay, fault.bandwidth, fault.since, fault.until) == (90_000, 65_536, 0, 1_005_000)
    assert fault.describe()["fault"]["until"] == "0:00:05"


def test_faults_have_names(faults):
    assert [faults.add({"drop": True}).name for _ in range(2)] == ["fault-1", "fault-2"]
    faults.remove("fault-1")
    assert faults.add({"name": "mine", "drop": True}).name == "mine"
    assert faults.add({"drop": True}).name == "fault-4"
    with pytest.raises(WordError, match="there is a fault of this name already"):
        faults.add({"name": "mine", "drop": True})
    with pytest.raises(WordError, match="no fault mein: did you mean mine?"):
        faults.remove("mein")
    assert faults.clear() == 3 and not len(faults)


def test_there_is_an_end_to_how_many(faults):
    for _ in range(1000):
        faults.add({"drop": True})
    with pytest.raises(WordError, match="there are 1000 faults already"):
        faults.add({"drop": True})


def test_every_answer_has_room_for_errors():
    for api in BY_KEY.values():
        for version in api.versions:
            assert shape_of(api, version).levels, (api, version)


@pytest.mark.parametrize("api, version, error, conditions, level", [
    (Fetch, 12, errors.NOT_LEADER_OR_FOLLOWER, [], "partition"),
    (Fetch, 12, errors.FETCH_SESSION_ID_NOT_FOUND, [], "top"),
    (Fetch, 12, errors.UNKNOWN_SERVER_ERROR, ["topic"], "partition"),
    (Fetch, 4, errors.FETCH_SESSION_ID_NOT_FOUND, [], "partition"),
    (Metadata, 12, errors.UNKNOWN_TOPIC_OR_PARTITION, [], "topic"),
    (Metadata, 12, errors.LEADER_NOT_AVAILABLE, ["topic"], "partition"),
    (OffsetFetch, 7, errors.NOT_COORDINATOR, ["group"], "top"),
    (OffsetFetch, 8, errors.NOT_COORDINATOR, ["group"], "group"),
    (OffsetFetch, 8, errors.UNSTABLE_OFFSET_COMMIT, [], "partition"),
    (LeaveGroup, 3, errors.UNKNOWN_MEMBER_ID, ["member"], "member"),
    (LeaveGroup, 2, errors.UNKNOWN_MEMBER_ID, ["member"], "top"),
    (FindCoordinator, 3, errors.COORDINATOR_NOT_AVAILABLE, ["coordinator"], "top"),
    (FindCoordinator, 4, errors.COORDINATOR_NOT_AVAILABLE, ["coordinator"], "coordinator"),
    (AddPartitionsToTxn, 3, errors.CONCURRENT_TRANSACTIONS, [], "partition"),
    (AddPartitionsToTxn, 4, errors.CONCURRENT_TRANSACTIONS, ["transaction"], "partition"),
])  # fmt: skip
def test_an_error_stands_where_kafka_puts_it(api, version, error, conditions, level):
    assert level_of(shape_of(api, version), error, None, conditions).name == level


def test_patterns_take_no_longer_the_more_stars_they_have(faults):
    """In whichever way a name nearly matches: seconds here would be an hour with ten more."""
    for pattern in ("*a" * 499 + "b", "*?" * 400 + "b", "*[ab]" * 150 + "c"):
        fault = faults.add({"client": pattern, "drop": True})
        assert not fault.client.matches("a" * 32_000)
        faults.clear()


def test_there_is_an_end_to_faults(faults):
    for _ in range(1000):
        faults.add({"drop": True})
    with pytest.raises(WordError, match="there are 1000 faults already"):
        faults.add({"drop": True})
