"""A Fetch answer passes in whatever pieces it comes, and at its end names the brokers here, in as many bytes as before."""

import pytest

from emulator.apps.proxy.rewriting import rewriter
from emulator.apps.proxy.walk import Walk, _filler
from wire.apis.data import Fetch
from wire.header import build_response_header
from wire.varint import rest_of_varint

VERSION = 18
Responses = Fetch.Response.Responses
Partitions = Responses.Partitions
Endpoints = Fetch.Response.NodeEndpoints
LEADER = Partitions.CurrentLeader(leader_id=3, leader_epoch=7)


class Local:
    def __init__(self, host):
        self.host = host

    def broker(self, node_id, host, port):
        return self.host, 9000 + node_id


def topic(number, *partitions):
    return Responses(topic_id=bytes([number]) * 16, partitions=list(partitions))


def partition(index, records=b"", aborted=0, **fields):
    transactions = [Partitions.AbortedTransactions(producer_id=one, first_offset=one) for one in range(aborted)] if aborted else None
    return Partitions(partition_index=index, records=records, aborted_transactions=transactions, **fields)


ANSWERS = {
    "nothing": [],
    "no records": [topic(1, partition(0, None), partition(1))],
    "records": [topic(1, partition(0, bytes(5000)), partition(1, b"\1" * 300, aborted=3)), topic(2, partition(7, b"x" * 127, aborted=200))],
    "a leader elsewhere": [topic(1, partition(0, b"y" * 1000), partition(1, error_code=6, current_leader=LEADER)), topic(2)],
}


def frame_of(responses, endpoints=()):
    out = [build_response_header(Fetch, VERSION, 77)]
    Fetch.build_response(VERSION)(Fetch.reply(responses=responses, node_endpoints=list(endpoints)), out)
    return b"".join(bytes(piece) for piece in out)


def walked(frame, step, local):
    """What a client is sent of `frame`, which comes `step` bytes at a time; as runtime/upstream/answers.py does it."""
    walk, position = Walk(VERSION, rewriter(Fetch, VERSION), local), 0
    for end in [*range(step, len(frame), step), len(frame)]:
        if position < end:
            before, position = position, walk.advance(frame[:end], position)
            assert position >= before
    assert walk.is_over and position <= len(frame)
    if walk.is_plain(frame, position, len(frame)):
        return frame
    return frame[:position] + walk.tail(frame[position:])


def parsed(frame):
    response, end = Fetch.parse_response(VERSION)(frame, 5)
    assert end == len(frame)
    return response


@pytest.mark.parametrize("step", [1, 3, 64, 1000, 10**6])
@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_without_addresses_passes_as_it_is(name, step):
    frame = frame_of(ANSWERS[name])
    assert walked(frame, step, Local("here")) == frame


@pytest.mark.parametrize("step", [1, 64, 10**6])
@pytest.mark.parametrize("inside", ["inside", "10.0.0.1", "broker-3.kafka.svc.cluster.local"])
def test_addresses_at_the_end_are_those_here(inside, step):
    frame = frame_of(ANSWERS["a leader elsewhere"], [Endpoints(node_id=3, host=inside, port=9092, rack="r"), Endpoints(node_id=4, host=inside, port=9093)])
    told = walked(frame, step, Local("here"))
    assert len(told) == len(frame)
    response = parsed(told)
    assert response.responses == parsed(frame).responses
    assert [(one.node_id, one.host, one.port, one.rack) for one in response.node_endpoints] == [(3, "here", 9003, "r"), (4, "here", 9004, None)]


@pytest.mark.parametrize("ours", ["x" * 9, "x" * 11, "x" * 200])
def test_where_there_is_no_room_for_them_clients_ask_for_metadata(ours):
    """Ten bytes were there: one less cannot be filled up, more have no place."""
    frame = frame_of(ANSWERS["a leader elsewhere"], [Endpoints(node_id=3, host="i" * 10, port=9092)])
    told = walked(frame, 10**6, Local(ours))
    assert len(told) == len(frame)
    response = parsed(told)
    assert response.node_endpoints == () and response.responses == parsed(frame).responses


@pytest.mark.parametrize("size", [2, 3, 129, 130, 131, 132, 16386, 16387, 20000])
def test_a_filler_is_of_any_size(size):
    made = _filler(size)
    length, at = made[1], 2
    if length > 127:
        length, at = rest_of_varint(made, 2, length)
    assert len(made) == size == at + length
