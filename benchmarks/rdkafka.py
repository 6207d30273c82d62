"""librdkafka itself, without a Python object per message, so that the server is what is measured.

confluent-kafka's producer and consumer build Python objects per message and top out below what the servers do;
here ctypes calls the librdkafka inside confluent-kafka's wheel (or the system's), whole batches at a time.
"""

import ctypes
import ctypes.util
import importlib.util
import os
import time
from ctypes import POINTER, byref, c_char_p, c_int, c_int32, c_int64, c_size_t, c_ssize_t, c_void_p
from pathlib import Path

PRODUCER, CONSUMER = 0, 1
COPY, BLOCK = 0x2, 0x4       # RD_KAFKA_MSG_F_*: copy the payload; wait while the queue is full
CHUNK = 5_000                # messages a call
TIMEOUT_MS = 30_000


class Message(ctypes.Structure):
    _fields_ = [("err", c_int), ("topic", c_void_p), ("partition", c_int32), ("payload", c_void_p), ("len", c_size_t),
                ("key", c_void_p), ("key_len", c_size_t), ("offset", c_int64), ("private", c_void_p)]


DELIVERED = ctypes.CFUNCTYPE(None, c_void_p, POINTER(Message), c_void_p)
SIGNATURES = {
    "rd_kafka_conf_new": (c_void_p,),
    "rd_kafka_conf_set": (c_int, c_void_p, c_char_p, c_char_p, c_char_p, c_size_t),
    "rd_kafka_conf_set_dr_msg_cb": (None, c_void_p, DELIVERED),
    "rd_kafka_new": (c_void_p, c_int, c_void_p, c_char_p, c_size_t),
    "rd_kafka_destroy": (None, c_void_p),
    "rd_kafka_topic_new": (c_void_p, c_void_p, c_char_p, c_void_p),
    "rd_kafka_topic_destroy": (None, c_void_p),
    "rd_kafka_produce_batch": (c_int, c_void_p, c_int32, c_int, POINTER(Message), c_int),
    "rd_kafka_produce": (c_int, c_void_p, c_int32, c_int, c_char_p, c_size_t, c_void_p, c_size_t, c_void_p),
    "rd_kafka_poll": (c_int, c_void_p, c_int),
    "rd_kafka_flush": (c_int, c_void_p, c_int),
    "rd_kafka_query_watermark_offsets":
        (c_int, c_void_p, c_char_p, c_int32, POINTER(c_int64), POINTER(c_int64), c_int),
    "rd_kafka_consume_start": (c_int, c_void_p, c_int32, c_int64),
    "rd_kafka_consume_stop": (c_int, c_void_p, c_int32),
    "rd_kafka_consume_callback": (c_int, c_void_p, c_int32, c_int, c_void_p, c_void_p),
    "rd_kafka_message_leader_epoch": (c_int32, POINTER(Message)),
    "rd_kafka_err2str": (c_char_p, c_int),
    "rd_kafka_version_str": (c_char_p,),
}


class Failed(Exception):
    """librdkafka refused something or the server did."""


def load():
    """The librdkafka with its signatures set; raises Failed where there is none."""
    found = ctypes.util.find_library("rdkafka")
    wheel = importlib.util.find_spec("confluent_kafka")
    if wheel:
        bundled = Path(wheel.origin).parent.parent / "confluent_kafka.libs"
        found = next(map(str, sorted(bundled.glob("librdkafka*.so*"))), found)
    if not found:
        raise Failed("no librdkafka: pip install confluent-kafka")
    library = ctypes.CDLL(found)
    for name, (result, *arguments) in SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class Client:
    """One librdkafka handle on one single-partition topic; a context manager."""

    def __init__(self, library, kind, address, topic, delivered=None, **settings):
        self.library, self.topic_name = library, topic.encode()
        conf, why = library.rd_kafka_conf_new(), ctypes.create_string_buffer(512)
        settings["bootstrap.servers"] = "{}:{}".format(*address)
        settings["log_level"] = "3"
        if kind == PRODUCER:
            settings["message.timeout.ms"] = TIMEOUT_MS
        for name, value in settings.items():
            if library.rd_kafka_conf_set(conf, name.encode(), str(value).encode(), why, len(why)):
                raise Failed(why.value.decode())
        if delivered:
            library.rd_kafka_conf_set_dr_msg_cb(conf, delivered)
        self.handle = library.rd_kafka_new(kind, conf, why, len(why))
        if not self.handle:
            raise Failed(why.value.decode())
        self.topic = library.rd_kafka_topic_new(self.handle, self.topic_name, None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.library.rd_kafka_topic_destroy(self.topic)
        self.library.rd_kafka_destroy(self.handle)

    def end_offset(self):
        """The high watermark; asking also connects to the leader, so that no clock sees it."""
        low, high = c_int64(), c_int64()
        self.check(self.library.rd_kafka_query_watermark_offsets(
            self.handle, self.topic_name, 0, byref(low), byref(high), TIMEOUT_MS))
        return high.value

    def check(self, code):
        if code:
            raise Failed(self.library.rd_kafka_err2str(code).decode())


def produce(library, address, topic, size, count, **settings):
    """Seconds to produce `count` records of `size` bytes with librdkafka's defaults (acks=all) until all are acknowledged."""
    payload = ctypes.create_string_buffer(os.urandom(size), size)
    messages = (Message * CHUNK)()
    for message in messages:
        message.payload, message.len = ctypes.addressof(payload), size
    with Client(library, PRODUCER, address, topic, **settings) as client:
        before = client.end_offset()
        started = time.perf_counter()
        for done in range(0, count, CHUNK):
            wanted = min(CHUNK, count - done)
            if library.rd_kafka_produce_batch(client.topic, 0, BLOCK, messages, wanted) != wanted:
                raise Failed("not every message was queued")
        client.check(library.rd_kafka_flush(client.handle, TIMEOUT_MS))
        took = time.perf_counter() - started
        if client.end_offset() - before != count:
            raise Failed(f"{client.end_offset() - before} of {count} records arrived")
    return took


def consume(library, address, topic, count, **settings):
    """Seconds from the first fetch until the last `count` records of the topic went through a callback in C."""
    with Client(library, CONSUMER, address, topic, **settings) as client:
        first = client.end_offset() - count
        if first < 0:
            raise Failed(f"fewer than {count} records to consume")
        # A C function without effects; librdkafka frees the message after it.
        callback = ctypes.cast(library.rd_kafka_message_leader_epoch, c_void_p)
        started = time.perf_counter()
        if library.rd_kafka_consume_start(client.topic, 0, first):
            raise Failed("consume_start failed")
        consumed = 0
        while consumed < count:
            got = library.rd_kafka_consume_callback(client.topic, 0, 10_000, callback, None)
            if got <= 0:
                raise Failed(f"nothing more to consume after {consumed} of {count} records")
            consumed += got
        took = time.perf_counter() - started
        library.rd_kafka_consume_stop(client.topic, 0)
    return took


def synchronous(library, address, topic, size, count, seconds):
    """Sorted latencies in seconds of at most `count` records produced one by one: acks=all, linger 0, one in flight."""
    payload, results, latencies = os.urandom(size), [], []

    @DELIVERED
    def delivered(_, message, __):
        results.append(message.contents.err)

    with Client(library, PRODUCER, address, topic, delivered, **{"linger.ms": 0, "acks": "all"}) as client:
        client.end_offset()
        ends = time.perf_counter() + seconds
        while len(latencies) < count:
            started = time.perf_counter()
            if library.rd_kafka_produce(client.topic, 0, COPY, payload, size, None, 0, None):
                raise Failed("a message was not queued")
            while not results:
                library.rd_kafka_poll(client.handle, 1000)
            at = time.perf_counter()
            client.check(results.pop())
            latencies.append(at - started)
            if at > ends:
                break
    return sorted(latencies)
