"""What the controller writes into ZooKeeper when the cluster's metadata change, and all that is to stand there.

Source: kafka.zk.AdminZkClient, KafkaZkClient, kafka.controller.TopicDeletionManager of 3.9.1.
"""

from collections import namedtuple

from emulator.state.registration import znodes
from emulator.state.scram import MECHANISMS

PUT, DELETE, APPEND = "put", "delete", "append"
# One step: PUT makes `path` hold `data` (None: it is there), DELETE makes it be gone with all below, APPEND makes
# a new one whose name begins so.
Write = namedtuple("Write", "kind path data", defaults=(None,))

TOPICS, PARTITIONS, PRODUCER_IDS = "topics", "partitions", "producer_ids"
TOPIC_CONFIGS, BROKER_CONFIGS = "topic_configs", "broker_configs"
QUOTAS, SCRAM = "client_quotas", "scram_credentials"
# Of the cluster's tables those that Kafka kept in ZooKeeper.
TABLES = frozenset({TOPICS, PARTITIONS, TOPIC_CONFIGS, BROKER_CONFIGS, QUOTAS, SCRAM, PRODUCER_IDS})

_BLOCK = 1000  # ids of producers that are given out together
_ASSIGNED = ("replicas", "adding", "removing")
_STATE = ("leader", "leader_epoch", "isr")
_USER, _CLIENT, _IP = "user", "client-id", "ip"


class Mirror:
    """Follows the tables of `metadata`; `controller()` gives (broker id, epoch) of who writes."""

    def __init__(self, metadata, controller):
        self._tables = {name: metadata.table(name) for name in TABLES}
        self._controller = controller
        self._topics = dict(self._tables[TOPICS].items())  # topic id -> name
        self._partitions = {}  # topic id -> {index: values}
        for key, values in self._tables[PARTITIONS].items():
            topic_id, index = _place(key)
            self._partitions.setdefault(topic_id, {})[index] = values

    def names(self):
        return set(self._topics.values())

    # What changes -------------------------------------------------------------------------

    def writes(self, changes):
        """[Write] for [(table, key, value or None)], which the tables have by now."""
        by_table = {}
        for table, key, value in changes:
            if table in TABLES:
                by_table.setdefault(table, {})[key] = value  # the last one counts
        topics, partitions = by_table.get(TOPICS, {}), by_table.get(PARTITIONS, {})
        fresh = {topic_id: name for topic_id, name in topics.items() if name is not None}
        gone = {topic_id: self._topics[topic_id] for topic_id, name in topics.items() if name is None and topic_id in self._topics}
        self._topics.update(fresh)
        found = [*self._of_partitions(fresh, gone, partitions)]
        for topic_id, name in gone.items():
            found += self._deletion(topic_id, name)
        created, deleted = set(fresh.values()), set(gone.values())
        for name in by_table.get(TOPIC_CONFIGS, {}):
            if name not in created and name not in deleted:
                found += self._configs_changed(f"topics/{name}", self._tables[TOPIC_CONFIGS].get(name, {}))
        for name, values in by_table.get(BROKER_CONFIGS, {}).items():
            found += self._configs_changed(_broker_entity(name), values or {})
        for path in dict.fromkeys([*map(_quota_entity, by_table.get(QUOTAS, {})), *map(_user_entity, by_table.get(SCRAM, {}))]):
            found += self._configs_changed(path, self._of_client(path))
        if PRODUCER_IDS in by_table:
            found += self._producer_ids()
        return found

    def _of_partitions(self, fresh, gone, partitions):
        assigned, states, grown = dict.fromkeys(fresh), [], []
        for key, values in partitions.items():
            topic_id, index = _place(key)
            if topic_id in gone or values is None:
                continue
            known = self._partitions.setdefault(topic_id, {})
            before, known[index] = known.get(index), values
            if before is None or any(before[name] != values[name] for name in _ASSIGNED):
                assigned[topic_id] = None
            if before is None or any(before[name] != values[name] for name in _STATE):
                (grown if before is None else states).append((topic_id, index))
        for topic_id in assigned:
            name = self._topics[topic_id]
            if topic_id in fresh:
                yield Write(PUT, f"{znodes.CONFIGS}/topics/{name}", znodes.configs(self._tables[TOPIC_CONFIGS].get(name, {})))
            yield Write(PUT, znodes.topic_path(name), znodes.topic(topic_id, self._partitions[topic_id]))
            if topic_id in fresh:
                yield Write(PUT, f"{znodes.topic_path(name)}/partitions")
        for topic_id, index in grown:
            yield Write(PUT, znodes.partition_path(self._topics[topic_id], index))
        for topic_id, index in grown + states:
            yield self._state(topic_id, index)

    def _state(self, topic_id, index):
        _, epoch = self._controller()
        return Write(PUT, znodes.state_path(self._topics[topic_id], index), znodes.state(self._partitions[topic_id][index], epoch))

    def _deletion(self, topic_id, name):
        del self._topics[topic_id]
        self._partitions.pop(topic_id, None)
        if name in self._topics.values():
            return []  # it is there again, under another id
        asked = f"{znodes.DELETIONS}/{name}"
        return [Write(PUT, asked), Write(DELETE, znodes.topic_path(name)), Write(DELETE, f"{znodes.CONFIGS}/topics/{name}"), Write(DELETE, asked)]

    def _configs_changed(self, entity_path, values):
        return [
            Write(PUT, f"{znodes.CONFIGS}/{entity_path}", znodes.configs(values)),
            Write(APPEND, znodes.CONFIG_CHANGE, znodes.config_change(entity_path)),
        ]

    def _of_client(self, entity_path):
        """{config: text} of a user, client or address: quotas, and what a user proves who it is with."""
        values = {}
        for key, row in self._tables[SCRAM].items():
            if _user_entity(key) == entity_path:
                salt, stored, server, iterations = row
                number = int(key.split(" ", 1)[0])
                values[MECHANISMS[number]] = f"salt={salt},stored_key={stored},server_key={server},iterations={iterations}"
        for _, row in self._tables[QUOTAS].items():
            if _quota_path(row["entity"]) == entity_path:
                values.update((key, f"{value:.15g}") for key, value in row["values"].items())
        return values

    def configs_at(self, entity_path):
        """What stands at /config and this path, for a user, client or address."""
        return znodes.configs(self._of_client(entity_path))

    def _producer_ids(self):
        end = self._tables[PRODUCER_IDS].get("next_block", 0)
        broker_id, _ = self._controller()
        return [Write(PUT, znodes.PRODUCER_IDS, znodes.producer_ids(broker_id, end - _BLOCK, end - 1))] if end else []

    # What is to be there ------------------------------------------------------------------

    def whole(self):
        """[Write] of all that the cluster has; most of it is there already."""
        found = []
        for topic_id, name in self._topics.items():
            found.append(Write(PUT, f"{znodes.CONFIGS}/topics/{name}", znodes.configs(self._tables[TOPIC_CONFIGS].get(name, {}))))
            found.append(Write(PUT, znodes.topic_path(name), znodes.topic(topic_id, self._partitions.get(topic_id, {}))))
            for index in sorted(self._partitions.get(topic_id, {})):
                found.append(self._state(topic_id, index))
        for name, values in self._tables[BROKER_CONFIGS].items():
            found.append(Write(PUT, f"{znodes.CONFIGS}/{_broker_entity(name)}", znodes.configs(values)))
        for path in dict.fromkeys([*map(_quota_entity, self._tables[QUOTAS]), *map(_user_entity, self._tables[SCRAM])]):
            found.append(Write(PUT, f"{znodes.CONFIGS}/{path}", znodes.configs(self._of_client(path))))
        return found + self._producer_ids()


def same(path, data, found):
    """Whether `found`, which stands at `path`, says what `data` does: who was the controller when it was written is no matter."""
    if data == found or data is None:
        return True
    try:
        ours, theirs = znodes.read(path, data), znodes.read(path, found)
    except znodes.Illegible:
        return False
    for content in (ours, theirs):
        content.pop("controller_epoch", None)
        content.pop("broker", None)
    return ours == theirs


def _place(key):
    topic_id, _, index = key.rpartition(":")
    return topic_id, int(index)


def _broker_entity(name):
    return f"brokers/{name or znodes.DEFAULT}"


def _user_entity(key):
    return f"users/{znodes.entity(key.split(' ', 1)[1])}"


def _quota_path(entity):
    kinds = dict(map(tuple, entity))
    if _IP in kinds:
        return f"ips/{znodes.entity(kinds[_IP])}"
    parts = [f"{kind}/{znodes.entity(kinds[name])}" for kind, name in (("users", _USER), ("clients", _CLIENT)) if name in kinds]
    return "/".join(parts)


def _quota_entity(key):
    from ast import literal_eval

    return _quota_path(literal_eval(key))
