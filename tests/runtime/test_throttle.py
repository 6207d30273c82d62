"""Quotas cost nothing where there are none: what wraps the routes comes and goes with them."""

from tests.api.test_quotas import alter
from tests.in_thread import serving
from tests.wire_client import WireClient
from wire.apis.metadata import Metadata


def test_routes_are_wrapped_only_while_a_quota_is_set():
    with serving() as server, WireClient(server.bootstrap) as client:

        def wrapped():
            client.call(Metadata, 9, topics=[])
            handle = server.dispatcher._routes[Metadata.key, 9].handle
            return handle is not server.dispatcher._bound[Metadata.key]

        assert not wrapped()
        alter(client, ({"user": None}, {"request_percentage": 100}))
        assert wrapped()
        alter(client, ({"user": None}, {"request_percentage": None}))
        assert not wrapped()
        alter(client, ({"ip": None}, {"connection_creation_rate": 100}))
        assert not wrapped()


def test_a_throttled_client_that_leaves_is_noticed():
    with serving() as server, WireClient(server.bootstrap) as admin:
        alter(admin, ({"client-id": "slow"}, {"request_percentage": 1e-9}))
        with WireClient(server.bootstrap, "slow") as client:
            assert client.call(Metadata, 9, topics=[]).throttle_time_ms == 1000
            client.send(Metadata, 9, topics=[])
        admin.socket.settimeout(10)
        for _ in range(10_000):
            admin.call(Metadata, 9, topics=[])
            if len(server.connections) == 1:
                break
        assert len(server.connections) == 1
