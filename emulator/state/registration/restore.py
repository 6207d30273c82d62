"""What stands in ZooKeeper, as metadata: of the cluster that these brokers, or others before them, were.

Source: kafka.zk.KafkaZkClient, kafka.controller.KafkaController of 3.9.1.
"""

import base64
import logging

from emulator.state.cluster import names
from emulator.state.cluster.changes import NO_LEADER
from emulator.state.cluster.ids import new_uuid, uuid_of, uuid_text
from emulator.state.registration import mirror, znodes
from emulator.state.scram import MECHANISMS
from wire.errors import KafkaError

log = logging.getLogger(__name__)


class Foreign(ValueError):
    """There are topics that need brokers which this server does not have."""


def topics(tree, broker_ids, random, check=lambda overrides: None):
    """[(table, key, value)] of all topics in {path: data}; nobody leads them yet. Raises Foreign.

    `check(overrides)` raises ValueError or KafkaError for configs that a topic cannot have: they are left out.
    """
    found = []
    for path in sorted(tree):
        parent, _, name = path.rpartition("/")
        if parent == znodes.TOPICS:
            try:
                if not names.is_valid(name):
                    raise znodes.Illegible(f"{path}: no topic can have this name")
                found += _topic(tree, path, name, broker_ids, random, check)
            except znodes.Illegible as error:
                log.error("%s: this topic is left out", error)
    return found


def _topic(tree, path, name, broker_ids, random, check):
    text, partitions, adding, removing = znodes.assignment(path, tree[path])
    strangers = {one for replicas in partitions.values() for one in replicas} - set(broker_ids)
    if strangers:
        raise Foreign(f"{path} has replicas on {_brokers(strangers)}, which this server does not have")
    entries = [(mirror.TOPICS, text := _topic_id(text, random), name)]
    for index, replicas in sorted(partitions.items()):
        state = tree.get(znodes.state_path(name, index))
        epoch, isr = -1, replicas
        if state is not None:
            _, epoch, isr = znodes.state_of(znodes.state_path(name, index), state)
        values = {
            "replicas": replicas, "isr": [one for one in isr if one in replicas] or replicas, "elr": [], "last_known_elr": [],
            "adding": adding.get(index, []), "removing": removing.get(index, []),
            "leader": NO_LEADER, "leader_epoch": epoch, "partition_epoch": 0,
        }  # fmt: skip
        entries.append((mirror.PARTITIONS, f"{text}:{index}", values))
    path = f"{znodes.CONFIGS}/topics/{name}"
    if overrides := _configs(tree, path, check):
        entries.append((mirror.TOPIC_CONFIGS, name, overrides))
    return entries


def _topic_id(text, random):
    try:
        uuid_of(text or "")
    except ValueError:
        return uuid_text(new_uuid(random))  # it is of a tool that knows no ids
    return text


def _configs(tree, path, check=lambda overrides: None):
    data = tree.get(path)
    if data is None:
        return {}
    try:
        values = znodes.configs_of(path, data)
        check(values)
        return values
    except (ValueError, KafkaError) as error:
        log.error("%s: it is taken for empty: %s", path, error)
        return {}


def _brokers(ids):
    shown = ", ".join(map(str, sorted(ids)))
    return f"broker {shown}" if len(ids) == 1 else f"brokers {shown}"


def settings(tree, check=lambda overrides: None):
    """[(table, key, value)] of what is set for brokers, clients and users, and of the producer ids that were given out.

    `check(overrides)`: as for `topics`, of brokers.
    """
    found, quotas = [], {}
    for path in sorted(tree):
        kind, _, rest = path.removeprefix(f"{znodes.CONFIGS}/").partition("/")
        if not rest or not path.startswith(znodes.CONFIGS):
            continue
        values = _configs(tree, path, check if kind == "brokers" else lambda overrides: None)
        if not values:
            continue
        if kind == "brokers":
            found.append((mirror.BROKER_CONFIGS, "" if rest == znodes.DEFAULT else rest, values))
        elif kind in ("users", "clients", "ips"):
            found += _credentials(rest, values) if kind == "users" and "/" not in rest else []
            rates = {key: float(text) for key, text in values.items() if _is_number(text)}
            if rates:
                quotas[_entity(kind, rest)] = rates
    found += [(mirror.QUOTAS, repr(entity), {"entity": entity, "values": rates}) for entity, rates in quotas.items()]
    if tree.get(znodes.PRODUCER_IDS):
        try:
            found.append((mirror.PRODUCER_IDS, "next_block", znodes.producer_ids_of(tree[znodes.PRODUCER_IDS]) + 1))
        except znodes.Illegible as error:
            log.error("%s", error)
    return found


def _entity(kind, rest):
    names = dict(zip(("user", "client-id") if kind == "users" else ("client-id",) if kind == "clients" else ("ip",),
                     map(znodes.entity_of, rest.split("/clients/"))))
    return tuple(sorted(names.items(), reverse=True))


def _credentials(rest, values):
    for number, mechanism in MECHANISMS.items():
        if mechanism in values:
            parts = dict(one.partition("=")[::2] for one in values[mechanism].split(","))
            try:
                secrets = [parts[name] for name in ("salt", "stored_key", "server_key")]
                for secret in secrets:
                    base64.b64decode(secret, validate=True)
                yield mirror.SCRAM, f"{number} {znodes.entity_of(rest)}", [*secrets, int(parts["iterations"])]
            except (KeyError, ValueError):
                log.error("%s/users/%s: a credential that is none", znodes.CONFIGS, rest)


def _is_number(text):
    try:
        return 0 < float(text) < float("inf")
    except ValueError:
        return False
