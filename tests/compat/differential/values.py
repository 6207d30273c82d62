"""Random requests, most of them nearly right: a field's value is drawn by its name, the rarer by its type alone."""

from differential.pairs import Known
from tests.wire.messages import Draw
from wire import reference
from wire.record import Record as Wire
from wire.records import Record, build_batch

TOPICS = ("duel-a", "duel-b", "duel-keyed")
GROUPS = {"JoinGroup": "classic", "ConsumerGroupHeartbeat": "consumer", "ShareGroupHeartbeat": "share", "StreamsGroupHeartbeat": "streams"}
TRANSACTIONAL_IDS = ("tx-1", "tx-2")
NOWHERE = "nowhere"

_topic = (*TOPICS, *TOPICS, "duel-new", NOWHERE, "__consumer_offsets", "bad name", "")
_users_topic = tuple(name for name in _topic if not name.startswith("__"))  # a cluster without its own topics limps in ways of its own
_partition = (0, 0, 0, 1, 1, 2, 3, -1)
_small = (-2, -1, -1, 0, 0, 0, 1, 1, 2, 3, 5)
_offset = (0, 0, 1, 2, 3, 4, 5, 7, 10, 100, -1, -2, 2**62)
_epoch = (-1, -1, -1, 0, 0, 0, 1, 2, -2)
_group = (*(name for name in GROUPS.values()), *(name for name in GROUPS.values()), "group-new", "")
_member = ("", "", "stranger")
_brokers = (1, 1, 1, 1, 2, 0, -1)
_states = ("Ongoing", "Empty", "CompleteCommit", "Stable", "Dead", "", "stable", "NoSuchState")
_topic_configs = ("retention.ms", "cleanup.policy", "max.message.bytes", "segment.bytes", "compression.type", "no.such.config",
                  "min.insync.replicas", "message.timestamp.type")  # fmt: skip
_config_values = ("1000", "-1", "-2", "compact", "delete", "compact,delete", "gzip", "LogAppendTime", "abc", "", None, "0", "2000000")

# Words by the name of a field, or by "its parent.its name", or by "Api.its name": the most particular wins.
WORDS = {
    "topic": _topic, "topic_name": _topic, "topic_names": _users_topic, "DeleteTopics.name": _users_topic, "topics.name": _topic, "topic_data.name": _topic,
    "subscribed_topic_names": _topic, "source_topics": TOPICS, "forgotten_topics_data.topic": _topic,
    "partition": _partition, "partition_index": _partition, "partition_indexes": _partition, "partitions": _partition, "index": _partition,
    "fetch_offset": _offset, "offset": _offset, "committed_offset": _offset, "start_offset": _offset, "first_offset": _offset,
    "last_offset": _offset, "log_start_offset": (-1,), "high_watermark": (-1, 2**63 - 1),
    "leader_epoch": _epoch, "current_leader_epoch": _epoch, "last_fetched_epoch": _epoch, "committed_leader_epoch": _epoch,
    "replica_id": (-1, -1, -1, -2), "replica_epoch": (-1,),
    "max_wait_ms": (0, 0, 1), "min_bytes": (0, 1, 1), "max_bytes": (0, 100, 1 << 20, 1 << 20), "partition_max_bytes": (0, 1, 100, 1 << 20),
    "isolation_level": (0, 0, 1, 1, 2), "session_epoch": (-1, -1, 0, 1, 2), "Fetch.session_id": (0, 0, 0, 77),
    "timestamp": (-1, -2, -3, -4, -5, -6, 0, "NOW", "NOW", 2**62),
    "acks": (-1, -1, -1, 1, 0, 2), "timeout_ms": (1000, 5000), "retention_time_ms": (-1, 100000),
    "group_id": _group, "groups": _group, "group_ids": _group, "groups_names": _group, "groups.group_id": _group, "group": _group,
    "coordinator_keys": (*_group, *TRANSACTIONAL_IDS), "FindCoordinator.key": (*_group, *TRANSACTIONAL_IDS), "key_type": (0, 0, 1, 1, 2, 3, -1),
    "generation_id": (-1, 0, 1, 1, 2), "generation_id_or_member_epoch": (-1, -1, 0, 1, 1, 2), "member_epoch": (-2, -1, 0, 0, 1, 1, 2, 3),
    "group_instance_id": (None, None, None, "static-1"), "instance_id": (None, None, None, "static-1"),
    "protocol_type": ("consumer", "consumer", "connect", ""), "protocol_name": ("range", "range", "roundrobin", None),
    "protocols.name": ("range", "roundrobin"), "JoinGroup.session_timeout_ms": (60000, 60000, 1, -1),
    "rebalance_timeout_ms": (60000, 60000, -1), "JoinGroup.rebalance_timeout_ms": (300, 300, 60000, -1), "server_assignor": (None, None, "uniform", "range", "none such"),
    "rack_id": (None, None, "", "rack-1"), "subscribed_topic_regex": (None, None, None, "duel.*", "("), "reason": (None, "bye"),
    "committed_metadata": ("", "meta", None),
    "types_filter": ("classic", "consumer", "share", "streams", "Share", "none such", ""), "states_filter": _states, "state_filters": _states,
    "transactional_id": (*TRANSACTIONAL_IDS, *TRANSACTIONAL_IDS, None, ""), "transactional_ids": (*TRANSACTIONAL_IDS, "tx-none", ""),
    "transactional_id_pattern": (None, "tx.*", "", "["), "transaction_timeout_ms": (60000, 60000, 0, -1, 10**9), "duration_filter": (-1, -1, 0, 10**9),
    "producer_epoch": (-1, 0, 0, 0, 1, 1, 2, 32767), "producer_id_filters": (0, 999), "coordinator_epoch": (0, -1, 1),
    "transaction_version": (0, 1, 2, 3), "enable2_pc": (False,), "keep_prepared_txn": (False,), "verify_only": (False, False, True),
    "num_partitions": (-1, 1, 2, 3, 0, -5), "count": (1, 2, 3, 4, 5, 0, -1), "replication_factor": (-1, 1, 1, 0, 3, -2), "broker_ids": (1, 1, 2, -1),
    "replicas": (1, 1, 2, -1), "broker_id": (2, 0, -1), "voter_id": _brokers, "response_partition_limit": (1, 2, 2000, 0, -1),
    "resource_type": (2, 2, 2, 4, 4, 32, 16, 8, 0, 3, -1), "resource_types": (2, 4, 8, 16, 32, 0, 3), "resource_name": (*_topic, "1", "1", "", "2", *_group),
    "configs.name": _topic_configs, "configuration_keys": _topic_configs, "configs.value": _config_values, "config_operation": (0, 0, 1, 2, 3, 5, -1),
    "election_type": (0, 0, 1, 2), "endpoint_type": (1, 1, 2, 3, 0), "validate_only": (True, False, False),
    "entity_type": ("user", "client-id", "ip", "none such"), "entity_name": ("alice", None, "", "10.0.0.1"), "ops.key": (
        "producer_byte_rate", "consumer_byte_rate", "request_percentage", "controller_mutation_rate", "connection_creation_rate", "none such"),
    "ops.value": (1e12, 1e13, 0.0, -1.0, 1.5e9), "match_type": (0, 1, 2, 3), "match": ("alice", None, "10.0.0.1"), "iterations": (4096, 8192, 1, 20000),
    "users.name": ("alice", "bob", ""), "upsertions.name": ("alice", "bob", ""), "deletions.name": ("alice", "bob", ""),
    "AlterUserScramCredentials.mechanism": (1, 1, 2, 0, 3), "SaslHandshake.mechanism": ("PLAIN", "SCRAM-SHA-256", "GSSAPI", ""),
    "feature": ("metadata.version", "group.version", "share.version", "transaction.version", "none such"), "max_version_level": (0, 1, 2, 3, 30),
    "upgrade_type": (1, 1, 2, 3, 0), "cluster_id": (None, "other"), "path": ("/nowhere", "relative", ""),
    "client_software_name": ("duel", "a b", ""), "client_software_version": ("1.0", "-"),
    "batch_size": (1, 10, 500), "max_records": (1, 10, 500), "share_session_epoch": (-1, 0, 0, 1, 2), "share_acquire_mode": (0, 0, 1, 2),
    "acknowledge_types": (0, 1, 1, 2, 3, 4, 9), "endpoint_information_epoch": (0, 1), "process_id": ("p-1",),
    "host_filter": (None, "*", "10.0.0.1"), "principal_filter": (None, "User:alice"), "resource_name_filter": (None, "duel-a", "*"),
    "host": ("*", "10.0.0.1", ""), "principal": ("User:alice", "alice", ""), "operation": (2, 3, 1, 0, 8, 99), "permission_type": (3, 2, 1, 0),
    "resource_type_filter": (1, 2, 3, 0), "pattern_type_filter": (3, 4, 1, 2, 0), "resource_pattern_type": (3, 4, 1, 0),
}  # fmt: skip
KINDS = {"topic_id": "topic_id", "member_id": "member_id", "producer_id": "producer_id", "session_id": "session_id"}
# Kafka does not survive any value there: no answer comes to records of null, or to a session id of -2^31; a time-out of
# one millisecond is a race.
# Other replica ids are brokers', which is another conversation.
_NEVER_WILD = ("records", "session_id", "replica_id", "timeout_ms", "broker_id")
# Left out: to unregister the only broker, which ends it. And metadata too large to commit. Kafka then has a group that writers see and readers do not, until its partition is written to.
# One request holds each of these but once, most of the time: what is there twice is answered in orders of its own.
_KEYS = ("topic_id", "name", "topic", "topic_name", "group_id", "partition_index", "partition", "index", "resource_name", "transactional_id", "mechanism")


class Values(Draw):
    """`random`: a random.Random. `now` (ms) is what "NOW" means. `kept`: chance that a field is drawn by its name."""

    def __init__(self, random, pairs, now, kept=0.985):
        super().__init__(random, most=2)
        self.pairs = pairs
        self.now = now
        self.kept = kept
        self._path = ()

    def request(self, api, version):
        self._path = (api.name,)
        return self.message(api.request[version])

    def message(self, struct):
        values, path = {}, self._path
        for field in struct.subcons:
            type_ = field.subcon
            if isinstance(type_, reference.Absent):
                values[field.name] = type_.default
            elif isinstance(type_, reference.Tagged):
                for name, tagged, default in type_.fields.values():
                    values[name] = default if self.random.random() < 0.5 else self._named(path, name, tagged)
            else:
                values[field.name] = self._named(path, field.name, type_)
        self._path = path
        return struct.record(**values)

    def _named(self, path, name, type_):
        self._path = (*path, name)
        return self.value(type_)

    def value(self, type_):
        random, path = self.random, self._path
        if isinstance(type_, reference.Array):
            return self._array(type_)
        if isinstance(type_, (reference.Message, reference.Nullable)):
            return super().value(type_)
        name = path[-1]
        if random.random() < self.kept or name in _NEVER_WILD:
            if name in KINDS:
                return self._id(KINDS[name], type_)
            if name == "records":
                return self._records()
            if name in ("metadata", "assignment") and path[0] in ("JoinGroup", "SyncGroup"):
                return random.choice((_SUBSCRIPTION, _SUBSCRIPTION, b"")) if name == "metadata" else random.choice((b"", b"assigned"))
            words = WORDS.get(f"{path[0]}.{name}") or WORDS.get(f"{path[-2]}.{name}") or WORDS.get(name)
            if words:
                word = random.choice(words)
                if word == "NOW":
                    return self.now + random.randrange(-2, 10)
                if word is not None or getattr(type_, "nullable", False):
                    return word
                return words[0] if words[0] is not None else ""
        value = super().value(type_)
        # Kafka adds one to it and overflows (a cursor's partition).
        return value - 1 if value == 2**31 - 1 else value

    def _array(self, type_):
        random, path = self.random, self._path
        if type_.nullable and random.random() < 0.1:
            return None
        items = []
        # Kafka's own way with a transaction's topics of which no partition is named changes from error to error.
        fewest = 1 if path[0] == "AddPartitionsToTxn" else 0
        for _ in range(random.choice((fewest, 1, 1, 1, 2, 2, 3))):
            self._path = path
            items.append(self.value(type_.element))
        self._path = path
        return items if random.random() < 0.01 else _once(items)

    def _id(self, kind, type_):
        random = self.random
        known = self.pairs.draw(kind, random) if random.random() < 0.85 else None
        if known is not None:
            return known
        if kind == "topic_id":
            return random.choice((bytes(16), bytes(15) + b"\x09"))
        if kind == "member_id":
            return random.choice(_member)
        return random.choice((-1, 0, 424242)) if kind == "producer_id" else 0

    def _records(self):
        random = self.random
        options = {}
        if random.random() < 0.3:
            options["compression"] = random.choice((1, 2, 3, 4))
        known = self.pairs.draw("producer_id", random) if random.random() < 0.5 else None
        count = random.choice((1, 1, 2, 3))
        keys = (b"k1", b"k2", None) if random.random() < 0.3 else (b"k1", b"k2")
        records = [
            Record(index, self.now + random.randrange(10), random.choice(keys), random.choice((b"v", b"longer value", None)), ())
            for index in range(count)
        ]
        if known is not None:
            options.update(producer_epoch=random.choice((0, 0, 0, 1)), base_sequence=random.choice((0, 0, 1, 2, 3)))
            options["transactional"] = random.random() < 0.3
        return Batch(records, known, options, random.random() < 0.05)


class Batch(Known):
    """A record batch whose producer id each server has its own of."""

    def __init__(self, records, producer, options, broken):
        self.records, self.producer, self.options, self.broken = records, producer, options, broken

    def __repr__(self):
        return f"<batch of {len(self.records)} {self.producer or ''} {self.options}{' broken' if self.broken else ''}>"

    def build(self, producer_id):
        options = dict(self.options)
        if producer_id is not None:
            options["producer_id"] = producer_id
        batch = bytearray(build_batch(self.records, **options))
        if self.broken:
            batch[-1] ^= 1
        return bytes(batch)


_SUBSCRIPTION = b"\0\0" + b"\0\0\0\1" + b"\0\6duel-a" + b"\xff\xff\xff\xff"


def _once(items):
    if not items or not isinstance(items[0], Wire):
        return list(dict.fromkeys(items))
    seen, kept = set(), []
    for item in items:
        key = repr(next((getattr(item, name) for name in _KEYS if _tells(getattr(item, name, None))), type(item)))
        if key not in seen:
            seen.add(key)
            kept.append(item)
    return kept


def _tells(value):
    return value is not None and value != bytes(16)
