"""Configs of topics, brokers and groups: what they are and where they come from; set and taken back."""

from emulator.apps.control.brokers import broker_of
from emulator.apps.control.schema import counts, flag, many, or_null, text, thing
from emulator.apps.control.table import Conflict, Route
from emulator.apps.control.topics import topic_named
from emulator.apps.errors import UsageError
from emulator.runtime.broker import RUNNING
from emulator.state.configs import store
from emulator.state.configs.alter import DELETE, SET, alter_broker, alter_group, alter_topic, check_operations
from wire.errors import KafkaError

_SOURCES = {
    store.DYNAMIC_TOPIC_CONFIG: "topic", store.DYNAMIC_BROKER_CONFIG: "broker", store.DYNAMIC_DEFAULT_BROKER_CONFIG: "all brokers",
    store.STATIC_BROKER_CONFIG: "file", store.DEFAULT_CONFIG: "default", store.DYNAMIC_GROUP_CONFIG: "group",
}  # fmt: skip


def _configs(server, kind, asked):
    """(what gives its entries, what alters them) of what is meant. Raises UsageError."""
    name = asked["name"]
    if kind == "topics":
        topic_named(server, name)
        configs = server.services["configs"]
        return lambda: configs.describe_topic(name), lambda changes: alter_topic(configs, name, changes)
    if kind == "groups":
        configs = server.services["configs"]
        return lambda: configs.describe_group(name), lambda changes: alter_group(configs, name, changes)
    broker = broker_of(server, {"broker": name})
    if broker.state != RUNNING:
        raise Conflict(f"broker {name} is {broker.state}")
    configs = broker.services["configs"]
    return configs.describe_broker, lambda changes: alter_broker(configs, True, changes)


def _show(kind):
    def show(server, asked):
        describe, _ = _configs(server, kind, asked)
        return {"configs": [_entry(one) for one in describe()]}

    return show


def _alter(kind):
    def alter(server, asked):
        describe, change = _configs(server, kind, asked)
        changes = [(name, SET, value) for name, value in asked["set"].items()] + [(name, DELETE, None) for name in asked["remove"]]
        if not changes:
            raise UsageError("nothing is asked for: give set, or remove")
        try:
            check_operations(changes)
            change(changes)
        except KafkaError as refusal:
            raise UsageError(refusal.message or str(refusal)) from None
        return {"configs": [_entry(one) for one in describe() if one.key.name in {name for name, _, _ in changes}]}

    return alter


def _entry(entry):
    value = None if entry.key.sensitive else entry.value
    return {"name": entry.key.name, "value": value, "source": _SOURCES.get(entry.source, "default"), "read_only": entry.read_only}


_ENTRY = thing(
    name=text("as Kafka calls it"),
    value=or_null(text("null where it is a secret, or nothing")),
    source=text("what says so", enum=[*dict.fromkeys(_SOURCES.values())]),
    read_only=flag("whether only a restart changes it"),
)
_NAMES = {"topics": text("of the topic"), "groups": text("group id"), "brokers": {"type": "integer", "description": "its node id"}}
_OF = {"topics": "a topic's", "groups": "a group's", "brokers": "a broker's"}

ROUTES = tuple(
    route
    for kind in ("topics", "groups", "brokers")
    for route in (
        Route("GET", f"/{kind}/{{name}}/configs", _show(kind), f"{_OF[kind]} configs", {"name": _NAMES[kind]}, thing(configs=many(_ENTRY, "all that there are"))),
        Route("POST", f"/{kind}/{{name}}/configs", _alter(kind), f"sets {_OF[kind]} configs, all or none", {
            "name": _NAMES[kind],
            "set": counts("{name: value as text}", of="string", default={}),
            "remove": many(text("a config"), "those that are to have their default again", default=[]),
        }, thing(configs=many(_ENTRY, "those that were asked for"))),
    )
)  # fmt: skip
