"""Kafka's config types: how a value is read from text, checked, and written back.

Semantics and messages follow org.apache.kafka.common.config.ConfigDef: tools print the messages.
"""

import re

# DescribeConfigs carries the type as an int8 (ConfigEntry.ConfigType).
BOOLEAN, STRING, INT, SHORT, LONG, DOUBLE, LIST = "BOOLEAN", "STRING", "INT", "SHORT", "LONG", "DOUBLE", "LIST"
CLASS, PASSWORD, UNKNOWN = "CLASS", "PASSWORD", "UNKNOWN"
TYPE_IDS = {UNKNOWN: 0, BOOLEAN: 1, STRING: 2, INT: 3, SHORT: 4, LONG: 5, DOUBLE: 6, LIST: 7, CLASS: 8, PASSWORD: 9}

MAX_LONG = 2**63 - 1
MAX_INT = 2**31 - 1

_BITS = {INT: 31, SHORT: 15, LONG: 63}
_INTEGER = re.compile(r"[+-]?\d+\Z")
_DOUBLE = re.compile(r"[+-]?(NaN|Infinity|(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[fFdD]?)\Z", re.ASCII)
_COMMA = re.compile(r"[ \t\n\x0b\f\r]*,[ \t\n\x0b\f\r]*")
_JAVA_BLANKS = "".join(map(chr, range(33)))  # what String.trim() removes


class ConfigError(ValueError):
    """A value or a name that Kafka refuses; the text is what a person reads."""


class Key:
    """One config: its name, type, default and check, and what DescribeConfigs tells about it.

    `default` is text as a config file would have it (None: no value); `check(name, value)` takes the
    parsed value and raises ConfigError. `synonyms`: broker configs that give a topic config its
    default, the first that has a value wins; each is (name, factor), the factor into this config's unit.
    """

    __slots__ = ("name", "type", "default", "check", "dynamic", "per_broker", "synonyms", "internal", "documentation", "field")

    def __init__(self, name, type, default, check=None, documentation=None, dynamic=False, per_broker=False, synonyms=(), internal=False):
        self.name = name
        self.type = type
        self.default = default
        self.check = check
        self.documentation = documentation
        self.dynamic = dynamic
        self.per_broker = per_broker
        self.synonyms = tuple((one, 1) if isinstance(one, str) else one for one in synonyms)
        self.internal = internal
        self.field = name.replace(".", "_")

    @property
    def sensitive(self):
        """Whether its value is shown to nobody; Kafka hides what it does not know, too."""
        return self.type in (PASSWORD, UNKNOWN)

    def parse(self, text):
        """The value of `text`: int, float, bool, str or tuple of str; None stays None (checked too).

        Raises ConfigError with Kafka's message.
        """
        value = None if text is None else self._read(text)
        if value and getattr(self.check, "distinct", False):
            value = tuple(dict.fromkeys(value))  # Kafka warns of what is there twice and goes on
        if self.check is not None:
            self.check(self.name, value)
        return value

    def _read(self, text):
        trimmed = text.strip(_JAVA_BLANKS)
        kind = self.type
        if kind == STRING:
            return trimmed
        if kind in (PASSWORD, UNKNOWN):
            return text
        if kind == CLASS:
            if trimmed not in getattr(self.check, "classes", (self.default,)):  # no plug-in of Java can be loaded here
                raise invalid(self.name, trimmed, f"Class {trimmed} could not be found.")
            return trimmed
        if kind == LIST:
            return tuple(_COMMA.split(trimmed)) if trimmed else ()
        if kind == BOOLEAN:
            lowered = trimmed.lower()
            if lowered not in ("true", "false"):
                raise invalid(self.name, text, "Expected value to be either true or false")
            return lowered == "true"
        if kind == DOUBLE:
            if _DOUBLE.match(trimmed):
                return float(trimmed.rstrip("fFdD"))
        elif _INTEGER.match(trimmed):
            number = int(trimmed)
            limit = 1 << _BITS[kind]
            if -limit <= number < limit:
                return number
        raise invalid(self.name, text, f"Not a number of type {kind}")


def invalid(name, value, reason=None):
    """Kafka's ConfigException for one value."""
    return ConfigError(f"Invalid value {shown(value)} for configuration {name}" + (f": {reason}" if reason else ""))


def shown(value):
    """`value` as Java prints it inside a message."""
    if isinstance(value, tuple):
        return "[" + ", ".join(value) + "]"
    return "null" if value is None else text_of(value)


def text_of(value):
    """The text of a parsed value, as ConfigDef.convertToString writes it; None stays None."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, float):
        return _java_double(value)
    return str(value)


def _java_double(value):
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    from decimal import Decimal  # start-up is timed, and few values are doubles

    decimal = Decimal(repr(value))
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        text = format(decimal, "f")
        return text if "." in text else text + ".0"
    sign, digits, _ = decimal.normalize().as_tuple()
    fraction = "".join(map(str, digits[1:])) or "0"
    return f"{'-' * sign}{digits[0]}.{fraction}E{decimal.adjusted()}"


# Checks ---------------------------------------------------------------------------------------


def told(check, words):
    """`check`, which documentation tells about as `words`."""
    check.words = words
    return check


def at_least(lowest):
    return between(lowest, None)


def between(lowest, highest):
    """ConfigDef.Range: inclusive; null is refused."""

    def check(name, value):
        if value is None:
            raise invalid(name, None, "Value must be non-null")
        if value < lowest:
            raise invalid(name, value, f"Value must be at least {lowest}")
        if highest is not None and value > highest:
            raise invalid(name, value, f"Value must be no more than {highest}")

    return told(check, f"from {lowest}" if highest is None else f"{lowest} to {highest}")


def non_empty(name, value):
    if value == "":
        raise invalid(name, value, "String must be non-empty")


def one_of(*allowed):
    def check(name, value):
        if value not in allowed:
            raise invalid(name, value, "String must be one of: " + ", ".join(allowed))

    return told(check, ", ".join(allowed))


def classes(*known):
    """Of Kafka's own classes those that there is something for here."""

    def check(name, value):
        """Others have been refused when the value was read."""

    check.classes = known
    return told(check, ", ".join(known))


def one_of_any_case(*allowed):
    def check(name, value):
        if value is None or value.upper() not in map(str.upper, allowed):
            raise invalid(name, value, "String must be one of (case insensitive): " + ", ".join(map(str.upper, allowed)))

    return told(check, ", ".join(allowed))


def list_of(*allowed, empty=True, null=False):
    """ConfigDef.ValidList: no empty words, only `allowed` ones (any when none is named), each once."""
    known = one_of(*allowed)

    def check(name, value):
        if value is None:
            if null:
                return
            raise ConfigError(f"Configuration '{name}' values must not be null.")
        if not value and not empty:
            raise ConfigError(f"Configuration '{name}' must not be empty. Valid values include: " + (f"[{', '.join(allowed)}]" if allowed else "any non-empty value"))
        for word in value:
            if not word:
                raise ConfigError(f"Configuration '{name}' values must not be empty.")
            if allowed:
                known(name, word)

    check.distinct = True
    return told(check, " ".join(filter(None, [", ".join(allowed), "" if empty else "(not empty)"])))


def gzip_level(name, value):
    if value is None:
        raise invalid(name, None, "Value must be non-null")
    if value != -1 and not 1 <= value <= 9:
        raise invalid(name, value, "Value must be between 1 and 9 or equal to -1")


_THROTTLED = re.compile(r"([0-9]+:[0-9]+)?\Z")


def throttled_replicas(name, value):
    words = [word.strip(_JAVA_BLANKS) for word in value]
    if not all(map(_THROTTLED.match, words)) and "".join(words) != "*":
        raise invalid(name, value, f"{name} must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...")
