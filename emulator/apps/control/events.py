"""What happens in a server, told as it happens: to as many listeners as there are, and at no cost where there is none.

Topics and leaders say so themselves. Brokers, groups and faults are looked at when the server has done something, at most every 20 ms, and
what differs is told; what comes and goes in between is not. A listener that reads too slowly misses some, and learns how many.
"""

import json
from collections import deque
from weakref import WeakKeyDictionary

from gevent import get_hub
from gevent.event import Event

from emulator.apps.control.groups import all_groups
from emulator.apps.control.schema import flag, text
from emulator.apps.control.table import Route, Stream
from emulator.runtime.clock import ManualClock

_MOST_KEPT = 1000  # for a listener that does not read
_PAUSE_MS = 20
_KEEP_ALIVE_MS = 15_000


class Events:
    """The events of one server. `publish("fault hit", fault=...)` tells all listeners, who get dicts."""

    def __init__(self, server):
        self._server = server
        self._listeners = []
        self._cluster = self._known = self._watcher = self._due = None
        self._looks = False

    def publish(self, event, internal=False, **fields):
        """`internal`: it concerns one of Kafka's own topics, and only who wants to know of them is told."""
        if self._listeners:
            told = {"event": event, "timestamp": self._server.time.now(), **fields}
            for listener in self._listeners:
                if listener.internal or not internal:
                    listener.tell(told)

    def listen(self, internal=False):
        """A new _Listener, to be closed."""
        if not self._listeners:
            self._attach()
        listener = _Listener(self, internal)
        self._listeners.append(listener)
        return listener

    def forget(self, listener):
        if listener in self._listeners:
            self._listeners.remove(listener)
            if not self._listeners:
                self._detach()

    # -- what says so itself ---------------------------------------------------------------------

    def _hooks(self):
        cluster = self._cluster
        return ((cluster.on_create, self._created), (cluster.on_delete, self._deleted), (cluster.on_grow, self._grown),
                (cluster.on_leader, self._led), (cluster.on_isr, self._isr_changed))  # fmt: skip

    def _attach(self):
        self._cluster = self._server.cluster
        for hooks, told in self._hooks():
            hooks.append(told)
        self._known = self._state()
        if self._watcher is None:
            loop = get_hub().loop
            self._watcher = loop.prepare(ref=False, priority=loop.MINPRI)
            self._watcher.start(self._something_done)

    def _detach(self):
        for hooks, told in self._hooks():
            if told in hooks:
                hooks.remove(told)
        if self._watcher is not None and not self._listeners:
            self._watcher.close()
            self._watcher = None

    def _created(self, topic):
        self.publish("topic created", topic.internal, topic=topic.name, partitions=len(topic.partitions))

    def _deleted(self, topic):
        self.publish("topic deleted", topic.internal, topic=topic.name)

    def _grown(self, topic):
        self.publish("partitions added", topic.internal, topic=topic.name, partitions=len(topic.partitions))

    def _led(self, partition, before):
        self.publish(
            "leader elected", partition.topic.internal, topic=partition.topic.name, partition=partition.index,
            leader=partition.leader, before=before, leader_epoch=partition.leader_epoch, isr=list(partition.isr),
        )  # fmt: skip

    def _isr_changed(self, partition):
        self.publish(
            "isr changed", partition.topic.internal, topic=partition.topic.name, partition=partition.index,
            leader=partition.leader, isr=list(partition.isr),
        )  # fmt: skip

    # -- what is looked at -----------------------------------------------------------------------

    def _something_done(self):
        """The event loop is about to sleep; that it woke only for us is no news."""
        if self._looks:
            self._looks = False
        elif self._due is None or not self._due.pending:
            self._due = self._server.patience.after(_PAUSE_MS, self._look)

    def _look(self):
        self._looks = True
        if self._server.cluster is not self._cluster:
            self._detach()
            self._attach()
            self.publish("cluster restored")
            return
        before, self._known = self._known, self._state()
        for (kind, name), now in self._known.items():
            was = before.get((kind, name))
            if now != was:
                self.publish(kind, **now)
        for kind, name in before:
            if kind == "group changed" and (kind, name) not in self._known:
                self.publish("group gone", group=name)

    def _state(self):
        """{(kind of event, of what): what is told of it once it is another}"""
        server, state = self._server, {}
        for broker in server.brokers.values():
            registered = server.cluster.brokers.get(broker.id)
            shown = "split" if broker.is_split and broker.state == "running" else broker.state
            state["broker changed", broker.id] = {"broker": broker.id, "state": shown, "fenced": registered is None or registered.fenced}
        state["controller changed", 0] = {"broker": server.cluster.controller_id}
        for _, _, group in all_groups(server):
            generation = getattr(group, "generation_id", None)
            epoch = getattr(group, "group_epoch", 0) if generation is None else generation
            state["group changed", group.group_id] = {"group": group.group_id, "state": group.state, "members": len(group.members), "epoch": epoch}
        for fault in server.faults:
            if fault.hits:
                state["fault hit", fault.name] = {"fault": fault.name, "hits": fault.hits}
        if isinstance(server.time, ManualClock):
            state["clock advanced", 0] = {"now_ms": server.time.now()}
        return state


class _Listener:
    """An iterator of dicts, and of None when there has been nothing to say for a while."""

    def __init__(self, events, internal):
        self.internal = internal
        self._events = events
        self._patience = events._server.patience
        self._queue = deque()
        self._lost = 0
        self._news = Event()

    def tell(self, told):
        if len(self._queue) >= _MOST_KEPT:
            self._lost += 1
            return
        self._queue.append(told)
        self._news.set()

    def next(self):
        if not self._queue and not self._lost:
            self._news.clear()
            alive = self._patience.after(_KEEP_ALIVE_MS, self._news.set)
            try:
                self._news.wait()
            finally:
                alive.cancel()
        if self._queue:
            return self._queue.popleft()
        if self._lost:
            lost, self._lost = self._lost, 0
            return {"event": "events lost", "count": lost}
        return None

    def close(self):
        self._events.forget(self)


_of_servers = WeakKeyDictionary()


def events_of(server):
    """The Events of a server."""
    return _of_servers.get(server) or _of_servers.setdefault(server, Events(server))


def stream(server, asked):
    as_lines = asked["format"] == "lines"
    listener = events_of(server).listen(asked["internal"])

    def pieces():
        try:
            yield b"\n" if as_lines else b": hello\n\n"
            while True:
                event = listener.next()
                if as_lines:
                    yield b"\n" if event is None else json.dumps(event).encode() + b"\n"
                else:
                    yield b": still here\n\n" if event is None else b"data: " + json.dumps(event).encode() + b"\n\n"
        finally:
            listener.close()

    return Stream(pieces(), "application/x-ndjson" if as_lines else "text/event-stream")


ROUTES = (
    Route("GET", "/events", stream, "what happens from now on, until the client hangs up: topic created, topic deleted, partitions added, leader elected, "
          "isr changed, broker changed, controller changed, group changed, group gone, clock advanced, cluster restored, fault hit, events lost; an empty "
          "line now and then where nothing does",
          {"format": text("JSON objects as lines, or server-sent events", enum=["lines", "sse"], default="lines"),
           "internal": flag("also of Kafka's own topics", default=False)}, None, "application/x-ndjson"),
)  # fmt: skip
