"""Whether cost stays flat as a log grows, and as partitions become many: one table a server, a column a size.

Every request is the only one under way, on a raw socket; figures are medians, in microseconds from the request to its answer.
"""

import random
import statistics
import struct
import time

import crc32c

from benchmarks import raw, servers
from benchmarks.members import answer, message
from wire.apis.configs import IncrementalAlterConfigs
from wire.apis.data import Fetch, ListOffsets, Produce
from wire.apis.topics import CreateTopics

RECORDS = (10**3, 10**4, 10**5, 10**6, 10**7)
PARTITIONS = (1, 10, 100, 1_000, 2_000)
BATCH, VALUE = 500, 100  # records a batch, bytes a record
REQUESTS = 300
SET, OF_TOPIC, OF_BROKER = 0, 2, 4
KEYED, KEYS = 1_000_000, 100_000


def stamped(batch, timestamp):
    """The batch with all its records of one time (ms)."""
    batch = bytearray(batch)
    struct.pack_into(">qq", batch, 27, timestamp, timestamp)
    struct.pack_into(">I", batch, 17, crc32c.crc32c(bytes(batch[21:])))
    return bytes(batch)


def create(connection, topic, partitions=1, **configs):
    """A topic, of which every partition serves."""
    configs = [CreateTopics.Request.Topics.Configs(name=name.replace("_", "."), value=str(value)) for name, value in configs.items()]
    asked = CreateTopics.Request.Topics(name=topic, num_partitions=partitions, replication_factor=1, configs=configs)
    [made] = answer(CreateTopics, 5, connection.call(message(CreateTopics, 5, timeout_ms=60_000, topics=[asked]))).topics
    if made.error_code:
        raise ValueError(f"CreateTopics was answered with error {made.error_code}")
    deadline = time.monotonic() + 60
    for index in range(partitions):
        while _partition(ListOffsets, 5, connection.call(by_time(topic, -1, index))).error_code:
            if time.monotonic() > deadline:
                raise ValueError(f"{topic}-{index} was not created")
            time.sleep(0.005)


def set_config(connection, kind, name, key, value):
    resource = IncrementalAlterConfigs.Request.Resources
    asked = resource(resource_type=kind, resource_name=name, configs=[resource.Configs(name=key, config_operation=SET, value=str(value))])
    [done] = answer(IncrementalAlterConfigs, 1, connection.call(message(IncrementalAlterConfigs, 1, resources=[asked]))).responses
    if done.error_code:
        raise ValueError(f"IncrementalAlterConfigs was answered with error {done.error_code}: {done.error_message}")


def append(topic, batch, partition=0):
    data = Produce.Request.TopicData.PartitionData(index=partition, records=batch)
    topics = [Produce.Request.TopicData(name=topic, partition_data=[data])]
    return message(Produce, 8, acks=-1, timeout_ms=10_000, topic_data=topics)


def read(topic, offset, partition=0, max_bytes=1):
    asked = Fetch.Request.Topics.Partitions(partition=partition, fetch_offset=offset, partition_max_bytes=max_bytes)
    topics = [Fetch.Request.Topics(topic=topic, partitions=[asked])]
    return message(Fetch, 11, max_wait_ms=0, min_bytes=0, max_bytes=max(max_bytes, 1), session_epoch=-1, topics=topics)


def by_time(topic, timestamp, partition=0):
    asked = ListOffsets.Request.Topics.Partitions(partition_index=partition, timestamp=timestamp)
    return message(ListOffsets, 5, replica_id=-1, topics=[ListOffsets.Request.Topics(name=topic, partitions=[asked])])


def _partition(api, version, reply):
    found = answer(api, version, reply)
    if api is Produce:
        return found.responses[0].partition_responses[0]
    return found.responses[0].partitions[0] if api is Fetch else found.topics[0].partitions[0]


def put(connection, topic, batch, partition=0):
    error = _partition(Produce, 8, connection.call(append(topic, batch, partition))).error_code
    if error:
        raise ValueError(f"Produce was answered with error {error}")


def median_us(connection, api, version, requests, right):
    """Of `requests`, one by one; `right(partition of the answer)` must hold for each."""
    took, replies = [], []
    for request in requests:
        started = time.perf_counter()
        reply = connection.call(request)
        took.append(time.perf_counter() - started)
        replies.append(reply)
    for reply in replies:
        partition = _partition(api, version, reply)
        if partition.error_code or not right(partition):
            raise ValueError(f"{api.name} was answered with error {partition.error_code}, or with something else than was asked for")
    return statistics.median(took) * 1e6


def of_one_log(server, sizes):
    """{row: [a figure for each of `sizes` records]}"""
    topic, chance, found = "curve", random.Random(1), {}
    batches = [raw.record_batch(BATCH, VALUE) for _ in range(20)]
    one = raw.record_batch(1, VALUE)
    began = int(time.time() * 1000) - 100_000_000
    with raw.Connection(server.address) as connection:
        create(connection, topic)
        end = 0
        for size in sizes:
            while end + BATCH <= size:
                newest = began + end
                put(connection, topic, stamped(chance.choice(batches), newest))
                end += BATCH
            offsets = [chance.randrange(end) for _ in range(REQUESTS)]

            def near(partition):
                return bool(partition.records)

            add = found.setdefault
            add("read in the middle", []).append(median_us(connection, Fetch, 11, [read(topic, at) for at in offsets], near))
            add("read at the head", []).append(median_us(connection, Fetch, 11, [read(topic, end - 1)] * REQUESTS, near))
            times = [by_time(topic, chance.randint(began, newest)) for _ in offsets]
            add("ListOffsets by time", []).append(median_us(connection, ListOffsets, 5, times, lambda each: each.offset >= 0))
            request = append(topic, stamped(one, newest))
            add("append a record", []).append(
                median_us(connection, Produce, 8, [request] * REQUESTS, lambda each: each.base_offset >= 0))
            end += REQUESTS
    return found


def of_many_partitions(server, counts):
    chance, found = random.Random(2), {}
    one = raw.record_batch(1, VALUE)
    with raw.Connection(server.address) as connection:
        for count in counts:
            topic = f"many-{count}"
            started = time.perf_counter()
            create(connection, topic, count)
            found.setdefault("created and served, ms", []).append((time.perf_counter() - started) * 1000)
            for index in range(count):
                put(connection, topic, one, index)
            indexes = [chance.randrange(count) for _ in range(REQUESTS)]
            add = found.setdefault
            add("append a record", []).append(
                median_us(connection, Produce, 8, [append(topic, one, index) for index in indexes], lambda each: each.base_offset >= 1))
            add("read a record", []).append(
                median_us(connection, Fetch, 11, [read(topic, 0, index) for index in indexes], lambda each: bool(each.records)))
            add("RSS, MB", []).append(server.rss())
    return found


def keyed_batch(chance, keys):
    """As raw.record_batch, with keys."""
    records = []
    for delta in range(BATCH):
        key = b"key-%06d" % chance.randrange(keys)
        body = b"\0\0" + raw.varint(delta) + raw.varint(len(key)) + key + raw.varint(50) + b"v" * 50 + b"\0"
        records.append(raw.varint(len(body)) + body)
    tail = struct.pack(">hiqqqhii", 0, BATCH - 1, 0, 0, -1, -1, -1, BATCH) + b"".join(records)
    return struct.pack(">qiibI", 0, 9 + len(tail), -1, 2, 0) + tail


def of_compaction(server, count):
    """{row: [figure]} of `count` records with a tenth as many keys, compacted when all are there."""
    topic, chance, now = "compacted", random.Random(3), int(time.time() * 1000)
    with raw.Connection(server.address) as connection:
        create(connection, topic, cleanup_policy="compact", min_cleanable_dirty_ratio=1, segment_bytes=16 << 20, segment_ms=60_000)
        set_config(connection, OF_BROKER, "", "log.cleaner.backoff.ms", 50)
        for _ in range(count // BATCH):
            put(connection, topic, stamped(keyed_batch(chance, count // 10), now))
        put(connection, topic, stamped(keyed_batch(chance, 1), now))  # one key: all but the last of these go
        put(connection, topic, stamped(keyed_batch(chance, 1), now + 70_000))  # in a segment of its own
        waits_before = waited(connection, 1)
        cpu, started, waits = server.cpu(), time.perf_counter(), []
        set_config(connection, OF_TOPIC, topic, "min.cleanable.dirty.ratio", 0.0001)
        deadline = time.monotonic() + 120
        while True:
            records = bytes(_partition(Fetch, 11, connection.call(read(topic, count, max_bytes=4096))).records)
            if struct.unpack_from(">i", records, 57)[0] < BATCH:
                break
            if time.monotonic() > deadline:
                raise ValueError("nothing was compacted within two minutes")
            waits += waited(connection, 0.02)
        took = time.perf_counter() - started
        found = {"records compacted a second, k": [count / took / 1000], "server CPU of that, us a record": [(server.cpu() - cpu) * 1e6 / count]}
        for when, those in ("before", waits_before), ("meanwhile", waits):
            percentiles = statistics.quantiles(those, n=1000)
            for name, wait in ("p50", percentiles[499]), ("p99", percentiles[989]), ("p99.9", percentiles[998]), ("longest", max(those)):
                found[f"ApiVersions {when}, {name}, ms"] = [wait]
        return found


def waited(connection, seconds):
    """How long (ms) each of as many requests as fit into `seconds` waited for its answer."""
    request, waits, ends = raw.api_versions(), [], time.perf_counter() + seconds
    while (started := time.perf_counter()) < ends:
        connection.call(request)
        waits.append((time.perf_counter() - started) * 1000)
    return waits


def show(title, columns, found):
    print(f"\n{title}")
    width = max(map(len, found))
    print(" " * width + "".join(f"{column:>12,}" if isinstance(column, int) else f"{column:>12}" for column in columns))
    for row, figures in found.items():
        print(f"{row:<{width}}" + "".join(f"{figure:>12.1f}" for figure in figures))


def main(kinds, quick):
    """Prints the tables of each of `kinds`, on a fresh server for each."""
    sizes, counts = (RECORDS[:4], PARTITIONS[:4]) if quick else (RECORDS, PARTITIONS)
    keyed = KEYED // 4 if quick else KEYED
    for kind in kinds:
        for title, columns, measure in (
            (f"{kind.name}: a log of so many records, us", sizes, lambda server: of_one_log(server, sizes)),
            (f"{kind.name}: so many partitions, us", counts, lambda server: of_many_partitions(server, counts)),
            (f"{kind.name}: compaction of {keyed:,} records, {keyed // 10:,} keys", [""], lambda server: of_compaction(server, keyed)),
        ):
            with servers.Running(kind) as server:
                try:
                    show(title, columns, measure(server))
                except (OSError, ValueError) as why:
                    print(f"\n{title}\nFAILED: {type(why).__name__}: {why}")
