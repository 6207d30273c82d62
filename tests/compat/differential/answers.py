"""Two answers to one request, compared field by field."""

import re

from differential.pairs import PAIRED
from wire import errors
from wire.record import Record

# Not compared, and why.
VOLATILE = {
    "throttle_time_ms": "how busy a server is",
    "port": "each server has its own",
    "client_host": "spelt with a slash by both, but a name server may have a say",
    "finalized_features_epoch": "the offset of a metadata log, which also holds what only Kafka writes there",
    "log_dir": "each server has its own",
    "total_bytes": "of the disk, at different moments",
    "usable_bytes": "of the disk, at different moments",
    "documentation": "Kafka's words are Kafka's, ours are ours",
    "error_message": "compared where tools print it (see the transcripts), and where a right is missing",
}
# The messages of these are, but for those in which Kafka writes down its own request object.
_DENIED = frozenset({errors.TOPIC_AUTHORIZATION_FAILED, errors.GROUP_AUTHORIZATION_FAILED, errors.CLUSTER_AUTHORIZATION_FAILED,
                     errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, errors.DELEGATION_TOKEN_AUTHORIZATION_FAILED})  # fmt: skip
_OF_JAVA = re.compile(r"Request Request\(.* needs [A-Z_]+ permission\.")
# Configs that say where a server is.
WHERE = frozenset({"listeners", "advertised.listeners", "controller.quorum.voters", "log.dir", "log.dirs", "metadata.log.dir"})
_LONGEST_DUEL = 24 * 3600 * 1000
_LONGEST_ANSWER = 5000
# Which of a list an entry is about.
IDENTITY = frozenset({
    "topic_id", "name", "topic", "topic_name", "group_id", "partition_index", "partition", "index", "resource_type", "resource_name",
    "transactional_id", "member_id", "producer_id", "key", "api_key", "config_name",
})  # fmt: skip


def compare(real, ours, pairs, since=None, path=""):
    """[(path, Kafka's value, the emulator's)] where two responses differ; their made-up ids are matched with one another on the way.

    Two times (ms) that the servers' own clocks gave, both later than `since`, are the same.
    """
    found = []
    _compare(real, ours, pairs, since, path, found)
    return found


def _compare(real, ours, pairs, since, path, found):
    if isinstance(real, Record) and isinstance(ours, Record):
        if getattr(real, "name", None) in WHERE and ours.name == real.name:
            return
        for name in real.fields_in_order:
            a, b = getattr(real, name), getattr(ours, name)
            if name == "error_message" and getattr(real, "error_code", 0) in _DENIED and a != b and not _OF_JAVA.fullmatch(a or ""):
                found.append((f"{path}.{name}", a, b))
            if name in VOLATILE:
                continue
            if name in PAIRED:
                if not pairs.match(PAIRED[name], a, b):
                    found.append((f"{path}.{name}", a, b))
            else:
                _compare(a, b, pairs, since, f"{path}.{name}", found)
    elif isinstance(real, (list, tuple)) and isinstance(ours, (list, tuple)):
        if len(real) != len(ours):
            found.append((path, real, ours))
            return
        for index, (a, b) in enumerate(zip(_sorted(real, pairs, 0), _sorted(ours, pairs, 1))):
            _compare(a, b, pairs, since, f"{path}[{index}]", found)
    elif _bytes(real) != _bytes(ours) and not _are_now(real, ours, since):
        found.append((path, real, ours))


def _are_now(real, ours, since):
    if since is None or not isinstance(real, int) or not isinstance(ours, int) or min(real, ours) < since:
        return False
    return since > max(real, ours) - _LONGEST_DUEL or abs(real - ours) < _LONGEST_ANSWER  # or then, at the end of a token's days


def _sorted(items, pairs, side):
    """In an order that both servers have: Kafka answers many lists in that of a hash map."""
    return sorted(items, key=lambda item: repr(_masked(item, pairs, side)))


def _masked(value, pairs, side):
    if isinstance(value, Record):
        return [
            pairs.number(PAIRED[name], getattr(value, name), side) if name in PAIRED else _masked(getattr(value, name), pairs, side)
            for name in sorted(value.fields_in_order, key=lambda name: name not in IDENTITY)
            if name not in VOLATILE
        ]
    if isinstance(value, (list, tuple)):
        return sorted((_masked(item, pairs, side) for item in value), key=repr)
    return _bytes(value)


def _bytes(value):
    return bytes(value) if isinstance(value, memoryview) else value


def brief(value):
    """A value for people: of a record the fields that are not at their default."""
    if isinstance(value, Record):
        default = type(value).DEFAULT
        told = [f"{name}={brief(getattr(value, name))}" for name in value.fields_in_order if not _same(getattr(value, name), getattr(default, name))]
        return f"{type(value).__name__}({', '.join(told)})"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(brief, value))}]"
    if isinstance(value, (bytes, memoryview)) and len(value) > 40:
        return f"<{len(value)} bytes>"
    return repr(value)


def _same(value, default):
    return value == default or isinstance(value, (list, tuple)) and not value and not default
