"""The work that every server does, and the rows of the table that come of it.

A scenario is a function that a round calls with a `Bench` and that returns {row: value}; the first round
warms up and is thrown away. It writes only to its own topics.
"""

from dataclasses import dataclass, field

from benchmarks import raw, rdkafka

BATCH_RECORDS, BATCH_RECORD_SIZE = 850, 1000   # 0.86 MB a batch: under Kafka's default message.max.bytes
BATCH_DEPTH = 2                                # so that the server need not wait for the client


@dataclass
class Row:
    title: str
    unit: str
    goals: list = field(default_factory=list)  # of (text, test(own value, values by server) -> bool)
    digits: int = 1


def times(factor, server):
    return server if factor == 1 else f"{factor:g} × {server}"


def at_least(factor, server):
    return f"≥ {times(factor, server)}", lambda own, of: own >= factor * of[server]


def at_most(factor, server):
    return f"≤ {times(factor, server)}", lambda own, of: own <= factor * of[server]


def within(limit, unit):
    return f"≤ {limit:g} {unit}", lambda own, of: own <= limit


KAFKA, LARGE = [at_least(1, "kafka")], [at_least(1, "kafka"), at_least(1, "kfake")]
LESS = [at_most(1, "kafka")]

ROWS = {
    "startup": Row("start-up to first answered request", "s", [within(0.35, "s")], 3),
    "idle_rss": Row("idle RSS", "MB", [within(60, "MB")], 0),
    "api_versions": Row("ApiVersions round trips", "k/s", [at_least(1.5, "kafka")], 2),
    "produce_1": Row("one-record produce requests, depth 1", "k/s", [at_least(1.5, "kafka")], 2),
    "produce_10": Row("one-record produce requests, depth 10", "k/s", [at_least(4, "kafka")], 2),
    "sync_p50": Row("synchronous produce of 100 B, p50", "ms", LESS, 3),
    "sync_p99": Row("synchronous produce of 100 B, p99", "ms", LESS, 3),
    "batches_produce": Row("0.86 MB batches of 1 kB records, produce", "MB/s", LARGE, 0),
    "batches_fetch": Row("0.86 MB batches of 1 kB records, fetch", "MB/s", LARGE, 0),
    "small_produce": Row("librdkafka, 100 B records, produce", "M/s", KAFKA, 2),
    "small_consume": Row("librdkafka, 100 B records, consume", "MB/s", KAFKA, 0),
    "large_produce": Row("librdkafka, 10 kB records, produce", "MB/s", LARGE, 0),
    "large_consume": Row("librdkafka, 10 kB records, consume", "MB/s", LARGE, 0),
    "batches_cpu": Row("server CPU, 0.86 MB batches produced", "ms/MB", LESS, 2),
    "small_cpu": Row("server CPU, 100 B records produced", "ms/MB", LESS, 2),
    "large_cpu": Row("server CPU, 10 kB records produced", "ms/MB", LESS, 2),
    "classic_members": Row("1,000 members rebalance, classic protocol", "s", LESS, 3),
    "classic_members_cpu": Row("server CPU of that", "ms", LESS, 0),
    "consumer_members": Row("500 members join 500, consumer protocol", "s", LESS, 3),
    "consumer_members_cpu": Row("server CPU of that", "ms", LESS, 0),
    "transactions_1": Row("transactions, one record each", "/s", KAFKA, 0),
    "transactions_16": Row("transactions, 16 producers", "/s", KAFKA, 0),
    "transactions_64": Row("transactions, 64 producers", "/s", KAFKA, 0),
    "librdkafka_transactions_1": Row("librdkafka, transactions", "/s", KAFKA, 0),
    "librdkafka_transactions_16": Row("librdkafka, transactions, 16 producers", "/s", KAFKA, 0),
    "groups_rss": Row("10,000 groups of 10 offsets, RSS", "MB", [at_most(0.5, "kafka")], 0),
    "groups_added": Row("10,000 groups of 10 offsets, what they add", "MB"),
    "stored": Row("stored bytes, read back", "MB", digits=0),
    "loaded_rss": Row("RSS after the load", "MB", [
        ("≤ stored × 1.15 + 60 MB", lambda own, of: own <= of["stored"] * 1.15 + 60)], 0),
}


@dataclass
class Bench:
    """One running server and how much of the work it is to do; `scale` 1 is the full amount."""

    server: object
    library: object
    scale: float

    def count(self, full):
        return max(1, int(full * self.scale))

    def connection(self):
        return raw.Connection(self.server.address)

    def new_topic(self, topic):
        with self.connection() as connection:
            connection.new_topic(topic)

    def cpu_of(self, action, *arguments):
        """(what the action returned, CPU milliseconds of the server meanwhile)."""
        before = self.server.cpu()
        result = action(*arguments)
        return result, (self.server.cpu() - before) * 1000


def api_versions(bench):
    def check(reply):
        if reply[8:10] != b"\0\0":
            raise ValueError(f"ApiVersions was answered with error {reply[8:10].hex()}")

    with bench.connection() as connection:
        return {"api_versions": connection.round_trips(
            raw.api_versions(), check, 40_000, 1, 0.6 * bench.scale) / 1000}


def one_record(bench):
    topic = "one-record"
    request = raw.produce(topic, raw.record_batch(1, 100))

    def check(reply):
        if raw.produce_error(topic, reply):
            raise ValueError(f"Produce was answered with error {raw.produce_error(topic, reply)}")

    with bench.connection() as connection:
        return {f"produce_{depth}": connection.round_trips(
            request, check, bench.count(20_000), depth, 0.6 * bench.scale) / 1000 for depth in (1, 10)}


def synchronous(bench):
    latencies = rdkafka.synchronous(bench.library, bench.server.address, "synchronous", 100, 2000, 0.6 * bench.scale)
    return {"sync_p50": latencies[len(latencies) // 2] * 1000, "sync_p99": latencies[len(latencies) * 99 // 100] * 1000}


def batches(bench):
    topic, count = "batches", bench.count(80)
    batch = raw.record_batch(BATCH_RECORDS, BATCH_RECORD_SIZE)
    megabytes = count * len(batch) / 1e6
    with bench.connection() as connection:
        first = connection.end_offset(topic)
        took, cpu = bench.cpu_of(connection.produce_batches, topic, batch, count, BATCH_DEPTH)
        fetch_took = connection.fetch_batches(topic, batch, BATCH_RECORDS, first, count, BATCH_DEPTH)
    return {"batches_produce": megabytes / took, "batches_cpu": cpu / megabytes, "batches_fetch": megabytes / fetch_took}


def through_librdkafka(bench, topic, size, count):
    """(seconds to produce, seconds to consume, MB of values, CPU ms a MB produced)."""
    megabytes = count * size / 1e6
    produced, cpu = bench.cpu_of(rdkafka.produce, bench.library, bench.server.address, topic, size, count)
    return produced, rdkafka.consume(bench.library, bench.server.address, topic, count), megabytes, cpu / megabytes


def small(bench):
    count = bench.count(250_000)
    produced, consumed, megabytes, cpu = through_librdkafka(bench, "small", 100, count)
    return {"small_produce": count / produced / 1e6, "small_consume": megabytes / consumed, "small_cpu": cpu}


def large(bench):
    produced, consumed, megabytes, cpu = through_librdkafka(bench, "large", 10_000, bench.count(6_000))
    return {"large_produce": megabytes / produced, "large_consume": megabytes / consumed, "large_cpu": cpu}


SCENARIOS = {  # name: (what it runs, the topics it writes)
    "api_versions": (api_versions, []),
    "one_record": (one_record, ["one-record"]),
    "synchronous": (synchronous, ["synchronous"]),
    "batches": (batches, ["batches"]),
    "small": (small, ["small"]),
    "large": (large, ["large"]),
}
