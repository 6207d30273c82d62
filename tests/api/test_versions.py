"""Versions that are advertised and refused, or known and not served: the connection ends, as Kafka ends it."""

import pytest

from tests.wire_client import WireClient
from wire.apis.data import Produce
from wire.apis.metadata import ApiVersions
from wire.apis.transactions import InitProducerId
from wire.header import build_request_header


def refuses(bootstrap, key, version):
    with WireClient(bootstrap) as client:
        head = key.to_bytes(2, "big") + version.to_bytes(2, "big") + bytes(4) + b"\xff\xff"
        client.socket.sendall(len(head).to_bytes(4, "big") + head)
        try:
            return client.socket.recv(1) == b""
        except ConnectionResetError:
            return True


def test_old_produce_versions_are_advertised_and_refused(bootstrap, client):
    # librdkafka looks at the lowest version of Produce to tell what a broker can (KAFKA-18659).
    advertised = {api.api_key: (api.min_version, api.max_version) for api in client.call(ApiVersions, 4, client_software_name="t", client_software_version="1").api_keys}
    assert advertised[Produce.key] == (0, 13)
    for version in (0, 1, 2, 14):
        assert refuses(bootstrap, Produce.key, version)


def test_an_unstable_version_is_neither_advertised_nor_served(bootstrap, client):
    advertised = {api.api_key: api.max_version for api in client.call(ApiVersions, 0).api_keys}
    assert advertised[InitProducerId.key] == 5
    assert refuses(bootstrap, InitProducerId.key, 6)


@pytest.mark.parametrize("key", [4, 7, 52, 999])
def test_keys_that_are_not_for_clients(bootstrap, key):
    assert refuses(bootstrap, key, 0)


def test_the_header_is_read_whatever_the_version(bootstrap):
    with WireClient(bootstrap) as client:
        head = build_request_header(ApiVersions, 3, 7, None)
        body = head + b"\x05test\x021\x00"
        client.socket.sendall(len(body).to_bytes(4, "big") + body)
        assert client.receive_frame()[:6] == b"\0\0\0\x07\0\0"
