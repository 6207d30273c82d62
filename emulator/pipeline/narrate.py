"""Requests and their answers in words, for a person who wonders what a client did.

Errors are named, topic ids are the names of topics where these are known, elements of arrays have their name or index before
what else they say: orders(0(base_offset=7)). Most of what is at its default is left out.
"""

from base64 import urlsafe_b64encode

from emulator.pipeline.requests import ANSWERED, UNDER_WAY, Left
from emulator.pipeline.secrets import BLANK, is_secret_config
from wire.errors import Error
from wire.record import Record

_LONGEST = 160  # characters of one side
_ELEMENTS = 4  # of an array
# What every client says, and is told, all the time.
_UNIMPORTANT = frozenset({
    "throttle_time_ms", "node_endpoints", "brokers", "cluster_id", "api_keys", "supported_features", "finalized_features",
    "finalized_features_epoch", "log_start_offset", "replica_id", "partition_max_bytes", "current_leader_epoch", "leader_epoch",
    "partition_epoch", "protocols", "timeout_ms", "max_wait_ms", "min_bytes", "max_bytes", "session_id", "session_epoch", "rack_id",
    "session_timeout_ms", "rebalance_timeout_ms", "is_internal", "replica_nodes", "isr_nodes", "log_append_time_ms",
    "cluster_authorized_operations", "topic_authorized_operations", "isolation_level", "controller_id", "last_stable_offset",
})  # fmt: skip
# What is worth saying at its default, too.
_TELLING = frozenset({
    "base_offset", "fetch_offset", "offset", "committed_offset", "generation_id", "member_epoch", "producer_id", "producer_epoch",
    "committed", "leader_id", "topics",
})  # fmt: skip
_NAMES = ("name", "topic", "topic_name", "group_id", "transactional_id", "resource_name", "key")
_INDEXES = ("partition_index", "partition", "index")
_NANOS_PER_S = 1_000_000_000


def errors_of(exchange, topic_names=None):
    """["orders-0 NOT_LEADER_OR_FOLLOWER", ...]: each error in an answer, and what it is about."""
    response = exchange.response
    return [] if response is None else list(_errors(response, "", topic_names or {}))


def _errors(record, about, topic_names):
    about = _about(record, about, topic_names)
    for name in record.fields_in_order:
        value = getattr(record, name)
        if name.endswith("error_code") and value:
            yield f"{about} {_error(value)}".lstrip()
        for one in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(one, Record):
                yield from _errors(one, about, topic_names)


def _about(record, about, topic_names):
    for name in _NAMES:
        value = getattr(record, name, None)
        if isinstance(value, str) and value:
            return value
    topic_id = getattr(record, "topic_id", None)
    if isinstance(topic_id, bytes) and any(topic_id):
        return _topic(topic_id, topic_names)
    for name in _INDEXES:
        index = getattr(record, name, None)
        if isinstance(index, int) and about:
            return f"{about}-{index}"
    return about


def _error(code):
    try:
        return Error(code).name
    except ValueError:
        return f"error {code}"


def _topic(topic_id, topic_names):
    return topic_names.get(topic_id) or urlsafe_b64encode(topic_id).decode().rstrip("=")


def words(record, topic_names=None):
    """What a request or an answer says, in one line."""
    text = ", ".join(_words(record, topic_names or {}))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _words(record, topic_names, label=None):
    defaults = type(record).DEFAULT
    for name in record.fields_in_order:
        value = getattr(record, name)
        if name in _UNIMPORTANT or name == label or label and name == "topic_id":
            continue
        if value in ((), []) or value is None and name not in _TELLING or value == getattr(defaults, name) and name not in _TELLING and not isinstance(value, Left):
            continue
        if name.endswith("error_code"):
            yield _error(value)
            continue
        if name == "value" and is_secret_config(record):
            yield f"value={BLANK}"
            continue
        text = _value(name, value, topic_names)
        yield text if isinstance(value, (list, tuple)) and isinstance(value[0], Record) else f"{name}={text}"


def _element(record, topic_names):
    """One structure of an array: orders(0(records=<69 bytes>))."""
    label, text = _label(record, topic_names)
    said = ", ".join(_words(record, topic_names, label))
    return text + (f"({said})" if said or not text else "")


def _label(record, topic_names):
    """(field, text) that tell one structure of an array from another."""
    for name in (*_NAMES, *_INDEXES):
        value = getattr(record, name, None)
        if isinstance(value, str) and value or isinstance(value, int):
            return name, str(value)
    topic_id = getattr(record, "topic_id", None)
    if isinstance(topic_id, bytes) and any(topic_id):
        return "topic_id", _topic(topic_id, topic_names)
    return None, ""


def _value(name, value, topic_names):
    if isinstance(value, Record):
        return f"({', '.join(_words(value, topic_names))})"
    if isinstance(value, (list, tuple)):
        of_records = isinstance(value[0], Record)
        shown = [_element(one, topic_names) if of_records else _value(name, one, topic_names) for one in value[:_ELEMENTS]]
        if len(value) > _ELEMENTS:
            shown.append(f"{len(value) - _ELEMENTS} more")
        return " ".join(shown) if of_records else f"[{' '.join(shown)}]"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _topic(bytes(value), topic_names) if name.endswith("topic_id") else repr(Left(len(value)))
    return repr(value)


def answer_words(exchange, topic_names=None):
    """What came of a request: the errors in its answer, else what that says."""
    if exchange.outcome != ANSWERED:
        return exchange.outcome
    errors = errors_of(exchange, topic_names)
    if not errors:
        return words(exchange.response, topic_names) or "done"
    more = f" and {len(errors) - _ELEMENTS} more" if len(errors) > _ELEMENTS else ""
    return f"!! {', '.join(errors[:_ELEMENTS])}{more}"


def line(exchange, since, topic_names=None):
    """`since`: what `began` is counted from."""
    asked = "" if exchange.request is None else words(exchange.request, topic_names)
    answered = answer_words(exchange, topic_names)
    took = "" if exchange.outcome == UNDER_WAY else f"{exchange.duration_ms:.1f} ms"
    what = f"{exchange.api} v{exchange.version}"
    return f"{(exchange.began - since) / _NANOS_PER_S:+9.3f} s {took:>10}  broker {exchange.broker}  {what:<24} {asked} -> {answered}"


def timeline(exchanges, since, topic_names=None, most=10):
    """The newest `most` requests of each client, oldest first, as lines of text; '' where nobody asked anything."""
    clients = {}
    for exchange in exchanges:
        clients.setdefault(exchange.client_id, []).append(exchange)
    lines = []
    for client_id, asked in clients.items():
        first = asked[-most:]
        lines.append(f"client {client_id!r}: {len(asked)} request(s)" + (f", the last {most}" if len(asked) > most else ""))
        lines += ["  " + line(exchange, since, topic_names) for exchange in first]
    return "\n".join(lines)
