"""Quotas around every request: what it used is counted, and who exceeds is answered at once and then not heard for a while.

Installed around the routes while a quota of clients is set, gone when there is none: without quotas nothing here runs.
Source: KIP-219, kafka.server.{KafkaApis, RequestHandlerHelper, ClientRequestQuotaManager}.
"""

from emulator.pipeline import layers
from wire.apis.data import Fetch, Produce
from wire.apis.share_groups import ShareFetch
from wire.apis.transactions import WriteTxnMarkers

_NANOS_TO_PERCENT = 100 / 1_000_000_000
_HEAD_SIZE = 10  # of a request's header without its client id
_MAX_INT = 2**31 - 1
# What brokers do among themselves is counted for nobody.
_EXEMPT = frozenset({WriteTxnMarkers.key})


class Throttle:
    """A layer. `nanos()` is a running clock for what requests cost."""

    order = layers.QUOTAS

    def __init__(self, quotas, patience, nanos):
        self._quotas = quotas
        self._patience = patience
        self._nanos = nanos

    def wants(self, api, version):
        return api.key not in _EXEMPT

    def wrap(self, route):
        """Make `route` count and wait."""
        key, handle = route.api.key, route.handle
        if key == Produce.key:
            around = self._around_produce(route)
        elif key in (Fetch.key, ShareFetch.key):
            around = self._around_fetch(route)
        else:
            around = self._around

        def throttled(request, call):
            if call.muted_until > self._patience.now():
                call.pending().wait(call.muted_until)
            response = around(handle, request, call)
            self._mute(call, getattr(response, "throttle_time_ms", 0))
            return response

        route.handle = throttled

    def _mute(self, call, throttle_ms):
        if throttle_ms > 0:
            call.muted_until = max(call.muted_until, self._patience.now() + throttle_ms)

    def _around(self, handle, request, call):
        started = self._start(call)
        response = handle(request, call)
        _at_least(response, self._count_time(call, started))
        return response

    def _start(self, call):
        return self._nanos() - call.waited

    def _count_time(self, call, started):
        """Count what the request took, its waiting left out; how long to throttle."""
        manager = self._quotas.request
        if not manager.enabled:
            return 0
        now, spent = self._patience.now(), self._nanos() - call.waited - started
        throttle_ms = manager.sensor(call.user, call.client_id or "", now).throttle(spent * _NANOS_TO_PERCENT, now)
        return min(throttle_ms, self._quotas.longest_bounded)

    def _around_produce(self, route):
        body, parse = [0], route.parse

        def sized(buffer, position):
            request, end = parse(buffer, position)
            body[0] = end - position
            return request, end

        def around(handle, request, call):
            size = _HEAD_SIZE + len(call.raw_client_id or b"") + route.flexible + body[0]
            started = self._start(call)
            response = handle(request, call)
            throttle_ms, manager = 0, self._quotas.produce
            if manager.enabled:
                now = self._patience.now()
                throttle_ms = manager.sensor(call.user, call.client_id or "", now).throttle(size, now)
            if response is None:  # acks=0: its time is not counted, its bytes are
                self._mute(call, throttle_ms)
            else:
                _at_least(response, max(throttle_ms, self._count_time(call, started)))
            return response

        route.parse = sized
        return around

    def _around_fetch(self, route):
        """Answers that are too large are not given: an empty one is, and the client asks again."""
        build = route.build

        def size_of(response):
            pieces = []
            build(response, pieces)
            return 4 + sum(map(len, pieces))

        def around(handle, request, call):
            fetches = self._quotas.fetch
            if fetches.enabled:
                # More would always be throttled, and nobody would ever get it.
                limit = fetches.sensor(call.user, call.client_id or "", self._patience.now()).limit
                request.max_bytes = int(min(request.max_bytes, limit * self._quotas.full_windows, _MAX_INT))
            started, counted = self._start(call), []

            def throttle_ms(response):
                """How long to throttle instead of giving `response`; 0 when it may be given."""
                counted.append(response)
                longest = self._count_time(call, started)
                if fetches.enabled:
                    now, size = self._patience.now(), size_of(response)
                    sensor = fetches.sensor(call.user, call.client_id or "", now)
                    longest = max(longest, sensor.throttle(size, now))
                    if longest:
                        sensor.record(-size, now)
                return longest

            call.throttle_ms = throttle_ms
            try:
                response = handle(request, call)
            finally:
                call.throttle_ms = None
            if not counted:  # refused before there was anything to give
                _at_least(response, self._count_time(call, started))
            return response

        return around


def _at_least(response, throttle_ms):
    if throttle_ms > 0 and throttle_ms > getattr(response, "throttle_time_ms", throttle_ms):
        response.throttle_time_ms = throttle_ms
