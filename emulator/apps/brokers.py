"""Several brokers of one configuration: what it says of one, each has in its own way.

Node ids count from node.id, ports from those of `listeners` and `advertised.listeners` (0: a free one each), and each broker has
a directory broker-ID of its own in every one of log.dirs.
"""

import os
import re

from emulator.state.configs import ConfigError, parse_broker_settings
from emulator.state.configs.broker import QUICK_START

_LISTENERS = ("listeners", "advertised.listeners")
_DIRECTORIES = ("log.dirs", "log.dir")
_PORT = re.compile(r":(\d+)\s*$")


def settings_of(values, count=1, racks=()):
    """The Settings of each of `count` brokers that {Kafka key: value} `values` describe. Raises ConfigError."""
    if count == 1:
        if racks:
            values = {**values, "broker.rack": racks[0]}
        return [parse_broker_settings(values)]
    first = values.get("node.id", values.get("broker.id", QUICK_START["node.id"]))
    if not str(first).isdigit():
        parse_broker_settings(values)  # which says why
    if racks and "broker.rack" in values:
        raise ConfigError("broker.rack is of one broker, racks of all: give one of them")
    base = {**QUICK_START, **_internal_topics(count)}
    every = []
    for number in range(count):
        own = _own(values, int(first) + number, number)
        if racks:
            own["broker.rack"] = racks[number]
        every.append(parse_broker_settings(own, base))
    _check_ports(every)
    return every


def settings_of_nodes(values, node_ids):
    """As `settings_of`, of brokers that have these ids. Raises ConfigError."""
    if len(node_ids) == 1:
        return [parse_broker_settings({**values, "node.id": str(node_ids[0])})]
    base = {**QUICK_START, **_internal_topics(len(node_ids)), "default.replication.factor": str(min(3, len(node_ids)))}
    return [parse_broker_settings(_own(values, node, number), base) for number, node in enumerate(node_ids)]


def _own(values, node, number):
    """What is said of all brokers, as it is of one of them."""
    own = {**values, "node.id": str(node)}
    own.pop("broker.id", None)  # the first one's
    for key in _LISTENERS:
        if own.get(key) is not None:
            own[key] = ",".join(_shifted(text, number) for text in _texts(own[key]))
    for key in _DIRECTORIES:
        if own.get(key) is not None:
            own[key] = ",".join(os.path.join(path.strip(), f"broker-{node}") for path in _texts(own[key]))
    return own


def _internal_topics(count):
    """Kafka's own topics are to outlive a broker: as many replicas as Kafka gives them, or as there are brokers."""
    replicas, in_sync = str(min(3, count)), str(min(2, count - 1))
    return {
        "offsets.topic.replication.factor": replicas,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": in_sync,
    }


def _texts(value):
    return value if isinstance(value, list) else str(value).split(",")


def _shifted(listener, number):
    found = _PORT.search(listener)
    if found is None or not int(found[1]):
        return listener
    return f"{listener[: found.start(1)]}{int(found[1]) + number}"


def _check_ports(every):
    taken = {}
    for settings in every:
        for endpoint in settings.endpoints:
            other = taken.setdefault((endpoint.host, endpoint.port), settings)
            if endpoint.port and other is not settings:
                raise ConfigError(
                    f"listeners: brokers {other.node_id} and {settings.node_id} would both have port {endpoint.port}; "
                    f"leave {len(every)} ports for each listener"
                )
