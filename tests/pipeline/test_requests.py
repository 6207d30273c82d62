"""What clients asked and were answered, kept within bounds and told in words."""

import threading

import pytest

from emulator import Emulator
from emulator.pipeline import requests
from emulator.pipeline.narrate import errors_of, timeline, words
from emulator.pipeline.requests import CLOSED, UNANSWERED, History, Left
from tests.api.test_data import fetch_request, produce_request
from tests.wire_client import WireClient
from wire.apis.configs import IncrementalAlterConfigs
from wire.apis.data import Fetch, Produce
from wire.apis.delegation_tokens import CreateDelegationToken, DescribeDelegationToken
from wire.apis.groups import Heartbeat, JoinGroup
from wire.apis.metadata import ApiVersions, FindCoordinator, Metadata
from wire.apis.sasl import AlterUserScramCredentials
from wire.apis.transactions import AddPartitionsToTxn
from wire.records import Record, build_batch

BATCH = build_batch([Record(None, 1, None, b"value")])


@pytest.fixture
def kafka():
    with Emulator(topics=["t:2"], clock="virtual") as emulator:
        yield emulator


def test_who_asked_what_and_got_which_answer(kafka):
    with WireClient(kafka.bootstrap, client_id="one") as one, WireClient(kafka.bootstrap, client_id="two") as two:
        one.call(Metadata, 12, topics=None)
        two.call(Produce, 9, **produce_request("t", BATCH, partition=1))
        two.call(Produce, 9, **produce_request("t", BATCH, partition=2))
        port = one.socket.getsockname()[1]
    assert [(asked.client_id, asked.api, asked.version, asked.outcome) for asked in kafka.requests()] == [
        ("one", "Metadata", 12, "answered"), ("two", "Produce", 9, "answered"), ("two", "Produce", 9, "answered")]
    [metadata] = kafka.requests(client_id="one")
    assert metadata.client == ("127.0.0.1", port) and metadata.broker == 1 and metadata.timestamp == kafka.clock.now_ms()
    assert 0 < metadata.duration_ms < 1000 and metadata.errors == []
    assert {topic.name: len(topic.partitions) for topic in metadata.response.topics} == {"t": 2}
    right, wrong = kafka.requests("Produce", client_id="two")
    assert right.request.topic_data[0].partition_data[0].records == len(BATCH), "records are not kept"
    assert (right.errors, wrong.errors) == ([], ["t-2 UNKNOWN_TOPIC_OR_PARTITION"])
    assert "acks=-1, t(1(records=<73 bytes>)) -> t(1(base_offset=0))" in str(right)
    assert "-> !! t-2 UNKNOWN_TOPIC_OR_PARTITION" in repr(wrong)
    kafka.forget_requests()
    assert kafka.requests() == [] and kafka.timeline() == ""


def test_requests_that_wait_and_that_get_no_answer(kafka):
    with WireClient(kafka.bootstrap) as client:
        client.send(Fetch, 12, **fetch_request("t", 0, max_wait_ms=60_000, min_bytes=1))
        with WireClient(kafka.bootstrap) as other:
            while not kafka.requests("Fetch"):
                other.call(ApiVersions, 0)
            other.send(Produce, 9, **{**produce_request("t", BATCH, partition=1), "acks": 0})
            other.call(ApiVersions, 0)
        [waiting] = kafka.requests("Fetch")
        assert (waiting.outcome, waiting.duration_ms, waiting.response) == ("under way", None, None)
        assert "-> under way" in kafka.timeline()
        assert kafka.requests("Produce")[0].outcome == UNANSWERED
    while kafka.requests("Fetch")[0].outcome == "under way":
        with WireClient(kafka.bootstrap) as other:
            other.call(ApiVersions, 0)
    assert kafka.requests("Fetch")[0].outcome == CLOSED


def test_the_newest_of_each_client_are_told(kafka):
    with WireClient(kafka.bootstrap, client_id="busy") as busy, WireClient(kafka.bootstrap, client_id="calm") as calm:
        calm.call(FindCoordinator, 4, key_type=0, coordinator_keys=["g"])
        for _ in range(12):
            busy.call(Heartbeat, 4, group_id="g", member_id="m", generation_id=3)
    lines = kafka.timeline(most=2).splitlines()
    assert lines[0] == "client 'calm': 1 request(s)" and "FindCoordinator v4" in lines[1]
    assert lines[2] == "client 'busy': 12 request(s), the last 2" and len(lines) == 5
    assert lines[4].endswith("group_id='g', generation_id=3, member_id='m' -> !! UNKNOWN_MEMBER_ID")


def test_topic_ids_and_long_lists_in_words(kafka):
    topic_id = kafka.server.cluster.topics["t"].topic_id
    asked = Fetch.Request(topics=[Fetch.Request.Topics(topic_id=topic_id, partitions=[
        Fetch.Request.Topics.Partitions(partition=index) for index in range(9)])])
    assert words(asked, {topic_id: "t"}) == "t(0(fetch_offset=0) 1(fetch_offset=0) 2(fetch_offset=0) 3(fetch_offset=0) 5 more)"
    assert len(words(JoinGroup.Request(group_id="g" * 500))) == 160
    refused = AddPartitionsToTxn.Response(results_by_topic_v3_and_below=[AddPartitionsToTxn.Response.ResultsByTopicV3AndBelow(
        name="t", results_by_partition=[AddPartitionsToTxn.Response.ResultsByTopicV3AndBelow.ResultsByPartition(
            partition_index=1, partition_error_code=48)])])
    exchange = requests.Exchange()
    exchange.response_record, exchange.api_class, exchange.version = refused, AddPartitionsToTxn, 3
    assert errors_of(exchange) == ["t-1 INVALID_TXN_STATE"]


def test_no_more_are_kept_than_was_said_and_none_at_no_cost():
    with Emulator(requests=3) as kafka, WireClient(kafka.bootstrap) as client:
        for _ in range(5):
            client.call(ApiVersions, 0)
        assert len(kafka.requests()) == 3
    with Emulator(requests=0) as kafka, WireClient(kafka.bootstrap) as client:
        client.call(ApiVersions, 0)
        assert kafka.requests() == []
        assert kafka.server.dispatcher._routes[ApiVersions.key, 0].handle is kafka.server.dispatcher._bound[ApiVersions.key]


def test_large_ones_do_not_pile_up(monkeypatch):
    monkeypatch.setattr(requests, "_MOST_BYTES", 100_000)
    with Emulator() as kafka, WireClient(kafka.bootstrap) as client:
        for _ in range(20):
            client.call(Heartbeat, 4, group_id="g" * 30_000, member_id="m", generation_id=1)
        assert 2 <= len(kafka.requests()) <= 4
        for _ in range(20):
            client.call(Produce, 9, **produce_request("t", build_batch([Record(None, 1, None, bytes(50_000))])))
        assert len(kafka.requests("Produce")) == 20, "whose records are not kept"


def test_an_old_one_may_be_answered_when_it_is_forgotten():
    history, exchange = History(1), requests.Exchange()
    exchange.weight = 0
    history.add(exchange)
    newer = requests.Exchange()
    newer.weight = 0
    history.add(newer)
    history.weigh(exchange, 1000)
    history.weigh(newer, 10)
    assert history._weight == 10 and list(history) == [newer]
    history.clear()
    assert history._weight == 0 and timeline(history, 0) == "" and repr(Left(5)) == "<5 bytes>"


def test_a_broker_that_comes_back_is_heard_too():
    with Emulator(brokers=2) as kafka:
        kafka.brokers[2].kill()
        kafka.brokers[2].start()
        with WireClient(kafka.brokers[2].address) as client:
            client.call(ApiVersions, 0)
        kafka.restore(kafka.snapshot())
        asking = threading.Thread(target=lambda: WireClient(kafka.brokers[1].address).call(ApiVersions, 0))
        asking.start()
        asking.join()
        assert [asked.broker for asked in kafka.requests()] == [2, 1]


def test_secrets_are_not_kept():
    module = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    config = {
        "listeners": "INSIDE://127.0.0.1:0", "listener.security.protocol.map": "INSIDE:SASL_PLAINTEXT", "sasl.enabled.mechanisms": "PLAIN",
        "plain.sasl.jaas.config": f'{module} user_alice="of-alice";', "delegation.token.secret.key": "of-tokens",
    }  # fmt: skip
    with Emulator(config=config) as kafka, WireClient(kafka.bootstrap) as client:
        client.log_in("alice", "of-alice")
        secret = IncrementalAlterConfigs.Request.Resources.Configs(name="listener.name.inside.plain.sasl.jaas.config", config_operation=0, value=f'{module} user_bob="of-bob";')
        client.call(IncrementalAlterConfigs, 1, resources=[IncrementalAlterConfigs.Request.Resources(resource_type=4, resource_name="1", configs=[secret])])
        made = AlterUserScramCredentials.Request.Upsertions(name="carol", mechanism=1, iterations=4096, salt=b"carols-salt", salted_password=b"salted-of-carol")
        client.call(AlterUserScramCredentials, 0, deletions=[], upsertions=[made])
        token = client.call(CreateDelegationToken, 3, renewers=[], max_lifetime_ms=-1)
        client.call(DescribeDelegationToken, 3, owners=None)
        asked = kafka.requests()
        kept = " ".join(f"{one} {one.request!r} {one.response!r}" for one in asked)
    assert {"SaslHandshake", "SaslAuthenticate", "IncrementalAlterConfigs", "CreateDelegationToken", "DescribeDelegationToken"} < {one.api for one in asked}
    assert not token.error_code and len(token.hmac) == 64
    for secret in ("of-alice", "of-bob", "carols-salt", "salted-of-carol", repr(bytes(token.hmac))):
        assert secret not in kept
