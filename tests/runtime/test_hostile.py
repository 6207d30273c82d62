"""Whatever bytes come, the server goes on: it answers, or ends that one connection, and never stumbles."""

import logging
import random
import socket
import struct

import pytest

from emulator.api import HANDLERS
from tests.in_thread import serving
from tests.wire.messages import Draw
from tests.wire_client import WireClient
from wire import errors, reference
from wire.apis.metadata import ApiVersions, Metadata

ROUNDS = 12  # random requests per API and version, and as many spoiled ones
MANY_ROUNDS = 300


@pytest.fixture(scope="module")
def server():
    with serving(socket_request_max_bytes=1_000_000) as server:
        with WireClient(server.bootstrap) as client:
            client.call(Metadata, 9, topics=[Metadata.Request.Topics(name="there")])
        yield server


class Likely(Draw):
    """Random values, many of which name something that is there or is nearly right."""

    def value(self, type_):
        if isinstance(type_, reference.String) and self.random.random() < 0.5:
            return self.random.choice(("there", "there", "group", "consumer", "range", "__consumer_offsets"))
        value = super().value(type_)
        if isinstance(value, int) and not isinstance(value, bool) and self.random.random() < 0.5:
            return self.random.choice((0, 1, 2, 7000 if -32769 < value and value.bit_length() > 15 else 3))
        return value


def ask(bootstrap, frame):
    """Send one frame; the answer's bytes, b"" when the connection was ended instead, None for silence."""
    host, port = bootstrap.split(":")
    with socket.create_connection((host, int(port)), 10) as sock:
        sock.sendall(frame)
        sock.shutdown(socket.SHUT_WR)
        received = b""
        try:
            while piece := sock.recv(65536):
                received += piece
        except ConnectionResetError:
            pass
        return received


def attack(server, caplog, handler, seed, rounds):
    caplog.set_level(logging.ERROR)
    choose = random.Random(seed)
    with WireClient(server.bootstrap) as client:
        for version in range(handler.min_version, handler.max_version + 1):
            for _ in range(rounds):
                request = Likely(choose).message(handler.api.request[version])
                frame = client.frame(handler.api, version, request)
                ask(server.bootstrap, frame)
                spoiled = bytearray(frame)
                for _ in range(choose.randint(1, 4)):
                    spoiled[choose.randrange(12, len(spoiled))] = choose.randrange(256)
                ask(server.bootstrap, bytes(spoiled))
                assert not caplog.records, (seed, version, request, caplog.records[0].getMessage(), caplog.records[0].exc_text)
        assert client.call(ApiVersions, 0).error_code == errors.NONE


EVERY_API = pytest.mark.parametrize("key", sorted(HANDLERS), ids=lambda key: HANDLERS[key].api.name)


@EVERY_API
def test_random_and_spoiled_requests(server, caplog, key):
    attack(server, caplog, HANDLERS[key], key, ROUNDS)


@pytest.mark.soak
@EVERY_API
def test_very_many_random_and_spoiled_requests(server, caplog, key):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    attack(server, caplog, HANDLERS[key], seed, MANY_ROUNDS)


def test_noise(server, caplog):
    caplog.set_level(logging.ERROR)
    choose = random.Random(1)
    for _ in range(300):
        body = choose.randbytes(choose.randrange(200))
        ask(server.bootstrap, struct.pack(">i", len(body)) + body)
        ask(server.bootstrap, choose.randbytes(choose.randrange(200)))
    assert not caplog.records
    with WireClient(server.bootstrap) as client:
        assert client.call(ApiVersions, 0).error_code == errors.NONE
