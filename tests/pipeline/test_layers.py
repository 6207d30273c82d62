"""Layers around the routes of a broker: each in its place, and gone when it is taken away."""

from tests.in_thread import serving
from tests.wire_client import WireClient
from wire.apis.groups import Heartbeat
from wire.apis.metadata import Metadata


class Marking:
    """Writes its name down before and after what is below it."""

    def __init__(self, order, name, seen, api=Metadata):
        self.order, self.name, self.seen, self.api = order, name, seen, api

    def wants(self, api, version):
        return api is self.api

    def wrap(self, route):
        handle = route.handle

        def marked(request, call):
            self.seen.append(f"{self.name} asks")
            response = handle(request, call)
            self.seen.append(f"{self.name} answers")
            return response

        route.handle = marked


def test_layers_are_around_each_other_by_order_and_see_only_what_they_want():
    seen = []
    outer, inner, other = Marking(2, "outer", seen), Marking(1, "inner", seen), Marking(3, "other", seen, Heartbeat)
    with serving() as server, WireClient(server.bootstrap) as client:
        dispatcher = server.dispatcher
        client.call(Metadata, 9, topics=[])
        for layer in (outer, inner, other):
            dispatcher.add(layer)
        client.call(Metadata, 9, topics=[])
        assert seen == ["outer asks", "inner asks", "inner answers", "outer answers"]
        seen.clear()
        dispatcher.add(inner)  # again: once all the same
        dispatcher.remove(outer)
        client.call(Metadata, 9, topics=[])
        assert seen == ["inner asks", "inner answers"]
        seen.clear()
        dispatcher.remove(inner)
        dispatcher.remove(inner)
        client.call(Metadata, 9, topics=[])
        assert not seen
        assert dispatcher._routes[Metadata.key, 9].handle is dispatcher._bound[Metadata.key]


def test_layers_of_a_broker_outlive_its_restart():
    seen = []
    with serving() as server:
        broker = server.brokers[1]
        broker.add_layer(layer := Marking(1, "one", seen))
        first = broker.dispatcher
        broker._begin()
        assert broker.dispatcher is not first
        with WireClient(server.bootstrap) as client:
            client.call(Metadata, 9, topics=[])
            assert seen == ["one asks", "one answers"]
            broker.remove_layer(layer)
            client.call(Metadata, 9, topics=[])
        assert len(seen) == 2
