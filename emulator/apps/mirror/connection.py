"""A connection to a broker, as a client of Kafka's protocol: requests are answered in their order."""

import time
from collections import deque
from struct import Struct

import gevent
from gevent.event import AsyncResult
from gevent.lock import BoundedSemaphore

from emulator.runtime.upstream.exchange import READ, send, wait
from wire.apis.data import Fetch, Produce
from wire.apis.groups import OffsetCommit, OffsetFetch
from wire.apis.metadata import ApiVersions, FindCoordinator, Metadata
from wire.apis.transactions import AddOffsetsToTxn, AddPartitionsToTxn, EndTxn, InitProducerId, TxnOffsetCommit
from wire.header import build_request_header, parse_response_header
from wire.types import Malformed

_INT = Struct(">i")
_LARGEST = 256 * 1024 * 1024  # bytes of an answer
_PATIENCE_S, _SENDING_S = 5.0, 30.0  # for one, and to be rid of a request
_CLIENT_ID = "kafka-emulator-mirror"
# The last versions that name topics, not their ids (but for Fetch), and one group or key; and those of transactions before KIP-890's second part.
_LATEST = {
    Fetch: 13, Produce: 11, Metadata: 12, OffsetCommit: 9, OffsetFetch: 7, FindCoordinator: 3,
    InitProducerId: 5, AddPartitionsToTxn: 3, AddOffsetsToTxn: 4, TxnOffsetCommit: 4, EndTxn: 4,
}  # fmt: skip


class Lost(Exception):
    """No connection, or no answer; it may be otherwise a moment later."""


class Unsupported(Exception):
    """The broker speaks no version of an API that we do."""


class Connection:
    """On the socket `sock`, to the broker at `place` (text). Once it is lost, whoever waits learns it."""

    def __init__(self, sock, place):
        self.place = place
        self.is_open = True
        self._socket = sock
        self._waiting = deque()  # (correlation id, api, version, AsyncResult)
        self._number = 0
        self._versions = {}
        self._muted_until = 0.0  # the broker reads nothing until then: a quota is used up
        self._writing = BoundedSemaphore(1)
        self._reader = gevent.spawn(self._read)

    def negotiate(self):
        """Learn what the broker speaks. Raises Lost."""
        answer = self._ask(ApiVersions, 0, ApiVersions.Request())
        self._versions = {one.api_key: (one.min_version, one.max_version) for one in answer.api_keys}

    def version(self, api, at_most=None):
        """The latest that both speak. Raises Unsupported."""
        least, most = self._versions.get(api.key, (0, -1))
        found = min(most, api.versions.max, _LATEST.get(api, most) if at_most is None else at_most)
        if found < max(least, api.versions.min):
            raise Unsupported(f"{self.place} speaks no version of {api.name} that is known here, only {least} to {most}")
        return found

    def ask(self, api, patience_s=_PATIENCE_S, at_most=None, **fields):
        """The answer, in a version of `at_most`. Raises Lost, Unsupported."""
        return self._ask(api, self.version(api, at_most), api.Request(**fields), patience_s)

    def _ask(self, api, version, request, patience_s=_PATIENCE_S):
        result = self.begin(api, version, request)
        try:
            return result.get(timeout=patience_s + max(self._muted_until - time.monotonic(), 0))
        except gevent.Timeout:
            self.close(f"no answer to {api.name} within {patience_s:g} s")
            raise Lost(f"{self.place}: no answer to {api.name} within {patience_s:g} s") from None

    def begin(self, api, version, request):
        """An AsyncResult of the answer; others may be asked meanwhile. Raises Lost."""
        result = AsyncResult()
        with self._writing:
            self._number = self._number % 0x7FFFFFFF + 1
            pieces = [build_request_header(api, version, self._number, _CLIENT_ID)]
            api.build_request(version)(request, pieces)
            if not self.is_open:
                raise Lost(f"{self.place}: the connection is lost")
            self._waiting.append((self._number, api, version, result))
            try:
                with gevent.Timeout(_SENDING_S, TimeoutError(f"nothing was taken for {_SENDING_S:g} s")):
                    send(self._socket, b"".join((_INT.pack(sum(map(len, pieces))), *pieces)))
            except OSError as error:
                self.close(str(error))
        return result

    def _read(self):
        why = "closed"
        try:
            while True:
                (size,) = _INT.unpack(self._receive(4))
                if not 4 <= size <= _LARGEST:
                    raise Malformed("answer", 0, f"a size of {size}")
                frame = self._receive(size)
                if not self._waiting:
                    raise Malformed("answer", 0, "to nothing that was asked")
                number, api, version, result = self._waiting[0]
                answered, position = parse_response_header(api, version, frame)
                if answered != number:
                    raise Malformed("answer", 0, f"to request {answered} instead of {number}")
                answer, _ = api.parse_response(version)(frame, position)
                self._waiting.popleft()
                if throttled_ms := getattr(answer, "throttle_time_ms", 0):
                    self._muted_until = time.monotonic() + throttled_ms / 1000
                result.set(answer)
        except (OSError, EOFError) as error:
            why = str(error) or "the broker closed the connection"
        except Malformed as error:
            why = f"what is no answer came: {error}"
        finally:
            self.close(why)

    def _receive(self, size):
        data = bytearray(size)
        with memoryview(data) as whole:
            at = 0
            while at < size:
                try:
                    count = self._socket.recv_into(whole[at:])
                except BlockingIOError:
                    wait(self._socket, READ)
                    continue
                if not count:
                    raise EOFError
                at += count
        return data

    def close(self, why="closed"):
        if not self.is_open:
            return
        self.is_open = False
        waiting, self._waiting = self._waiting, deque()
        for _, api, _, result in waiting:
            result.set_exception(Lost(f"{self.place}: {why}, before it answered {api.name}"))
        if self._reader is not gevent.getcurrent():
            self._reader.kill(block=True)
        self._socket.close()
