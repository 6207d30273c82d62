"""One fault: when it happens, what happens then, and how often it has."""

from emulator.pipeline.answers.shapes import KINDS
from wire.types import LATEST, Versions

_EVERY_VERSION = Versions(0, LATEST)


class Fault:
    """What `language.parse` makes of a description, `spec`. `hits`: how often it has happened; `calls`: the requests that it was about.

    It is hit once by a request, however many of its partitions it concerns.
    """

    def __init__(self, name, spec, values, now, random):
        self.name = name
        self.spec = spec
        self.hits = self.calls = 0
        get = values.get
        self.apis = get("api")  # a set of Api, None for all
        self.versions = get("versions", _EVERY_VERSION)
        self.client, self.principal, self.host, self.broker = get("client"), get("principal"), get("host"), get("broker")
        self.items = {kind: values[kind] for kind in KINDS if kind in values}
        nth = get("nth")
        self.skip = nth - 1 if nth else get("skip", 0)
        self.times = 1 if nth else get("times")
        self.probability = get("probability")
        self.random = random
        self.since = values["since"](now) if "since" in values else None
        self.until = values["until"](now) if "until" in values else None
        self.sequel, self.waits_for = get("after_fault"), None  # (name, hits), the Fault of that name
        self.counted, self.others = get("after_calls"), 0  # (Api, calls), how many there have been
        self.error, self.level, self.message = get("error"), get("level"), get("message")
        self.delay, self.delay_answer, self.jitter = get("delay", 0), get("delay_answer", 0), get("jitter", 0)
        self.throttle, self.bandwidth, self.clock_skew = get("throttle", 0), get("bandwidth"), get("clock_skew", 0)
        self.drop, self.hang, self.unreachable = get("drop"), get("hang"), get("unreachable", False)
        self.torn, self.truncated, self.correlation_id = get("torn"), get("truncated"), get("correlation_id")
        self.corrupt_crc, self.duplicate, self.stale = get("corrupt_crc", False), get("duplicate", False), get("stale", 0)
        self.free_at = 0  # when the line of `bandwidth` has sent what it was given, on the clock that serves

    @property
    def spoils(self):
        """It makes wrong what a fetch brings."""
        return self.corrupt_crc or self.duplicate or bool(self.stale)

    @property
    def ends(self):
        """It says how a request ends, so that no other can."""
        return any((self.error, self.drop, self.hang, self.unreachable, self.torn, self.truncated, self.correlation_id is not None))

    @property
    def said(self):
        """What stands beside its error, where the answer has room for that."""
        return self.message or f"Refused by {self.name}"

    @property
    def is_spent(self):
        """It will never happen again."""
        return self.times is not None and self.hits >= self.times

    def concerns(self, api, version):
        """Whether it may ever happen to such requests."""
        return (self.apis is None or api in self.apis) and version in self.versions and not self.is_spent

    def is_at(self, broker_id):
        """Whether it is about what that broker is asked."""
        return self.broker is None or broker_id is not None and self.broker.matches(broker_id)

    def is_of(self, call):
        """Whether it is about this client."""
        return (
            (self.client is None or self.client.matches(call.client_id))
            and (self.principal is None or self.principal.matches(str(call.principal)))
            and (self.host is None or self.host.matches(call.client_host))
        )

    def is_due(self, now):
        """Whether its time has come and is not over."""
        return (
            not self.is_spent
            and (self.since is None or now >= self.since)
            and (self.until is None or now < self.until)
            and (self.waits_for is None or self.waits_for.hits >= self.sequel[1])
            and (self.counted is None or self.others >= self.counted[1])
        )

    def meets(self):
        """A request is what this is about: whether it is one of those to which it happens. It has not yet: see `hits`."""
        self.calls += 1
        if self.calls <= self.skip or self.is_spent:
            return False
        return self.probability is None or self.random.random() < self.probability

    def jittered(self, delay_ms):
        return delay_ms + self.random.randint(0, self.jitter) if self.jitter else delay_ms

    def describe(self):
        return {"name": self.name, "hits": self.hits, "calls": self.calls, "spent": self.is_spent, "fault": self.spec}
