"""The topic configs of Kafka 4.3.1 and the resolved values that a partition's log reads.

Source: org.apache.kafka.storage.internals.log.LogConfig and ServerTopicConfigSynonyms. The
documentation texts are this project's own.
"""

from emulator.state.configs.definition import (
    BOOLEAN, DOUBLE, INT, LIST, LONG, MAX_LONG, STRING, ConfigError, Key,
    at_least, between, gzip_level, list_of, one_of, throttled_replicas,
)

_HOURS = 3_600_000
_MINUTES = 60_000
_CODECS = ("uncompressed", "zstd", "lz4", "snappy", "gzip", "producer")

# In Kafka's order of definition: of several bad values, the first in this order is the one refused.
_KEYS = (
    Key("segment.bytes", INT, "1073741824", at_least(1 << 20), "Size at which a log starts a new segment.", synonyms=["log.segment.bytes"]),
    Key("segment.ms", LONG, "604800000", at_least(1), "Age at which a log starts a new segment even if the current one is not full.", synonyms=["log.roll.ms", ("log.roll.hours", _HOURS)]),
    Key("segment.jitter.ms", LONG, "0", at_least(0), "Upper bound of a random time taken off segment.ms, so that not all logs roll at once.", synonyms=["log.roll.jitter.ms", ("log.roll.jitter.hours", _HOURS)]),
    Key("segment.index.bytes", INT, "10485760", at_least(4), "Largest size of an index file; a full index also starts a new segment.", synonyms=["log.index.size.max.bytes"]),
    Key("flush.messages", LONG, str(MAX_LONG), at_least(1), "Number of records after which a log is forced to disk.", synonyms=["log.flush.interval.messages"]),
    Key("flush.ms", LONG, str(MAX_LONG), at_least(0), "Time after which a log is forced to disk.", synonyms=["log.flush.interval.ms", "log.flush.scheduler.interval.ms"]),
    Key("retention.bytes", LONG, "-1", None, "Size of a partition beyond which its oldest segments are deleted; -1 is no limit.", synonyms=["log.retention.bytes"]),
    Key("retention.ms", LONG, "604800000", at_least(-1), "Time for which records are kept before their segment is deleted; -1 is for ever.", synonyms=["log.retention.ms", ("log.retention.minutes", _MINUTES), ("log.retention.hours", _HOURS)]),
    Key("max.message.bytes", INT, "1048588", at_least(0), "Largest record batch that is accepted, as it arrives (after compression).", synonyms=["message.max.bytes"]),
    Key("index.interval.bytes", INT, "4096", at_least(0), "Bytes of log between two entries of the offset index.", synonyms=["log.index.interval.bytes"]),
    Key("delete.retention.ms", LONG, "86400000", at_least(0), "Time for which tombstones stay in a compacted log.", synonyms=["log.cleaner.delete.retention.ms"]),
    Key("min.compaction.lag.ms", LONG, "0", at_least(0), "Time for which a record is left uncompacted.", synonyms=["log.cleaner.min.compaction.lag.ms"]),
    Key("max.compaction.lag.ms", LONG, str(MAX_LONG), at_least(1), "Time after which a record must be open to compaction.", synonyms=["log.cleaner.max.compaction.lag.ms"]),
    Key("file.delete.delay.ms", LONG, "60000", at_least(0), "Time between giving up a segment and deleting its files.", synonyms=["log.segment.delete.delay.ms"]),
    Key("min.cleanable.dirty.ratio", DOUBLE, "0.5", between(0, 1), "Share of uncompacted bytes from which a log is compacted.", synonyms=["log.cleaner.min.cleanable.ratio"]),
    Key("cleanup.policy", LIST, "delete", list_of("compact", "delete"), "What becomes of old segments: delete them, compact them, both, or (empty) keep them all.", synonyms=["log.cleanup.policy"]),
    Key("unclean.leader.election.enable", BOOLEAN, "false", None, "Whether a replica that is not in sync may become leader when no other is left.", synonyms=["unclean.leader.election.enable"]),
    Key("min.insync.replicas", INT, "1", at_least(1), "Number of in-sync replicas below which a write with acks=all is refused.", synonyms=["min.insync.replicas"]),
    Key("compression.type", STRING, "producer", one_of(*_CODECS), "Codec in which batches are stored; 'producer' keeps what the producer chose.", synonyms=["compression.type"]),
    Key("compression.gzip.level", INT, "-1", gzip_level, "Level used when compression.type is gzip.", synonyms=["compression.gzip.level"]),
    Key("compression.lz4.level", INT, "9", between(1, 17), "Level used when compression.type is lz4.", synonyms=["compression.lz4.level"]),
    Key("compression.zstd.level", INT, "3", between(-131072, 22), "Level used when compression.type is zstd.", synonyms=["compression.zstd.level"]),
    Key("preallocate", BOOLEAN, "false", None, "Whether a new segment's file takes its whole size at once.", synonyms=["log.preallocate"]),
    Key("message.timestamp.type", STRING, "CreateTime", one_of("CreateTime", "LogAppendTime"), "Whether a record carries its producer's time or the time of its append.", synonyms=["log.message.timestamp.type"]),
    Key("message.timestamp.before.max.ms", LONG, str(MAX_LONG), at_least(0), "How far a CreateTime timestamp may lie before the broker's clock.", synonyms=["log.message.timestamp.before.max.ms"]),
    Key("message.timestamp.after.max.ms", LONG, "3600000", at_least(0), "How far a CreateTime timestamp may lie after the broker's clock.", synonyms=["log.message.timestamp.after.max.ms"]),
    Key("leader.replication.throttled.replicas", LIST, "", throttled_replicas, "Replicas whose replication is throttled on the leader's side: partition:broker pairs, or *."),
    Key("follower.replication.throttled.replicas", LIST, "", throttled_replicas, "Replicas whose replication is throttled on the follower's side: partition:broker pairs, or *."),
    Key("remote.storage.enable", BOOLEAN, "false", None, "Whether segments are copied to remote storage."),
    Key("local.retention.ms", LONG, "-2", at_least(-2), "Time for which segments stay local once copied to remote storage; -2 is retention.ms.", synonyms=["log.local.retention.ms"]),
    Key("local.retention.bytes", LONG, "-2", at_least(-2), "Size that stays local once copied to remote storage; -2 is retention.bytes.", synonyms=["log.local.retention.bytes"]),
    Key("remote.log.copy.disable", BOOLEAN, "false", None, "Whether copying to remote storage is stopped while what is there stays readable."),
    Key("remote.log.delete.on.disable", BOOLEAN, "false", None, "Whether switching remote storage off deletes what was copied."),
    # Not described unless set: Kafka's own tests use it for segments below segment.bytes' minimum.
    Key("internal.segment.bytes", INT, None, None, "Segment size for tests, in place of segment.bytes.", internal=True),
)

TOPIC = {key.name: key for key in _KEYS}

class TopicConfig:
    """The resolved configs of one topic: an attribute per config, dots as underscores.

    ms and bytes are ints, `cleanup_policy` is a tuple, `compression_type` one of Kafka's names. Made
    for the hot path: `compact`, `delete` and `log_append_time` are bools, `segment_bytes` already
    heeds internal.segment.bytes. Never changed: a change of configs makes a new one.
    """

    __slots__ = (*(key.field for key in _KEYS), "compact", "delete", "log_append_time")

    def __init__(self, values):
        for key in _KEYS:
            setattr(self, key.field, values[key.name])
        if self.internal_segment_bytes is not None:
            self.segment_bytes = self.internal_segment_bytes
        self.compact = "compact" in self.cleanup_policy
        self.delete = "delete" in self.cleanup_policy
        self.log_append_time = self.message_timestamp_type == "LogAppendTime"


def parse_topic(defaults, overrides):
    """All values by config name: `overrides` (text by name) over `defaults` (parsed values by name).

    Raises ConfigError as LogConfig.validate does: unknown names first, then the first bad value in
    Kafka's order of definition, then what does not go together.
    """
    for name in overrides:
        if name not in TOPIC:
            raise ConfigError(f"Unknown topic config name: {name}")
    values = {name: key.parse(overrides[name]) if name in overrides else defaults[name] for name, key in TOPIC.items()}
    shortest, longest = values["min.compaction.lag.ms"], values["max.compaction.lag.ms"]
    if shortest > longest:
        raise ConfigError(f"conflict topic config setting min.compaction.lag.ms ({shortest}) > max.compaction.lag.ms ({longest})")
    if values["remote.storage.enable"]:
        raise ConfigError("Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.")
    return values
