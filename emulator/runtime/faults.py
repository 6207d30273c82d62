"""The faults of a running server: around the requests of each broker while there are any, and not there otherwise."""

import random

from emulator.pipeline.faults import FaultLayer, Faults


class ServerFaults(Faults):
    """All faults of the brokers of one server."""

    def __init__(self, server, apis):
        super().__init__(server.time, random.Random, server.seed, list(server.brokers), apis)
        self._brokers_there = server.brokers.values()
        self._layers = {broker.id: FaultLayer(self, broker.id, _Known(server, broker)) for broker in self._brokers_there}
        self.on_change.append(self._around_all)
        self.on_add.append(self._cut_off)

    def _around_all(self):
        for broker in self._brokers_there:
            if len(self):
                broker.add_layer(self._layers[broker.id])
            else:
                broker.remove_layer(self._layers[broker.id])

    def _cut_off(self, fault):
        """Who cannot reach a broker loses the connections that it has."""
        if not fault.unreachable:
            return
        now = self.time.now()
        for broker in self._brokers_there:
            if fault.is_at(broker.id):
                for connection in list(broker.connections):
                    if fault.is_due(now) and fault.is_of(connection.call) and fault.meets():
                        fault.hits += 1
                        connection.reset()
        self.spent([fault])


class _Known:
    """What the brokers know that requests do not say."""

    def __init__(self, server, broker):
        self._server = server
        self._broker = broker

    def topic_name(self, topic_id):
        topic = self._server.cluster.topics_by_id.get(topic_id)
        return None if topic is None else topic.name

    def topic_id(self, name):
        topic = self._server.cluster.topics.get(name)
        return None if topic is None else topic.topic_id

    def partitions(self):
        return {topic.name: len(topic.partitions) for topic in self._server.cluster.topics.values()}

    def in_session(self, session_id):
        return self._broker.services["fetch_sessions"].partitions_of(session_id)
