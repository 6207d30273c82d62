"""Transactions of one record each, committed one after the other: by many producers side by side, and through librdkafka.

The raw producers speak protocol generation 2 (KIP-890), as clients of Kafka 4 do: Produce adds the partition, EndTxn v5
bumps the epoch. Their requests are packed before the clock starts but for epoch and checksum.
"""

import struct
import threading
import time
from ctypes import c_char_p, c_int, c_void_p

import crc32c

from benchmarks import raw, rdkafka
from benchmarks.crowd import Crowd

INIT_PRODUCER_ID, END_TXN, FIND_COORDINATOR = 22, 26, 10
CONCURRENT_TRANSACTIONS = 51
SIZE = 100
EPOCH_AT = 51  # in a record batch; the base sequence follows


def find_coordinator(transactional_id):
    return raw.frame(FIND_COORDINATOR, 3, raw.compact(transactional_id) + b"\1\0")


def init_producer_id(transactional_id):
    return raw.frame(INIT_PRODUCER_ID, 4, raw.compact(transactional_id) + struct.pack(">iqh", 60_000, -1, -1) + b"\0")


class Producer:
    """Frames of one transactional producer; `begin` and `end` are for its next epoch."""

    def __init__(self, transactional_id, topic, producer_id, epoch):
        self.producer_id, self.epoch = producer_id, epoch
        batch = bytearray(raw.record_batch(1, SIZE))
        struct.pack_into(">h", batch, 21, 0x10)  # is transactional
        struct.pack_into(">qhi", batch, 43, producer_id, epoch, 0)
        partition = struct.pack(">i", 0) + raw.compact(bytes(batch)) + b"\0"
        self.produce = raw.frame(raw.PRODUCE, 12, raw.compact(transactional_id) + struct.pack(">hi", -1, 10_000)
                                 + b"\2" + raw.compact(topic.encode()) + b"\2" + partition + b"\0" + b"\0")
        self.batch_at = self.produce.index(bytes(batch))
        self.batch_ends = self.batch_at + len(batch)
        self.commit = raw.frame(END_TXN, 5, raw.compact(transactional_id) + struct.pack(">qh", producer_id, epoch) + b"\1\0")
        self.commit_epoch_at = len(self.commit) - 4

    def begin(self):
        at = self.batch_at
        struct.pack_into(">h", self.produce, at + EPOCH_AT, self.epoch)
        struct.pack_into(">I", self.produce, at + 17, crc32c.crc32c(memoryview(self.produce)[at + 21:self.batch_ends]))
        return self.produce

    def end(self):
        struct.pack_into(">h", self.commit, self.commit_epoch_at, self.epoch)
        return self.commit

    def ended(self, reply):
        error, producer_id, epoch = struct.unpack_from(">hqh", reply, 13)
        if error or (producer_id, epoch) != (self.producer_id, self.epoch + 1):
            raise ValueError(f"EndTxn was answered with error {error}, producer {producer_id}, epoch {epoch}")
        self.epoch = epoch


def cycles(address, topic, producers, seconds):
    """Committed transactions a second of `producers` raw producers, each with one under way; all commit to one partition."""
    with Crowd(address, producers) as crowd:
        working = []
        for number in range(producers):
            transactional_id = b"cycles-%d" % number
            until_no_error(crowd, number, find_coordinator(transactional_id), 13)
            reply = until_no_error(crowd, number, init_producer_id(transactional_id), 13)
            working.append(Producer(transactional_id, topic, *struct.unpack_from(">qh", reply, 15)))
        done, open_ = 0, [True] * producers
        started = time.perf_counter()
        ends = started + seconds
        for number, producer in enumerate(working):
            crowd.send(number, producer.begin())
        left = producers
        while left:
            for number, reply in crowd.replies(1):
                producer = working[number]
                if open_[number]:
                    error = raw.produce_error(topic, reply)
                    if error == CONCURRENT_TRANSACTIONS:  # the markers of the one before are not all written yet
                        crowd.send(number, producer.produce)
                        continue
                    if error:
                        raise ValueError(f"Produce was answered with error {error}")
                    open_[number] = False
                    crowd.send(number, producer.end())
                    continue
                producer.ended(reply)
                open_[number] = True
                now = time.perf_counter()
                if now < ends:
                    done += 1
                    crowd.send(number, producer.begin())
                else:
                    left -= 1
        return done / seconds


def until_no_error(crowd, number, frame, error_at):
    deadline = time.monotonic() + 30
    while True:
        reply = crowd.call(number, frame)
        if not struct.unpack_from(">h", reply, error_at)[0]:
            return reply
        if time.monotonic() > deadline:
            raise ValueError(f"no transactional producer: error {struct.unpack_from('>h', reply, error_at)[0]}")
        time.sleep(0.01)


# -- librdkafka ------------------------------------------------------------------------------------

SIGNATURES = {
    "rd_kafka_init_transactions": (c_void_p, c_void_p, c_int),
    "rd_kafka_begin_transaction": (c_void_p, c_void_p),
    "rd_kafka_commit_transaction": (c_void_p, c_void_p, c_int),
    "rd_kafka_error_string": (c_char_p, c_void_p),
}


def through_librdkafka(library, address, topic, producers, seconds):
    """Committed transactions a second of `producers` handles of librdkafka, each in a thread of its own."""
    for name, (result, *arguments) in SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments

    def check(error):
        if error:
            raise rdkafka.Failed(library.rd_kafka_error_string(error).decode())

    clients, done, failed = [], [], []

    def work(client):
        count = 0
        try:
            while time.perf_counter() < ends:
                check(library.rd_kafka_begin_transaction(client.handle))
                if library.rd_kafka_produce(client.topic, 0, rdkafka.COPY, b"x" * SIZE, SIZE, None, 0, None):
                    raise rdkafka.Failed("a message was not queued")
                check(library.rd_kafka_commit_transaction(client.handle, rdkafka.TIMEOUT_MS))
                count += 1
        except rdkafka.Failed as why:
            failed.append(why)
        done.append(count)

    try:
        for number in range(producers):
            client = rdkafka.Client(library, rdkafka.PRODUCER, address, topic,
                                    **{"transactional.id": f"librdkafka-{number}", "linger.ms": 0})
            clients.append(client)
            check(library.rd_kafka_init_transactions(client.handle, rdkafka.TIMEOUT_MS))
        ends = time.perf_counter() + seconds
        threads = [threading.Thread(target=work, args=[client]) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        for client in clients:
            client.__exit__()
    if failed:
        raise failed[0]
    return sum(done) / seconds
