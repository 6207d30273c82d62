"""The faults of a proxy: around what is asked through any of its listeners while there are any, and not there otherwise."""

import random

from emulator.apps.proxy.front import broker_of
from emulator.pipeline.faults import FaultLayer, Faults

_EVERY_MS = 1000  # at most so often are topics asked for that nobody has heard of
_SEED = "proxy"  # of chance, where a fault has none of its own: a proxy draws nothing else


class ProxyFaults(Faults):
    def __init__(self, server):
        super().__init__(server.time, random.Random, _SEED)
        self._server = server
        self._layer = FaultLayer(self, None, _Known(server), handlers_refuse=False, broker_of=lambda call: broker_of(call.connection))
        self.on_change.append(self._around_all)
        self.on_add.append(self._cut_off)

    def _around_all(self):
        if len(self):
            self._server.add_layer(self._layer)
        else:
            self._server.remove_layer(self._layer)

    def _cut_off(self, fault):
        """Who cannot reach a broker loses the connections that it has; where a client's id is asked for, with its next request."""
        if not fault.unreachable or fault.client is not None:
            return
        now = self.time.now()
        for pair in list(self._server.connections):
            if fault.is_at(broker_of(pair)) and fault.is_due(now) and fault.is_of(pair.call) and fault.meets():
                fault.hits += 1
                pair.reset()
        self.spent([fault])


class _Known:
    """What the cluster behind knows that requests do not say; asked for when it is first needed."""

    def __init__(self, server):
        self._server = server
        self._topics = []
        self._asked_at = None

    def topic_name(self, topic_id):
        return self._find(lambda topic: topic.topic_id == topic_id and topic.name)

    def topic_id(self, name):
        return self._find(lambda topic: topic.name == name and topic.topic_id)

    def partitions(self):
        self._ask()
        return {topic.name: len(topic.partitions) for topic in self._topics} or None

    def in_session(self, session_id):
        return ()  # sessions are done without

    def _find(self, look):
        found = next(filter(None, map(look, self._topics)), None)
        if found is None:
            self._ask()
            found = next(filter(None, map(look, self._topics)), None)
        return found

    def _ask(self):
        now = self._server.patience.now()
        if self._asked_at is None or now >= self._asked_at + _EVERY_MS:
            self._asked_at = now
            self._topics = self._server.ask_topics() or self._topics
