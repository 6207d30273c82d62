"""Faults around handlers that know nothing of them, such as a proxy's: what a broker far away answers has errors put into it."""

from random import Random

import pytest

from emulator.pipeline.faults import FaultLayer, Faults
from emulator.state.clock import VirtualClock
from emulator.state.principals import ANONYMOUS
from wire import errors
from wire.apis.data import Fetch, Produce
from wire.apis.groups import Heartbeat
from wire.apis.share_groups import ShareFetch

ORDERS = b"o" * 16


class Unknown:
    """What is known of topics."""

    def topic_name(self, topic_id):
        return "orders" if topic_id == ORDERS else None

    def topic_id(self, name):
        return ORDERS if name == "orders" else None

    def partitions(self):
        return None

    def in_session(self, session_id):
        return ()


class Call:
    client_id, principal, client_host, correlation_id, muted_until = "app", ANONYMOUS, "127.0.0.1", 1, 0
    broker = 1

    def __init__(self):
        self.out = []
        self.patience = self.time = VirtualClock()

    def close(self, reason):
        raise ConnectionError(reason)


class Route:
    def __init__(self, api, version, answer):
        self.api, self.version, self.answer = api, version, answer
        self.build = api.build_response(version)
        self.asked = []

    def handle(self, request, call):
        self.asked.append(request)
        return self.answer(request)


@pytest.fixture
def faults():
    return Faults(VirtualClock(), Random, 1)


@pytest.fixture
def around(faults):
    def around(route):
        asked = route.asked
        FaultLayer(faults, None, Unknown(), handlers_refuse=False, broker_of=lambda call: call.broker).wrap(route)
        return route.handle, asked

    return around


def fetch_of(*partitions, topic_id=ORDERS, **fields):
    Topics = Fetch.Request.Topics
    return Fetch.Request(max_wait_ms=500, topics=[Topics(topic_id=topic_id, partitions=[Topics.Partitions(partition=one) for one in partitions])], **fields)


def brought(request):
    Topics = Fetch.Response.Responses
    return Fetch.reply(session_id=7, responses=[
        Topics(topic_id=topic.topic_id, partitions=[Topics.Partitions(partition_index=one.partition, high_watermark=5, records=(b"x" * 70,)) for one in topic.partitions])
        for topic in request.topics
    ])  # fmt: skip


def test_a_session_of_somebody_elses_is_done_without(faults, around):
    faults.add({"api": "Fetch", "topic": "orders", "partition": 1, "error": "NOT_LEADER_OR_FOLLOWER"})
    handle, asked = around(Route(Fetch, 13, brought))
    gone = handle(fetch_of(session_id=7, session_epoch=3), Call())
    assert gone.error_code == errors.FETCH_SESSION_ID_NOT_FOUND and not asked
    answer = handle(fetch_of(0, 1, session_epoch=0), Call())
    [rest] = asked
    assert (rest.session_id, rest.session_epoch, rest.max_wait_ms) == (0, -1, 0)
    assert [one.partition for one in rest.topics[0].partitions] == [0]
    assert [(one.partition_index, one.error_code, one.high_watermark) for one in answer.responses[0].partitions] == [(0, 0, 5), (1, 6, -1)]
    answer = handle(fetch_of(1, session_epoch=0), Call())
    assert len(asked) == 1 and [one.error_code for one in answer.responses[0].partitions] == [6]
    untouched = fetch_of(0, session_epoch=0)
    handle(untouched, Call())
    assert asked[-1].max_wait_ms == 500 and untouched.session_epoch == 0, "the request itself is left as it was"


def test_what_a_share_group_is_brought_is_refused_after_it_came(faults, around):
    faults.add({"api": "ShareFetch", "partition": 1, "error": "NOT_LEADER_OR_FOLLOWER"})
    Asked, Answered = ShareFetch.Request.Topics, ShareFetch.Response.Responses

    def answer(request):
        return ShareFetch.reply(responses=[Answered(topic_id=ORDERS, partitions=[
            Answered.Partitions(partition_index=one, records=(b"x",)) for one in (0, 1)
        ])])  # fmt: skip

    handle, asked = around(Route(ShareFetch, 1, answer))
    batches = [Asked.Partitions.AcknowledgementBatches(first_offset=0, last_offset=0, acknowledge_types=[1])]
    request = ShareFetch.Request(share_session_epoch=2, topics=[
        Asked(topic_id=ORDERS, partitions=[Asked.Partitions(partition_index=one, acknowledgement_batches=batches) for one in (0, 1)])
    ])  # fmt: skip
    response = handle(request, Call())
    assert [(one.error_code, one.acknowledge_error_code, one.records) for one in response.responses[0].partitions] == [(0, 0, (b"x",)), (6, 6, ())]
    assert [len(one.acknowledgement_batches) for one in asked[0].topics[0].partitions] == [1, 0]
    assert all(one.acknowledgement_batches for one in request.topics[0].partitions)


def test_a_broker_that_differs_from_client_to_client(faults, around):
    faults.add({"api": "Heartbeat", "broker": 2, "error": "NOT_COORDINATOR"})
    handle, asked = around(Route(Heartbeat, 4, lambda request: Heartbeat.reply()))
    call = Call()
    assert handle(Heartbeat.Request(), call).error_code == 0
    call.broker = 2
    assert handle(Heartbeat.Request(), call).error_code == errors.NOT_COORDINATOR and len(asked) == 1


def test_topics_that_are_asked_for_twice_are_answered_once(faults, around):
    faults.add({"api": "Produce", "topic": "a", "partition": 0, "error": "KAFKA_STORAGE_ERROR"})
    Asked, Answered = Produce.Request.TopicData, Produce.Response.Responses

    def answer(request):
        return Produce.reply(responses=[
            Answered(name=topic.name, partition_responses=[Answered.PartitionResponses(index=one.index) for one in topic.partition_data])
            for topic in request.topic_data
        ])  # fmt: skip

    handle, asked = around(Route(Produce, 9, answer))
    topics = [Asked(name=name, partition_data=[Asked.PartitionData(index=one) for one in indexes]) for name, indexes in (("b", [1]), ("a", [0, 1, 0]), ("a", [2]), ("c", []))]
    response = handle(Produce.Request(acks=1, topic_data=topics), Call())
    assert [(topic.name, [(one.index, one.error_code) for one in topic.partition_responses]) for topic in response.responses] == [
        ("b", [(1, 0)]), ("a", [(0, 56), (1, 0)]), ("a", [(2, 0)]), ("c", []),
    ]  # fmt: skip
    assert [[one.index for one in topic.partition_data] for topic in asked[0].topic_data] == [[1], [1], [2], []]
