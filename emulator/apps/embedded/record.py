"""A record as a test sees it, and where a producer would put it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Iterable, Mapping, NamedTuple, Union

from emulator.apps.times import moment_of, moment_text

Headers = Union[Mapping[str, Union[bytes, str, None]], Iterable[tuple[str, Union[bytes, str, None]]]]


class Record(NamedTuple):
    """`timestamp`: milliseconds since the epoch, as Kafka's are; `headers`: in order, a name may come twice."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()

    @property
    def text(self) -> str:
        """The value as UTF-8."""
        return (self.value or b"").decode()

    def json(self) -> Any:
        """The value as JSON."""
        return json.loads(self.value or b"null")

    @property
    def moment(self) -> datetime:
        """The timestamp, in UTC."""
        return moment_of(self.timestamp)

    def __str__(self) -> str:
        headers = f" headers={dict(self.headers)!r}" if self.headers else ""
        try:
            when = moment_text(self.timestamp)
        except OverflowError:  # any 64 bits may be a timestamp
            when = str(self.timestamp)
        return f"{self.topic}-{self.partition} @{self.offset} {when} key={self.key!r} value={self.value!r}{headers}"


def bytes_of(value, what):
    """The bytes of text, bytes or None."""
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    raise TypeError(f"{what}: expected str, bytes or None, not {type(value).__name__}")


def header_pairs(headers):
    """[(name, bytes or None)] of a mapping, or of pairs."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return tuple((str(name), bytes_of(value, f"header {name}")) for name, value in pairs)


def partition_of_key(key, partitions):
    """Where clients' default partitioner (BuiltInPartitioner) puts a key."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(data):
    """The hash of Kafka's clients (org.apache.kafka.common.utils.Utils.murmur2), unsigned."""
    multiplier, mask = 0x5BD1E995, 0xFFFFFFFF
    mixed = 0x9747B28C ^ len(data)
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        word = int.from_bytes(data[at : at + 4], "little") * multiplier & mask
        word = (word ^ word >> 24) * multiplier & mask
        mixed = mixed * multiplier & mask ^ word
    if whole < len(data):
        mixed = (mixed ^ int.from_bytes(data[whole:], "little")) * multiplier & mask
    mixed = (mixed ^ mixed >> 13) * multiplier & mask
    return mixed ^ mixed >> 15
