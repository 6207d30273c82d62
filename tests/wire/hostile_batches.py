"""Record batches that no sane producer sends, and what Apache Kafka 4.3.1 answers to each.

Made by hand, byte by byte, so that nothing here leans on the code under test. Run as a script
with a broker's address, it sends every case to that broker and prints the codes it answers:

    python -m tests.wire.hostile_batches localhost:9092
"""

import gzip
import struct
import sys
import time

from crc32c import crc32c

NOW = int(time.time() * 1000)
LONG_AGO = 1_600_000_000_000


def varint(value, bits=64):
    """Zig-zag, as short as it gets."""
    raw = ((value << 1) ^ (value >> (bits - 1))) & ((1 << bits) - 1)
    out = bytearray()
    while raw > 0x7F:
        out.append(raw & 0x7F | 0x80)
        raw >>= 7
    out.append(raw)
    return bytes(out)


def field(data):
    return varint(-1) if data is None else varint(len(data)) + data


def record(offset=0, timestamp=0, key=b"k", value=b"v", headers=(), *, attributes=b"\0", size=None,
           key_field=None, value_field=None, header_field=None, tail=b"", offset_field=None,
           timestamp_field=None, size_field=None):
    """One v2 record; a `*_field` replaces the bytes of that field, `size` lies about the length."""
    if header_field is None:
        header_field = varint(len(headers)) + b"".join(
            field(name.encode()) + field(content) for name, content in headers)
    body = b"".join((
        attributes,
        varint(timestamp) if timestamp_field is None else timestamp_field,
        varint(offset) if offset_field is None else offset_field,
        field(key) if key_field is None else key_field,
        field(value) if value_field is None else value_field,
        header_field, tail))
    if size_field is None:
        size_field = varint(len(body) if size is None else size)
    return size_field + body


def batch(records=(record(),), *, count=None, last_offset_delta=None, base_offset=0, magic=2,
          attributes=0, base_timestamp=NOW, max_timestamp=None, producer_id=-1, producer_epoch=-1,
          base_sequence=-1, length=None, crc=None, payload=None, tail=b"", leader_epoch=-1):
    """One v2 batch around `records` (or around `payload`, taken as it is)."""
    count = len(records) if count is None else count
    payload = b"".join(records) if payload is None else payload
    covered = struct.pack(
        ">hiqqqhii", attributes, len(records) - 1 if last_offset_delta is None else last_offset_delta,
        base_timestamp, base_timestamp if max_timestamp is None else max_timestamp,
        producer_id, producer_epoch, base_sequence, count) + payload
    head = struct.pack(">qiib", base_offset, 9 + len(covered) if length is None else length,
                       leader_epoch, magic)
    return head + struct.pack(">I", crc32c(covered) if crc is None else crc) + covered + tail


def several(n, **each):
    return [record(offset=i, **each) for i in range(n)]


def gz(*records):
    return gzip.compress(b"".join(records))


def legacy(magic):
    import zlib
    body = struct.pack(">bb", magic, 0) + (struct.pack(">q", NOW) if magic else b"")
    body += struct.pack(">i", -1) + struct.pack(">i", 1) + b"v"
    return struct.pack(">qiI", 0, 4 + len(body), zlib.crc32(body)) + body


SNAPPED = b"\x09\x20"  # a raw snappy block: 9 bytes, one literal of 9

NONE, CORRUPT, UNKNOWN, INVALID, TIMESTAMP, TOO_LARGE = 0, 2, -1, 87, 32, 10

#: name -> (bytes of the partition's `records`, the error code of Kafka 4.3.1)
PLAIN = {}


def case(name, expected, data):
    assert name not in PLAIN, name
    PLAIN[name] = (data, expected)


case("one good record", NONE, batch())
case("null key and value", NONE, batch([record(key=None, value=None)]))
case("headers", NONE, batch([record(headers=[("a", b"1"), ("b", None), ("", b"")])]))
case("no bytes at all", INVALID, b"")
case("shorter than any batch", INVALID, bytes(11))
case("empty batch", INVALID, batch([], last_offset_delta=0))
case("empty batch, last offset delta -1", INVALID, batch([]))
case("count below the records sent", INVALID, batch(several(3), count=2, last_offset_delta=1))
case("count above the records sent", INVALID, batch(several(3), count=4, last_offset_delta=3))
case("count negative", INVALID, batch(several(3), count=-1, last_offset_delta=2))
case("count is not last offset delta + 1", INVALID, batch(several(3), last_offset_delta=3))
case("base offset not 0", INVALID, batch(base_offset=7))
case("offset delta repeated", NONE, batch([record(0), record(0)]))
case("offset delta skipped", NONE, batch([record(0), record(2)]))
case("offset delta negative", NONE, batch([record(-1)]))
case("offset deltas backwards", NONE, batch([record(1), record(0)]))
case("wrong crc", CORRUPT, batch(crc=1))
case("wrong crc and base offset not 0", INVALID, batch(crc=1, base_offset=3))
case("two batches", INVALID, batch() + batch())
case("trailing byte after the batch", NONE, batch(tail=b"\0"))
case("trailing 40 zero bytes", CORRUPT, batch(tail=bytes(40)))
case("trailing start of a longer batch", NONE, batch(tail=batch()[:30]))
case("trailing bad magic", CORRUPT, batch(tail=batch(magic=9)))
case("length beyond the bytes", INVALID, batch(length=1000))
case("length negative", CORRUPT, batch(length=-1))
case("length 13", CORRUPT, batch(length=13))
def cut(length):
    """A batch of `length` + 12 bytes, its CRC right: too short for its own header below 49."""
    whole = batch()
    covered = whole[21:12 + length]
    return whole[:8] + struct.pack(">i", length) + whole[12:17] + struct.pack(">I", crc32c(covered)) + covered


for length in (14, 15, 25, 35, 38, 39, 40, 45, 48):
    case(f"length {length} cuts the header", CORRUPT if length >= 39 else UNKNOWN, cut(length))
case("length 49, no records", INVALID, cut(49))
case("length 17 of zeros", UNKNOWN, bytes(11) + b"\x11" + bytes(4) + b"\2" + bytes(12))
case("length one short", CORRUPT, batch(length=9 + 40 + 7))
case("magic 0", INVALID, legacy(0))
case("magic 1", INVALID, legacy(1))
case("magic 3", CORRUPT, batch(magic=3))
case("magic -1", CORRUPT, batch(magic=-1))
case("compression 5", UNKNOWN, batch(attributes=5))
case("compression 7", UNKNOWN, batch(attributes=7))
case("control batch", INVALID, batch(attributes=0x20))
case("delete horizon flag", NONE, batch(attributes=0x40))
case("unknown attribute bits", NONE, batch(attributes=0x7F80))
case("log append time from a client", NONE, batch(attributes=8))
case("producer id without sequence", INVALID, batch(producer_id=5, producer_epoch=0))
case("sequence without producer id", NONE, batch(base_sequence=5))
case("record attributes set", NONE, batch([record(attributes=b"\xff")]))
case("record size 0", INVALID, batch(payload=b"\0"))
case("record size negative", INVALID, batch([record(size=-1)]))
case("record size beyond the batch", INVALID, batch([record(size=500)]))
case("record size one short", INVALID, batch([record(size=7)]))
case("record size one more, next record there", INVALID, batch([record(size=9), record(1)]))
case("record size varint overlong", NONE, batch([record(size_field=b"\x90\x80\x00")]))
case("record size varint of 6 bytes", UNKNOWN, batch([record(size_field=b"\x90\x80\x80\x80\x80\x00")]))
case("record size varint cut", INVALID, batch(payload=b"\x90"))
case("garbage inside the record's end", INVALID, batch([record(tail=b"\0")]))
case("bytes after the last record", INVALID, batch(payload=record() + b"\0"))
case("key size beyond the record", INVALID, batch([record(key_field=varint(100))]))
case("key reaches into the next record", INVALID, batch([record(key_field=varint(8)), record(1), record(2)]))
case("key size -2", NONE, batch([record(key_field=varint(-2))]))
case("value size -2", NONE, batch([record(value_field=varint(-2))]))
case("value size beyond the record", INVALID, batch([record(value_field=varint(100))]))
case("value size 2^31-1", INVALID, batch([record(value_field=varint(2**31 - 1))]))
case("key varint of 6 bytes", INVALID, batch([record(key_field=b"\x80\x80\x80\x80\x80\x00")]))
case("key varint of 5 bytes, high bits", NONE, batch([record(key_field=b"\x80\x80\x80\x80\x70")]))
case("offset varint of 6 bytes", INVALID, batch([record(offset_field=b"\x80\x80\x80\x80\x80\x00")]))
case("timestamp varint of 11 bytes", INVALID, batch([record(timestamp_field=b"\x80" * 10 + b"\0")]))
case("timestamp varint of 10 bytes", NONE, batch([record(timestamp_field=b"\x80" * 9 + b"\0")]))
case("header count negative", INVALID, batch([record(header_field=varint(-1))]))
case("header count beyond the record", INVALID, batch([record(header_field=varint(9))]))
case("header count 2^31-1", INVALID, batch([record(header_field=varint(2**31 - 1))]))
case("header key null", INVALID, batch([record(header_field=varint(1) + varint(-1) + varint(-1))]))
case("header value null", NONE, batch([record(header_field=varint(1) + field(b"h") + varint(-1))]))
case("header value size -2", NONE, batch([record(header_field=varint(1) + field(b"h") + varint(-2))]))
case("header key not UTF-8", NONE, batch([record(header_field=varint(1) + field(b"\xff\xfe") + varint(-1))]))
case("header key beyond the record", INVALID, batch([record(header_field=varint(1) + varint(50) + b"h")]))
case("timestamp two hours ahead", TIMESTAMP, batch([record(timestamp=7_200_000)]))
case("timestamp -1", NONE, batch(base_timestamp=-1))
case("timestamp -2", NONE, batch(base_timestamp=-2))
case("timestamp overflows", TIMESTAMP, batch(base_timestamp=2**63 - 1))
case("timestamp wraps round", TIMESTAMP, batch([record(timestamp=1)], base_timestamp=2**63 - 1))
case("timestamp long ago", NONE, batch(base_timestamp=LONG_AGO))
case("max timestamp lies", NONE, batch(max_timestamp=5))
case("batch too large", TOO_LARGE, batch([record(value=bytes(1_100_000))]))
case("bad record beside a bad timestamp", INVALID,
     batch([record(0, timestamp=7_200_000), record(1, tail=b"\0")]))
case("gzip", NONE, batch(several(3), payload=gz(*several(3)), attributes=1))
case("gzip, two members", NONE, batch(several(2), payload=gz(record()) + gz(record(1)), attributes=1))
case("gzip, garbage after the member", NONE, batch(payload=gz(record()) + b"garbage", attributes=1))
case("gzip, not gzip", UNKNOWN, batch(attributes=1))
case("gzip, cut", UNKNOWN, batch(payload=gz(record())[:-9], attributes=1))
case("gzip, trailer cut", UNKNOWN, batch(payload=gz(record())[:-4], attributes=1))
case("gzip, wrong crc inside", UNKNOWN, batch(payload=gz(record())[:-8] + bytes(8), attributes=1))
case("gzip, empty payload", UNKNOWN, batch(payload=b"", attributes=1))
case("gzip, empty member", INVALID, batch(payload=gz(), attributes=1))
case("gzip, count below the records", INVALID,
     batch(payload=gz(*several(3)), count=2, last_offset_delta=1, attributes=1))
case("gzip, count above the records", INVALID,
     batch(payload=gz(*several(3)), count=4, last_offset_delta=3, attributes=1))
case("gzip, offset delta skipped", UNKNOWN, batch([record(), record(2)], payload=gz(record(), record(2)), attributes=1))
case("gzip, bytes after the last record", INVALID, batch(payload=gz(record(), b"\0"), attributes=1))
case("gzip, record size beyond the batch", NONE, batch(payload=gz(record(size=500)), attributes=1))
case("gzip, record size negative", NONE, batch(payload=gz(record(size=-1)), attributes=1))
case("gzip, record size one short", NONE, batch(payload=gz(record(size=7)), attributes=1))
case("gzip, garbage inside the record's end", INVALID, batch(payload=gz(record(tail=b"\0")), attributes=1))
case("gzip, header key null", INVALID,
     batch(payload=gz(record(header_field=varint(1) + varint(-1) + varint(-1))), attributes=1))
case("gzip, header count negative", INVALID, batch(payload=gz(record(header_field=varint(-1))), attributes=1))
case("gzip, key size beyond the batch", INVALID, batch(payload=gz(record(key_field=varint(100))), attributes=1))
case("gzip, key varint of 6 bytes", INVALID,
     batch(payload=gz(record(key_field=b"\x80\x80\x80\x80\x80\x00")), attributes=1))
case("gzip, record size varint of 6 bytes", INVALID,
     batch(payload=gz(record(size_field=b"\x90\x80\x80\x80\x80\x00")), attributes=1))
case("snappy, not snappy", UNKNOWN, batch(attributes=2))
case("snappy, xerial header alone", INVALID,
     batch(payload=b"\x82SNAPPY\0" + struct.pack(">ii", 1, 1), attributes=2))
case("snappy, raw block", NONE, batch(payload=SNAPPED + record(), attributes=2))
case("snappy, xerial block", NONE, batch(
    payload=b"\x82SNAPPY\0" + struct.pack(">iii", 1, 1, 11) + SNAPPED + record(), attributes=2))
case("snappy, xerial cut", UNKNOWN, batch(
    payload=b"\x82SNAPPY\0" + struct.pack(">iii", 1, 1, 100) + SNAPPED + record(), attributes=2))
case("lz4, not lz4", UNKNOWN, batch(attributes=3))
case("zstd, not zstd", UNKNOWN, batch(attributes=4))
case("lz4, empty payload", UNKNOWN, batch(payload=b"", attributes=3))
case("zstd, empty payload", INVALID, batch(payload=b"", attributes=4))
case("snappy, empty payload", UNKNOWN, batch(payload=b"", attributes=2))

#: for a topic with cleanup.policy=compact
COMPACTED = {
    "no key": (batch([record(key=None)]), INVALID),
    "one key of three missing": (batch([record(0), record(1, key=None), record(2)]), INVALID),
    "key and value there": (batch(), NONE),
    "tombstone": (batch([record(value=None)]), NONE),
    "no key beside a bad timestamp": (batch([record(key=None), record(1, timestamp=7_200_000)]), TIMESTAMP),
    "no key and bad timestamp": (batch([record(key=None, timestamp=7_200_000)]), INVALID),
    "key size -2": (batch([record(key_field=varint(-2))]), INVALID),
    "gzip, no key": (batch(payload=gz(record(key=None)), attributes=1), INVALID),
}

#: for a topic with message.timestamp.type=LogAppendTime
LOG_APPEND_TIME = {
    "timestamp two hours ahead": (batch([record(timestamp=7_200_000)]), NONE),
    "log append time from a client": (batch(attributes=8), TIMESTAMP),
    "gzip": (batch(payload=gz(record()), attributes=1), NONE),
    "gzip, log append time from a client": (batch(payload=gz(record()), attributes=9), TIMESTAMP),
    "log append time from a client, no timestamp": (batch(attributes=8, max_timestamp=-1), TIMESTAMP),
}

#: for a topic with compression.type=gzip
GZIP = {
    "one good record": (batch(), NONE),
    "offset delta skipped": (batch([record(0), record(2)]), NONE),
    "log append time from a client": (batch(attributes=8), NONE),
    "delete horizon flag": (batch(attributes=0x40), NONE),
    "control batch": (batch(attributes=0x20), INVALID),
    "snappy to gzip": (batch(payload=SNAPPED + record(), attributes=2), NONE),
    "snappy to gzip, record size one short": (batch(payload=SNAPPED + record(size=7), attributes=2), INVALID),
}

#: What Kafka stores, or fails on by accident, and the emulator refuses: no consumer reads it well.
STRICTER = {name: INVALID for name in (
    "offset delta repeated", "offset delta skipped", "offset delta negative", "offset deltas backwards",
    "gzip, offset delta skipped", "gzip, record size beyond the batch", "gzip, record size negative",
    "gzip, record size one short")}

TABLES = {"plain": (PLAIN, {}), "compacted": (COMPACTED, {"cleanup.policy": "compact"}),
          "append": (LOG_APPEND_TIME, {"message.timestamp.type": "LogAppendTime"}),
          "gzip": (GZIP, {"compression.type": "gzip"})}


def _ask(address):
    import socket
    import uuid

    from kafka.admin import KafkaAdminClient, NewTopic
    host, port = address.rsplit(":", 1)
    link = socket.create_connection((host, int(port)), timeout=10)
    admin = KafkaAdminClient(bootstrap_servers=address)
    text = lambda s: struct.pack(">h", len(s)) + s.encode()
    taken = 0
    for table, (cases, configs) in TABLES.items():
        topic = f"records-{table}-{uuid.uuid4().hex[:6]}"
        admin.create_topics([NewTopic(topic, 1, 1, topic_configs=configs)])
        time.sleep(1)
        for name, (data, expected) in cases.items():
            body = struct.pack(">hhi", 0, 8, 7) + text("hostile") + struct.pack(">hhii", -1, -1, 9000, 1)
            body += text(topic) + struct.pack(">iii", 1, 0, len(data)) + data
            link.sendall(struct.pack(">i", len(body)) + body)
            head = link.recv(4, socket.MSG_WAITALL)
            answer = link.recv(struct.unpack(">i", head)[0], socket.MSG_WAITALL)
            at = 4 + 4 + 2 + len(topic) + 4
            index, error, base, stamp, start, errors = struct.unpack_from(">ihqqqi", answer, at)
            at += 34
            found = []
            for _ in range(errors):
                which, size = struct.unpack_from(">ih", answer, at)
                at += 6
                found.append((which, answer[at:at + size].decode() if size >= 0 else None))
                at += max(size, 0)
            size, = struct.unpack_from(">h", answer, at)
            message = answer[at + 2:at + 2 + size].decode() if size >= 0 else None
            taken += error != expected
            print("  " if error == expected else "# ", f"{table}: {name}: {error}", f"(expected {expected})" if error != expected else "",
                  f"message={message!r} records={found} " if message or found else "", f"base_offset={base}" if not error else "")
    return taken


if __name__ == "__main__":
    sys.exit(bool(_ask(sys.argv[1])))
