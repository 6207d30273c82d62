"""Which function answers which API; what ApiVersions advertises is computed from this.

A handler names the services that it touches, as a pytest test names fixtures:

    @handles(Heartbeat)
    def heartbeat(request, call, groups): ...
"""

from functools import partial

HANDLERS = {}


class Handler:
    """One API's answer: the function, the versions it serves, the range it advertises (inclusive)."""

    __slots__ = ("api", "function", "min_version", "max_version", "advertised")

    def __init__(self, api, function, versions, advertised):
        self.api = api
        self.function = function
        self.min_version, self.max_version = versions or (api.versions.min, api.versions.max)
        self.advertised = advertised or (self.min_version, self.max_version)

    def serves(self, version):
        return self.min_version <= version <= self.max_version

    def bind(self, services):
        """The function with its named services filled in: f(request, call) -> response or None."""
        code = self.function.__code__
        named = code.co_varnames[2 : code.co_argcount]
        missing = [name for name in named if name not in services]
        if missing:
            raise LookupError(f"{self.api.name} asks for {', '.join(missing)}: no such service")
        if not named:
            return self.function
        return partial(self.function, **{name: services[name] for name in named})


def handles(api, versions=None, advertised=None):
    """Register the decorated function for `api`.

    `versions`: (lowest, highest) really served, all of the declaration's when left out;
    `advertised`: the range that ApiVersions shows where Kafka shows another than it serves.
    """

    def register(function):
        if api.key in HANDLERS:
            raise ValueError(f"{api.name} is handled twice")
        HANDLERS[api.key] = Handler(api, function, versions, advertised)
        return function

    return register
