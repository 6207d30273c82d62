"""Configs of client metrics subscriptions (KIP-714): which clients are to push which metrics, how often.

Checks, their order and words are those of org.apache.kafka.server.metrics.ClientMetricsConfigs of 4.3.1. What clients
are matched by is RE2's syntax rather than Java's: no look-ahead, no references back, and linear time.
"""

from collections import namedtuple

from emulator.state.configs.definition import INT, LIST, ConfigError, Key, list_of, text_of
from emulator.state.java import hash_order, string_hash
from emulator.state.regex import InvalidRegex, compile_regex
from wire.errors import INVALID_CONFIG, INVALID_REQUEST, KafkaError

ALL_METRICS = "*"
MATCHED = (
    "client_instance_id", "client_id", "client_software_name", "client_software_version", "client_source_address", "client_source_port",
)  # fmt: skip
_SHORTEST_MS, _LONGEST_MS = 100, 3_600_000

_METRICS = Key("metrics", LIST, "", list_of(), "Prefixes of the names of metrics to push; * for all of them")
_INTERVAL = Key("interval.ms", INT, "300000", None, "Milliseconds between two pushes of a client")
_MATCH = Key("match", LIST, "", list_of(), "Which clients: NAME=EXPRESSION for each property that must match")
CLIENT_METRICS = {key.name: key for key in (_METRICS, _INTERVAL, _MATCH)}  # in the order in which Kafka reads them

DESCRIBED = ("interval.ms", "match", "metrics")  # in the order of Kafka's table
DYNAMIC_CLIENT_METRICS_CONFIG, DEFAULT_CONFIG = 7, 5

# metrics: names' prefixes; match: {property: matches(text) -> bool}
Subscription = namedtuple("Subscription", "metrics interval_ms match")


def parse_client_metrics(name, overrides):
    """The Subscription that {config: text} gives; raises KafkaError."""
    if not name:
        raise KafkaError(INVALID_REQUEST, "Subscription name can't be empty")
    for key in overrides:
        if key not in CLIENT_METRICS:
            raise KafkaError(INVALID_REQUEST, f"Unknown client metrics configuration: {key}")
    try:
        metrics, interval_ms, match = (key.parse(overrides.get(key.name, key.default)) for key in CLIENT_METRICS.values())
    except ConfigError as error:
        raise KafkaError(INVALID_CONFIG, str(error)) from None
    if not _SHORTEST_MS <= interval_ms <= _LONGEST_MS:
        raise KafkaError(
            INVALID_REQUEST, f"Invalid value {interval_ms} for interval.ms, interval must be between {_SHORTEST_MS} and {_LONGEST_MS} (1 hour)"
        )
    return Subscription(metrics, interval_ms, dict(map(_pattern, match)))


def _pattern(text):
    """(property, matches) of one NAME=EXPRESSION."""
    parts = text.split("=")
    while parts and not parts[-1]:
        parts.pop()
    try:
        if len(parts) != 2 or parts[0].strip() not in MATCHED:
            raise InvalidRegex
        return parts[0].strip(), compile_regex(parts[1].strip())
    except InvalidRegex:
        raise KafkaError(INVALID_CONFIG, f"Illegal client matching pattern: {text}") from None


class ClientMetricsConfigs:
    """All subscriptions by name, in the metadata table `client_metrics_configs`: name -> {config: text}.

    `version` counts changes.
    """

    def __init__(self, metadata):
        self.table = metadata.table("client_metrics_configs")
        self.subscriptions = {name: parse_client_metrics(name, overrides) for name, overrides in self.table.items()}
        self.version = 0

    def names(self):
        """The names of all subscriptions, in the order of Kafka's table."""
        return hash_order(self.table, string_hash)

    def get(self, name):
        """{config: text} of what is set for `name`, which need not exist."""
        return self.table.get(name, {})

    def set(self, name, overrides):
        """Replace what is set; nothing ends the subscription. Raises KafkaError."""
        subscription = parse_client_metrics(name, overrides)
        if overrides:
            self.table.put(name, dict(overrides))
            self.subscriptions[name] = subscription
        elif name in self.table:
            self.table.remove(name)
            del self.subscriptions[name]
        self.version += 1

    def describe(self, name):
        """[(Key, text, source, synonyms as (name, text, source))] of every config."""
        overrides = self.get(name)
        entries = []
        for key in map(CLIENT_METRICS.get, DESCRIBED):
            text = text_of(key.parse(overrides.get(key.name, key.default)))
            source = DYNAMIC_CLIENT_METRICS_CONFIG if key.name in overrides else DEFAULT_CONFIG
            entries.append((key, text, source, [(key.name, text, source)] if key.name in overrides else []))
        return entries
