"""`kafka-emulator proxy`: what Apache Kafka does through it, beside what the same Kafka does directly.

A client does the same in turns, directly and through the proxy, on topics of its own. The differences of p50s are of round trips
over a raw socket, thousands a round. Idle connections have asked for ApiVersions once, so that each has one of its own behind.
"""

import statistics
import subprocess
import sys
import time

from benchmarks import raw, rdkafka, servers
from benchmarks.scenarios import BATCH_DEPTH, BATCH_RECORD_SIZE, BATCH_RECORDS

LEAST_RATIO, MOST_MS, MOST_BYTES = 0.7, 0.15, 40_000
DIRECT, PROXIED = "direct", "proxied"
IDLE = 1000


class Proxy:
    """A child process before the Kafka at `upstream`; as a server of servers.py."""

    name = "proxy"

    def __init__(self, upstream):
        self._upstream = upstream

    def command(self, port, directory):
        return [sys.executable, "-m", "emulator", "proxy", "--listen", f"127.0.0.1:{port}", "--upstream", "{}:{}".format(*self._upstream),
                "--control", str(directory / "control"), "--log-level", "warning"]  # fmt: skip


def p50(connection, request, count):
    """Milliseconds of a round trip, one request under way."""
    took = []
    for _ in range(count):
        began = time.perf_counter()
        connection.call(request)
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000


def latencies(address, topic, count):
    with raw.Connection(address) as connection:
        produce = raw.produce(topic, raw.record_batch(1, 100))
        if raw.produce_error(topic, connection.call(produce)):
            raise ValueError("Produce was answered with an error")
        return {"ApiVersions": p50(connection, raw.api_versions(), count), "one-record produce": p50(connection, produce, count)}


def throughput(library, address, topic, scale):
    """MB/s by row."""
    figures = {}
    for size, count in ((100, int(500_000 * scale)), (10_000, int(12_000 * scale))):
        megabytes = size * count / 1e6
        name = f"librdkafka, {size} B records"
        figures[f"{name}, produce"] = megabytes / rdkafka.produce(library, address, f"{topic}-{size}", size, count)
        figures[f"{name}, consume"] = megabytes / rdkafka.consume(library, address, f"{topic}-{size}", count)
    batch, count = raw.record_batch(BATCH_RECORDS, BATCH_RECORD_SIZE), int(100 * scale)
    with raw.Connection(address) as connection:
        first = connection.end_offset(f"{topic}-batches")
        megabytes = count * len(batch) / 1e6
        figures["0.86 MB batches, produce"] = megabytes / connection.produce_batches(f"{topic}-batches", batch, count, BATCH_DEPTH)
        figures["0.86 MB batches, fetch"] = megabytes / connection.fetch_batches(f"{topic}-batches", batch, BATCH_RECORDS, first, count, BATCH_DEPTH)
    return figures


def idle(server):
    """Bytes of the proxy's resident memory that each of a thousand connections costs."""
    before, connections = server.rss(), []
    try:
        for _ in range(IDLE):
            connections.append(raw.Connection(server.address))
            connections[-1].call(raw.api_versions())
        return (server.rss() - before) * 1e6 / IDLE
    finally:
        for connection in connections:
            connection.socket.close()


def judged(met):
    return "met" if met else "missed"


def main(quick):
    library = rdkafka.load()
    kafka = servers.Kafka()
    kafka.prepare()
    rounds, scale = (3, 0.4) if quick else (7, 1)
    measured = {}
    with servers.Running(kafka) as direct, servers.Running(Proxy(direct.address)) as proxied:
        ways = {DIRECT: direct.address, PROXIED: proxied.address}
        with raw.Connection(direct.address) as connection:
            for topic in ("one-record", "load-100", "load-10000", "load-batches"):
                connection.new_topic(topic)
        memory = idle(proxied)
        for number in range(rounds + 1):
            for way in sorted(ways, reverse=bool(number % 2)):
                figures = {**latencies(ways[way], "one-record", int(2000 * scale)), **throughput(library, ways[way], "load", scale)}
                for row, value in figures.items() if number else ():
                    measured.setdefault(row, {}).setdefault(way, []).append(value)
        cpu = proxied.cpu()
    print(f"{'real Kafka 4.3.1':<40} {DIRECT:>9} {PROXIED:>9}")
    all_met = True
    for row, ways in measured.items():
        of = {way: statistics.median(values) for way, values in ways.items()}
        if row.startswith(("librdkafka", "0.86")):
            ratio, ours = of[PROXIED] / of[DIRECT], row.startswith("librdkafka")
            met = ratio >= LEAST_RATIO
            print(f"{row + ', MB/s':<40} {of[DIRECT]:9.0f} {of[PROXIED]:9.0f}   x {ratio:.2f}" + (f" (goal {LEAST_RATIO}) {judged(met)}" if ours else ""))
            all_met &= met or not ours
        else:
            more = of[PROXIED] - of[DIRECT]
            print(f"{row + ' round trip, p50 ms':<40} {of[DIRECT]:9.3f} {of[PROXIED]:9.3f}   + {more:.3f} (goal {MOST_MS}) {judged(more <= MOST_MS)}")
            all_met &= more <= MOST_MS
    print(f"{'an idle connection of ' + str(IDLE) + ', kB':<40} {'':9} {memory / 1000:9.1f}   (goal {MOST_BYTES // 1000}) {judged(memory <= MOST_BYTES)}")
    print(f"\nMedians of {rounds} rounds after one to warm up; the proxy used {cpu:.1f} s of CPU.")
    return 0 if all_met and memory <= MOST_BYTES else 1
