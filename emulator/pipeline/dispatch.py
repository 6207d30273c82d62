"""From a frame's bytes to its answer's bytes: header, parse, handler, build.

What a request needs is resolved once per (API key, version) into a `Route`; what else looks at requests is a layer around it
(`layers.py`), which costs nothing where there is none.
"""

import struct

from emulator.pipeline.refusal import take_back
from wire.errors import COORDINATOR_NOT_AVAILABLE, KafkaError
from wire.header import skip_tagged_fields
from wire.types import Malformed

_HEAD = struct.Struct(">hhih")  # api_key, api_version, correlation_id, length of client_id
_ANSWER_HEAD = struct.Struct(">ii")  # size, correlation_id
_ANSWER_HEAD_FLEXIBLE = struct.Struct(">iib")  # ... and an empty tagged-field section
_HEAD_SIZE = _HEAD.size
_API_VERSIONS = 18
_WITHOUT_CHANGES = {0, 1}  # Fetch changes nothing, Produce sees to it by itself; they are the hot path


class Refused(Exception):
    """The connection must end: Kafka gives no answer to this request (unknown key, bad bytes ...)."""


class Route:
    """What one (API, version) needs: its codec, its handler, the shape of its headers."""

    __slots__ = ("api", "version", "parse", "handle", "build", "flexible", "answer_head", "empty_tags")

    def __init__(self, api, version, handle, answer_version=None):
        if answer_version is None:
            answer_version = version
        self.api = api
        self.version = version
        self.parse = api.parse_request(version) if answer_version == version else None
        self.handle = handle
        self.build = api.build_response(answer_version)
        self.flexible = version >= api.flexible_from if api.flexible_from is not None else False
        # ApiVersions answers with the oldest header, so that any client can read it (KIP-511).
        plain = api.key == _API_VERSIONS or not self.flexible
        self.answer_head = _ANSWER_HEAD if plain else _ANSWER_HEAD_FLEXIBLE
        self.empty_tags = () if plain else (0,)


class Dispatcher:
    """All routes of one broker, made when first asked for.

    `lasting`: `changes()` is another when a handler has changed what must be on disk, or on other brokers, before it is
    answered; `settle(changes before)` waits until it is there and raises KafkaError. None where there is neither.
    """

    def __init__(self, handlers, services, lasting=None):
        self._handlers = handlers
        self._bound = {key: handler.bind(services) for key, handler in handlers.items()}
        if lasting is not None:
            for key in self._bound:
                if key not in _WITHOUT_CHANGES:
                    self._bound[key] = _settled(self._bound[key], lasting)
        self._routes = {}
        self._layers = []

    def add(self, layer):
        """From now on `layer` is around the routes that it wants; see `layers.py`. One that is there already looks at all anew."""
        self._layers = sorted((*(one for one in self._layers if one is not layer), layer), key=lambda one: one.order)
        self._routes.clear()

    def remove(self, layer):
        """It is around nothing any more; one that is not there is none."""
        self._layers = [one for one in self._layers if one is not layer]
        self._routes.clear()

    def _route(self, api_key, version):
        handler = self._handlers.get(api_key)
        if handler is None:
            raise Refused(f"Received request for api key {api_key} which is not enabled")
        if handler.serves(version):
            route = Route(handler.api, version, self._bound[api_key])
        elif api_key == _API_VERSIONS:
            # An unknown version is answered in version 0 with the error and the versions there are.
            return Route(handler.api, version, self._bound[api_key], answer_version=0)
        else:
            raise Refused(f"Received request for {handler.api.name} with version {version} which is not supported")
        for layer in self._layers:
            if layer.wants(route.api, version):
                layer.wrap(route)
        self._routes[api_key, version] = route
        return route

    def handle(self, api, request, call):
        """The answer to a request that has been read already, of `call.version`; None where there is none to come."""
        route = self._routes.get((api.key, call.version)) or self._route(api.key, call.version)
        return route.handle(request, call)

    def answer(self, buffer, position, end, call, out):
        """Answer the request frame buffer[position:end], appending what is to be sent to `out`.

        The handler may wait through `call`. Raises Refused when the connection must be closed.
        """
        if end - position < _HEAD_SIZE:
            raise Refused("Request header is cut short")
        api_key, version, correlation_id, length = _HEAD.unpack_from(buffer, position)
        route = self._routes.get((api_key, version))
        if route is None:
            route = self._route(api_key, version)
        position += _HEAD_SIZE
        if length > end - position:
            raise Refused("Request header is cut short")
        if length > 0:
            raw = bytes(buffer[position : position + length])
            if raw != call.raw_client_id:
                call.take_client_id(raw)
            position += length
        elif call.raw_client_id is not None:
            call.take_client_id(None if length < 0 else b"")
        call.version = version
        call.correlation_id = correlation_id
        if route.parse is None:
            request = None
        else:
            try:
                if route.flexible:
                    position = _skip_tags(buffer, position)
                request, position = route.parse(buffer, position)
            except Malformed as malformed:
                raise Refused(f"Malformed {route.api.name} v{version}: {malformed}") from None
            if position > end:
                raise Refused(f"Malformed {route.api.name} v{version}: it runs past its frame")
        response = route.handle(request, call)
        if response is None:
            return
        at = len(out)
        out.append(b"")
        route.build(response, out)
        size = 4 + len(route.empty_tags)
        for piece in out[at:]:
            size += len(piece)
        out[at] = route.answer_head.pack(size, correlation_id, *route.empty_tags)


def _settled(handle, lasting):
    """`handle`, answering once the changes that it made will last."""

    def handle_and_settle(request, call):
        before, response = lasting.changes(), None
        try:
            response = handle(request, call)
            if lasting.changes() != before:
                lasting.settle(before)
        except KafkaError as error:
            if response is not None and error.error == COORDINATOR_NOT_AVAILABLE:
                response = take_back(response, error.error)
            else:
                response = None
            if response is None:  # a change that the disk does not take, and that the answer has no place for
                raise Refused(str(error)) from None
        return response

    return handle_and_settle


def _skip_tags(buffer, position):
    """Step over a request header's tagged fields (none are defined for it)."""
    if position < len(buffer) and not buffer[position]:
        return position + 1
    return skip_tagged_fields(buffer, position)
