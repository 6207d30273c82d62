"""The order in which Java's hash collections give their elements.

Kafka's assignors walk hash maps, so who gets which partition hangs on that order. Elements of one bucket keep the
order in which they came, as in Java unless the map grew since.
Source: java.util.HashMap, String.hashCode, org.apache.kafka.common.Uuid.hashCode,
org.apache.kafka.timeline.BaseHashTable.
"""

from functools import lru_cache
from struct import Struct

_INTS = Struct(">4i")


@lru_cache(10_000)
def string_hash(text):
    """String.hashCode: over UTF-16 code units, a signed int32."""
    data = text.encode("utf-16-be", "surrogatepass")
    value = 0
    for position in range(0, len(data), 2):
        value = (31 * value + (data[position] << 8 | data[position + 1])) & 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


def uuid_hash(uuid):
    """Uuid.hashCode of 16 bytes."""
    a, b, c, d = _INTS.unpack(uuid)
    return a ^ b ^ c ^ d


def uuid_key(uuid):
    """Sorts 16-byte uuids as Uuid.compareTo does: by its two halves as signed numbers."""
    return int.from_bytes(uuid[:8], "big", signed=True), int.from_bytes(uuid[8:], "big", signed=True)


def int_hash(number):
    return number


def hash_order(elements, hash_of, copied=False, least=16):
    """[element] in the order of a HashMap that was filled one by one, or (`copied`) made from a collection at once.

    `least`: how many buckets it had to begin with.
    """
    elements = list(elements)
    size = least
    if copied:
        while size < int(len(elements) / 0.75) + 1:
            size *= 2
    else:
        while len(elements) > size * 0.75:
            size *= 2

    def bucket(element):
        value = hash_of(element) & 0xFFFFFFFF
        return (value ^ value >> 16) & size - 1

    return sorted(elements, key=bucket)


def scala_order(elements, hash_of):
    """[element] in the order of a scala.collection.mutable.HashMap: it grows sooner, and keeps a bucket sorted by hash."""
    elements = list(elements)
    size = 16
    while len(elements) >= size * 0.75:
        size *= 2

    def place(element):
        value = hash_of(element) & 0xFFFFFFFF
        value ^= value >> 16
        return value & size - 1, value - (1 << 32) if value >> 31 else value

    return sorted(elements, key=place)


def timeline_order(elements, hash_of, most=0):
    """[element] in the order of a TimelineHashMap that had at the `most` so many; it never shrinks."""
    elements = list(elements)
    size, bits = 2, 1
    while max(len(elements), most) * 0.75 > size:
        size, bits = size * 2, bits + 1
    return sorted(elements, key=lambda element: (hash_of(element) * _FIBONACCI & 0xFFFFFFFFFFFFFFFF) >> 64 - bits)


_FIBONACCI = -7046029254386353131  # Knuth's multiplier, the top bits of whose products make a slot


def wrapped_int(value):
    """What an int of Java makes of it."""
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)


def wrapped(value):
    """What a long holds of a sum beyond 64 bits."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)
