"""Which function answers which API; what ApiVersions advertises is computed from this.

A handler names the services that it touches, as a pytest test names fixtures:

    @handles(Heartbeat)
    def heartbeat(request, call, groups): ...
"""

from functools import partial

from wire import errors

HANDLERS = {}


class Handler:
    """One API's answer: the function, the versions it serves, the range it advertises (inclusive)."""

    __slots__ = ("api", "function", "min_version", "max_version", "advertised", "feature")

    def __init__(self, api, function, versions, advertised, feature=None):
        self.api = api
        self.function = function
        self.feature = feature
        self.min_version, self.max_version = versions or (api.versions.min, api.versions.max)
        self.advertised = advertised or (self.min_version, self.max_version)

    def up_to(self, highest):
        """This handler, of versions up to `highest` only."""
        if highest >= self.max_version and highest >= self.advertised[1]:
            return self
        advertised = self.advertised[0], min(highest, self.advertised[1])
        return Handler(self.api, self.function, (self.min_version, min(highest, self.max_version)), advertised, self.feature)

    def serves(self, version):
        return self.min_version <= version <= self.max_version

    def bind(self, services):
        """The function with its named services filled in: f(request, call) -> response or None."""
        code = self.function.__code__
        named = code.co_varnames[2 : code.co_argcount]
        missing = [name for name in named if name not in services]
        if missing:
            raise LookupError(f"{self.api.name} asks for {', '.join(missing)}: no such service")
        bound = partial(self.function, **{name: services[name] for name in named}) if named else self.function
        if self.feature is None:
            return bound
        protocol = _PROTOCOLS.get(self.feature)
        if protocol and protocol not in services["settings"].group_coordinator_rebalance_protocols:
            return lambda request, call: _unsupported(self.api, request)
        return self._gated(bound, services["features"])

    def _gated(self, function, features):
        levels, feature, api = features.levels, self.feature, self.api

        def handle(request, call):
            return function(request, call) if levels[feature] else _unsupported(api, request)

        return handle


_PROTOCOLS = {"group.version": "consumer", "streams.version": "streams"}  # in group.coordinator.rebalance.protocols


def _unsupported(api, request):
    """UNSUPPORTED_VERSION, once, or for each group that was asked about."""
    if "error_code" in api.Response.__slots__:
        return api.reply(error_code=errors.UNSUPPORTED_VERSION)
    asked = request.group_ids if "group_ids" in api.Request.__slots__ else [group.group_id for group in request.groups]
    return api.reply(groups=[api.Response.Groups(group_id=group_id, error_code=errors.UNSUPPORTED_VERSION) for group_id in asked])


def handles(api, versions=None, advertised=None, feature=None):
    """Register the decorated function for `api`.

    `versions`: (lowest, highest) really served, all of the declaration's when left out;
    `advertised`: the range that ApiVersions shows where Kafka shows another than it serves;
    `feature`: without it (level 0, KIP-584) the API answers UNSUPPORTED_VERSION.
    """

    def register(function):
        if api.key in HANDLERS:
            raise ValueError(f"{api.name} is handled twice")
        HANDLERS[api.key] = Handler(api, function, versions, advertised, feature)
        return function

    return register
