"""What becomes of each API and version on its way through: passed as it is, its answer's addresses changed, or looked into.

A Routes is of one listener that clients come to, as the addresses that they learn are. Layers (pipeline/layers.py) are added to and taken from
its dispatcher as they are with a broker of the emulator's.
"""

from struct import Struct

from emulator.apps.proxy.rewriting import rewriter
from emulator.apps.proxy.walk import Walk
from emulator.pipeline.dispatch import Dispatcher, Refused
from emulator.runtime.upstream.answers import BadAnswer
from emulator.runtime.upstream.entrance import ASKED as LOGIN
from emulator.runtime.upstream.plans import Plan
from wire.apis import BY_KEY
from wire.apis.data import Fetch, Produce
from wire.apis.metadata import ApiVersions
from wire.apis.sasl import SaslHandshake
from wire.apis.share_groups import ShareAcknowledge, ShareFetch
from wire.errors import UNSUPPORTED_VERSION
from wire.header import API_VERSIONS, parse_request_header, parse_response_header, skip_tagged_fields
from wire.types import Malformed
from wire.varint import rest_of_varint

_SHORT = Struct(">h")
# As Kafka shows them: Produce from 0, for old librdkafkas (KAFKA-18659). SaslHandshake 0 is followed by what is no request of
# Kafka's protocol (KIP-152), which a proxy could not tell apart.
_LOWEST = {Produce.key: 0, SaslHandshake.key: 1}
# How answers end that name no broker, for sure: a throttle time of 0, no tagged fields; an empty array, no tagged fields.
_NO_ENDPOINTS = {Produce.key: bytes(5), ShareFetch.key: b"\1\0", ShareAcknowledge.key: b"\1\0"}


class Routes:
    """`plans`: {key << 16 | version: Plan} of what has been asked for so far; `local`: see rewriting.py; `overlay`: an Overlay, or None.

    `ends_login`: clients log in here, and not at the brokers behind.
    """

    def __init__(self, local, overlay=None, ends_login=False):
        self._local = local
        self.overlay = overlay
        self._ends_login = ends_login
        self.plans = {}
        self.dispatcher = _Dispatcher(self)
        self._versions = {}  # the last answers to ApiVersions, and what became of them

    def plan(self, kind):
        """Raises Refused for what is not served."""
        key, version = kind >> 16, kind & 0xFFFF
        api = BY_KEY.get(key)
        if api is None:
            raise Refused(f"Received request for api key {key} which is not enabled")
        known = version in api.versions
        if not known and key != API_VERSIONS:
            raise Refused(f"Received request for {api.name} with version {version} which is not supported")
        if api is SaslHandshake and version < _LOWEST[api.key]:
            raise Refused("SaslHandshake 0 does not pass a proxy: what follows it has no form that could be told")
        is_login = self._ends_login and key in LOGIN
        plan = self._plan(api, version, not known or is_login or self.dispatcher.is_wanted(api, version))
        if not plan.is_served and self.overlay is not None and self.overlay.wants(api):
            plan = Plan(api, version, is_served=True, concerns=self._concerning(api, version), otherwise=plan)
        self.plans[kind] = plan
        return plan

    def _concerning(self, api, version):
        parse = api.parse_request(version)

        def concerns(frame, call):
            try:
                *_, position = parse_request_header(frame)
                request, end = parse(frame, position)
            except Malformed as malformed:
                raise Refused(f"Malformed {api.name} v{version}: {malformed}") from None
            if end > len(frame):
                raise Refused(f"Malformed {api.name} v{version}: it runs past its frame")
            call.version = version
            return self.overlay.concerns(api, request, call)

        return concerns

    def _plan(self, api, version, is_served):
        if is_served:
            return Plan(api, version, is_served=True)
        is_silent = _is_silent(version) if api is Produce else None
        if api is ApiVersions:
            return Plan(api, version, rewrite=lambda frame: self._intersected(version, frame))
        rewrite = rewriter(api, version)
        if rewrite is None:
            return Plan(api, version, is_silent=is_silent)
        if api is Fetch:
            return Plan(api, version, walk=lambda: Walk(version, rewrite, self._local))
        return Plan(api, version, is_silent=is_silent, rewrite=self._rewriting(api, version, rewrite))

    def _rewriting(self, api, version, rewrite):
        ending = _NO_ENDPOINTS.get(api.key)
        parse, build, local = api.parse_response(version), api.build_response(version), self._local

        def rewritten(frame):
            if ending is not None and frame[-len(ending) :] == ending:
                return None
            try:
                _, position = parse_response_header(api, version, frame)
                response, _ = parse(frame, position)
            except Malformed as malformed:
                raise BadAnswer(f"a malformed answer to {api.name} v{version}: {malformed}") from None
            rewrite(response, local)
            out = [bytes(frame[:position])]
            build(response, out)
            return out

        return rewritten

    # -- what is served in common ------------------------------------------------------------------

    def _intersected(self, version, frame):
        body = bytes(frame[4:])
        last = self._versions.get(version)
        if last is None or last[0] != body:
            out = []
            response, answered = self._read_versions(version, body)
            ApiVersions.build_response(answered)(response, out)
            self._versions[version] = last = body, b"".join(out)
        return [bytes(frame[:4]), last[1]]

    @staticmethod
    def _read_versions(version, body):
        """(response, the version that it is in) of an answer to ApiVersions: an older broker answers in version 0."""
        if body[:2] == _SHORT.pack(UNSUPPORTED_VERSION):
            version = 0
        try:
            response, _ = ApiVersions.parse_response(version)(body)
        except Malformed as malformed:
            raise BadAnswer(f"a malformed answer to ApiVersions v{version}: {malformed}") from None
        return intersect(response), version

    def read(self, api, version, frame):
        """The record of an answer as a client is to have it. Raises BadAnswer."""
        if api is ApiVersions:
            return self._read_versions(version, frame[4:])[0]
        try:
            _, position = parse_response_header(api, version, frame)
            response, _ = api.parse_response(version)(frame, position)
        except Malformed as malformed:
            raise BadAnswer(f"a malformed answer to {api.name} v{version}: {malformed}") from None
        rewrite = rewriter(api, version)
        if rewrite is not None:
            rewrite(response, self._local)
        return response


def intersect(response):
    """An ApiVersions answer of the broker's, without what is not understood here."""
    kept = []
    for one in response.api_keys:
        api = BY_KEY.get(one.api_key)
        if api is not None:
            one.min_version = max(one.min_version, _LOWEST.get(api.key, api.versions.min))
            one.max_version = min(one.max_version, api.versions.max)
            if one.min_version <= one.max_version:
                kept.append(one)
    response.api_keys = kept
    return response


class _Dispatcher(Dispatcher):
    """A broker's dispatcher, whose handlers ask the broker behind."""

    def __init__(self, routes):
        self._plans = routes.plans
        super().__init__({key: _Asking(api, routes) for key, api in BY_KEY.items()}, {})

    def answer(self, buffer, position, end, call, out):
        entrance = call.connection.entrance
        if entrance is not None and int.from_bytes(buffer[position : position + 2], "big") in LOGIN:
            entrance.again(buffer, position, end, call, out)
        else:
            super().answer(buffer, position, end, call, out)

    def is_wanted(self, api, version):
        return any(layer.wants(api, version) for layer in self._layers)

    def add(self, layer):
        super().add(layer)
        self._plans.clear()

    def remove(self, layer):
        super().remove(layer)
        self._plans.clear()


class _Asking:
    """What a Dispatcher takes for a handler."""

    def __init__(self, api, routes):
        self.api = api
        self._routes = routes

    def serves(self, version):
        return version in self.api.versions

    def bind(self, services):
        return self._ask

    def _ask(self, request, call):
        api, version = self.api, call.version
        if request is None:  # a version of ApiVersions that is later than ours
            known = ApiVersions.Response.ApiKeys(api_key=API_VERSIONS, min_version=0, max_version=ApiVersions.versions.max)
            return ApiVersions.reply(error_code=UNSUPPORTED_VERSION, api_keys=[known])

        def ask(request):
            build = api.build_request(version)
            is_silent = api is Produce and not request.acks
            frame = call.connection.ask(api, call, lambda out: build(request, out), is_silent)
            return None if frame is None else self._routes.read(api, version, frame)

        overlay = self._routes.overlay
        if overlay is not None and overlay.wants(api) and overlay.concerns(api, request, call):
            return overlay.answer(api, request, call, ask)
        return ask(request)


def _is_silent(version):
    """Whether a Produce request wants no answer (acks=0), by its bytes."""
    flexible = version in Produce.flexible

    def is_silent(view, position, end):
        view = view[:end]
        (length,) = _SHORT.unpack_from(view, position + 8)
        position += 10 + max(length, 0)
        if flexible:
            position = skip_tagged_fields(view, position) if view[position] else position + 1
            length = view[position]
            position += 1
            if length > 127:
                length, position = rest_of_varint(view, position, length)
            position += max(length - 1, 0)
        else:
            (length,) = _SHORT.unpack_from(view, position)
            position += 2 + max(length, 0)
        return _SHORT.unpack_from(view, position) == (0,)

    return is_silent
