"""A Kafka client that costs next to nothing: requests packed before the clock starts, replies checked after it stops.

It shares no code with the emulator's codec, so that a mistake there cannot hide here.
"""

import os
import socket
import struct
import time

import crc32c

PRODUCE, FETCH, LIST_OFFSETS, API_VERSIONS, CREATE_TOPICS = 0, 1, 2, 18, 19
CLIENT_ID = b"benchmarks"
PATIENCE = struct.pack("ll", 20, 0)  # seconds, microseconds a blocking call may take
CORRELATION_ID_AT = 8                # in a request frame


def uvarint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def varint(value):
    return uvarint(value << 1 ^ value >> 63)


def compact(data):
    return uvarint(len(data) + 1) + data


def frame(key, version, body, flexible=True):
    head = struct.pack(">hhih", key, version, 0, len(CLIENT_ID)) + CLIENT_ID + (b"\0" if flexible else b"")
    return bytearray(struct.pack(">i", len(head) + len(body)) + head + body)


def api_versions():
    return frame(API_VERSIONS, 3, compact(b"benchmarks") + compact(b"1") + b"\0")


def create_topic(topic, brokers=()):
    """CreateTopics v4 of one partition: on these brokers, the leader first, or on one."""
    name = topic.encode()
    placed = struct.pack(f">ii{len(brokers)}i", 0, len(brokers), *brokers) if brokers else b""
    partitions, replicas = (-1, -1) if brokers else (1, 1)
    body = struct.pack(">ih", 1, len(name)) + name + struct.pack(">ihi", partitions, replicas, bool(brokers)) + placed
    body += struct.pack(">i", 0) + struct.pack(">i?", 10000, False)
    return frame(CREATE_TOPICS, 4, body, flexible=False)


def produce(topic, batch):
    """Produce v12 of one batch to partition 0, acks=all."""
    partition = struct.pack(">i", 0) + compact(batch) + b"\0"
    return frame(PRODUCE, 12, b"\0" + struct.pack(">hi", -1, 10000)
                 + b"\2" + compact(topic.encode()) + b"\2" + partition + b"\0" + b"\0")


def fetch(topic, offset, max_bytes):
    """Fetch v12 of partition 0 without a session; an answer holds at most `max_bytes` of records."""
    partition = struct.pack(">iiqiqi", 0, -1, offset, -1, -1, max_bytes) + b"\0"
    return frame(FETCH, 12, struct.pack(">iiiibii", -1, 0, 1, max_bytes, 0, 0, -1)
                 + b"\2" + compact(topic.encode()) + b"\2" + partition + b"\0" + b"\1" + b"\1" + b"\0")


def latest_offset(topic, committed=False):
    """ListOffsets v5 of the end of partition 0; `committed`: of what transactions have settled."""
    name = topic.encode()
    return frame(LIST_OFFSETS, 5, struct.pack(">ibih", -1, committed, 1, len(name)) + name + struct.pack(">iiiq", 1, 0, -1, -1),
                 flexible=False)


def fetch_offset_at(topic):
    """Where fetch() has its offset, to patch it there."""
    return fetch(topic, 0x0123456789ABCDEF, 1).index(struct.pack(">q", 0x0123456789ABCDEF))


def record_batch(count, value_size):
    """An uncompressed v2 batch of `count` records without keys, each with its own random value."""
    records = []
    for delta in range(count):
        body = b"\0" + varint(0) + varint(delta) + varint(-1) + varint(value_size) + os.urandom(value_size) + varint(0)
        records.append(varint(len(body)) + body)
    now = int(time.time() * 1000)
    tail = struct.pack(">hiqqqhii", 0, count - 1, now, now, -1, -1, -1, count) + b"".join(records)
    return struct.pack(">qiibI", 0, 9 + len(tail), -1, 2, crc32c.crc32c(tail)) + tail


def produce_error(topic, reply):
    """The error code of partition 0 in a Produce v12 reply frame."""
    return struct.unpack_from(">h", reply, 4 + 4 + 1 + 1 + 1 + len(topic) + 1 + 4)[0]


def fetched(topic, reply):
    """(error code, records as a memoryview) of partition 0 in a Fetch v12 reply frame."""
    top_error, = struct.unpack_from(">h", reply, 4 + 4 + 1 + 4)
    at = 4 + 4 + 1 + 4 + 2 + 4 + 1 + 1 + len(topic) + 1 + 4
    error, = struct.unpack_from(">h", reply, at)
    at += 2 + 24
    if reply[at] > 1:
        raise ValueError("aborted transactions in a benchmark's topic")
    at += 1 + 4
    size = shift = 0
    while True:
        byte = reply[at]
        at += 1
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return top_error or error, memoryview(reply)[at:at + max(0, size - 1)]


class Connection:
    """A blocking connection; a call that takes longer than PATIENCE raises BlockingIOError."""

    def __init__(self, address):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, PATIENCE)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, PATIENCE)
        try:
            self.socket.connect(address)
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def receive_into(self, view):
        if self.socket.recv_into(view, len(view), socket.MSG_WAITALL) != len(view):
            raise ConnectionError("the server closed the connection")

    def call(self, request):
        """One request, its reply frame as a bytearray."""
        self.socket.sendall(request)
        reply = bytearray(4)
        self.receive_into(memoryview(reply))
        reply += bytes(struct.unpack(">i", reply)[0])
        self.receive_into(memoryview(reply)[4:])
        return reply

    def round_trips(self, request, check, count, depth, seconds):
        """Requests answered a second, `depth` of them under way, until `count` are answered or `seconds` are over.

        All replies must be as long as the first; `check(reply)` is asked about each afterwards.
        """
        request_size = len(request)
        requests = bytearray(request * count)
        for index in range(count):
            struct.pack_into(">i", requests, index * request_size + CORRELATION_ID_AT, index)
        outgoing = memoryview(requests)
        first = self.call(request)
        check(first)
        reply_size = len(first)
        replies = memoryview(bytearray(reply_size * (count + depth)))
        send, recv_into, now = self.socket.sendall, self.socket.recv_into, time.perf_counter
        sent = received = done = 0
        started = now()
        ends = started + seconds
        while True:
            allowed = min(done + depth, count)
            if allowed > sent:
                send(outgoing[sent * request_size:allowed * request_size])
                sent = allowed
            size = recv_into(replies[received:])
            if not size:
                raise ConnectionError("the server closed the connection")
            received += size
            done = received // reply_size
            at = now()
            if done == count or at > ends:
                break
        rate = done / (at - started)
        if received < sent * reply_size:
            self.receive_into(replies[received:sent * reply_size])
        for index in range(sent):
            reply = replies[index * reply_size:(index + 1) * reply_size]
            size, correlation_id = struct.unpack_from(">ii", reply)
            if size != reply_size - 4 or correlation_id != index:
                raise ValueError(f"reply {index} is out of order or of another size")
            check(reply)
        return rate

    def produce_batches(self, topic, batch, count, depth):
        """Seconds to produce `batch` `count` times, `depth` requests under way."""
        request = produce(topic, batch)
        replies = []
        started = time.perf_counter()
        for index in range(count + depth):
            if index >= depth:
                size = bytearray(4)
                self.receive_into(size)
                reply = bytearray(struct.unpack(">i", size)[0])
                self.receive_into(reply)
                replies.append(size + reply)
            if index < count:
                struct.pack_into(">i", request, CORRELATION_ID_AT, index)
                self.socket.sendall(request)
        took = time.perf_counter() - started
        for index, reply in enumerate(replies):
            if struct.unpack_from(">i", reply, 4)[0] != index or produce_error(topic, reply):
                raise ValueError(f"batch {index} was answered with error {produce_error(topic, reply)}")
        return took

    def fetch_batches(self, topic, batch, records, first, count, depth):
        """Seconds to fetch `count` batches like `batch` of `records` records from offset `first` on, one an answer."""
        request = fetch(topic, first, len(batch))
        offset_at = fetch_offset_at(topic)
        reply = self.call(request)
        if fetched(topic, reply)[1][21:] != batch[21:]:
            raise ValueError("what was fetched is not what was produced")
        view = memoryview(reply)
        started = time.perf_counter()
        for index in range(count + depth):
            if index >= depth:
                self.receive_into(view)
                error, data = fetched(topic, reply)
                base_offset, = struct.unpack_from(">q", data)
                if error or len(data) != len(batch) or base_offset != first + (index - depth) * records:
                    raise ValueError(f"fetch {index - depth}: error {error}, {len(data)} bytes at offset {base_offset}")
            if index < count:
                struct.pack_into(">i", request, CORRELATION_ID_AT, index)
                struct.pack_into(">q", request, offset_at, first + index * records)
                self.socket.sendall(request)
        return time.perf_counter() - started

    def new_topic(self, topic):
        """Creates a topic of one partition and returns once its leader serves it."""
        self.call(create_topic(topic))
        deadline = time.monotonic() + 10
        while fetched(topic, self.call(fetch(topic, 0, 1)))[0]:
            if time.monotonic() > deadline:
                raise ValueError(f"topic {topic} was not created")
            time.sleep(0.005)

    def end_offset(self, topic, committed=False):
        at = 4 + 4 + 4 + 4 + 2 + len(topic) + 4 + 4
        error, _, offset = struct.unpack_from(">hqq", self.call(latest_offset(topic, committed)), at)
        if error:
            raise ValueError(f"ListOffsets of {topic} was answered with error {error}")
        return offset

    def stored(self, topic, offset=0):
        """Bytes of whole record batches in partition 0 from `offset` on, and the offset after them."""
        total = 0
        while True:
            error, data = fetched(topic, self.call(fetch(topic, offset, 8 << 20)))
            if error:
                raise ValueError(f"fetch of {topic} at {offset}: error {error}")
            if not len(data):
                return total, offset
            at = 0
            while at + 61 <= len(data):  # a broker may cut the last batch off anywhere
                base_offset, length = struct.unpack_from(">qi", data, at)
                if at + 12 + length > len(data):
                    break
                offset = base_offset + struct.unpack_from(">i", data, at + 23)[0] + 1
                at += 12 + length
            total += at
