"""record(): one kind of record of an internal topic, declared like an API (`wire.schema`).

    OffsetCommit = record(1, "OffsetCommit", "0-4", flexible="4+", key=[...], value=[...])

    OffsetCommit.key(group="g", topic="t", partition=0)             its bytes, the int16 that tells the kind in front
    OffsetCommit.value(3, offset=7, metadata="", ...)               its bytes, the int16 version in front
    OffsetCommit.Key, OffsetCommit.Value                            the record classes
    CONSUMER_OFFSETS.parse(key, value) -> Parsed(kind, key, value)

Source: the JSON of type coordinator-key, coordinator-value and data in Kafka's jars;
org.apache.kafka.coordinator.common.runtime.CoordinatorRecordSerde.
"""

from functools import cached_property
from struct import Struct
from typing import NamedTuple

from ..record import Record
from ..schema import Message
from ..types import Malformed, Versions

_INT16 = Struct(">h")


class UnknownKind(Malformed):
    """The key of a record that this Kafka does not know; Kafka skips such records when it loads a log."""


class Shape:
    """What a Message asks of the one that it belongs to."""

    def __init__(self, name, versions, flexible):
        self.name = name
        self.versions = Versions.parse(versions)
        self.flexible = Versions.parse(flexible or "none")


class Versioned:
    """A structure behind the int16 number of its version. `messages`: its codecs, see `wire.schema.Message`."""

    def __init__(self, name, versions, fields, flexible=None, direction=""):
        self.name = name
        self.message = Message(Shape(name, versions, flexible), direction, fields)
        self.versions = self.message.api.versions

    @cached_property
    def Record(self):
        return self.message.record

    def build(self, version, record, prefix=None):
        """The bytes of `record`; raises Unbuildable, UnsupportedField, LookupError for a version there is not."""
        out = [_INT16.pack(version if prefix is None else prefix)]
        self.message.builder(version)(record, out)
        return b"".join(out)

    def parse(self, data, version):
        """The record that `data` holds behind its first two bytes; raises Malformed. Ignores what follows it, as Kafka."""
        if version not in self.versions:
            raise Malformed(f"{self.name}.version", 0, f"version {version} is not among {self.versions!r}")
        return self.message.parser(version)(data, 2)[0]


class Kind:
    """One kind of record. `id`: the int16 in front of its key; `versions`: those of its value."""

    def __init__(self, id, name, versions, key, value, flexible=None):
        self.id = id
        self.name = name
        self.keys = Versioned(name, "0", key, direction="Key")
        self.values = Versioned(name, versions, value, flexible, direction="Value")
        self.versions = self.values.versions

    @cached_property
    def Key(self):
        return self.keys.Record

    @cached_property
    def Value(self):
        return self.values.Record

    def key(self, **fields):
        """The bytes of a key."""
        return self.build_key(self.Key(**fields))

    def value(self, version, **fields):
        """The bytes of a value."""
        return self.build_value(version, self.Value(**fields))

    def build_key(self, record):
        return self.keys.build(0, record, self.id)

    def build_value(self, version, record):
        return self.values.build(version, record)

    def parse_key(self, data):
        return self.keys.parse(data, 0)

    def parse_value(self, data):
        return self.values.parse(data, leading_int16(data, f"{self.name}.version"))

    def __repr__(self):
        return f"<{self.name} records>"


record = Kind


class Parsed(NamedTuple):
    """A record of an internal topic. `value` is None for a tombstone."""

    kind: Kind
    key: Record
    value: Record | None


class Kinds:
    """All kinds of records that one internal topic has."""

    def __init__(self, topic, *kinds):
        self.topic = topic
        self.by_id = {kind.id: kind for kind in kinds}

    def parse(self, key, value):
        """A record's bytes (`value` may be None) as Parsed. Raises UnknownKind, Malformed."""
        if key is None:
            raise Malformed("key", 0, f"a record of {self.topic} without a key")
        kind = self.by_id.get(leading_int16(key, "key"))
        if kind is None:
            raise UnknownKind("key", 0, f"no kind {leading_int16(key, 'key')} in {self.topic}")
        return Parsed(kind, kind.parse_key(key), None if value is None else kind.parse_value(value))


def leading_int16(data, field):
    if len(data) < 2:
        raise Malformed(field, 0, f"{len(data)} bytes where two begin")
    return _INT16.unpack_from(data)[0]
