"""Three brokers: what a replica more costs, how soon somebody leads again, and what the cluster takes.

The emulator's three brokers are one process, Kafka's are three and a controller (tests/compat/clusters.py). A topic with one replica
and one with three, both led by broker 1, get the same work in turns, acks=all; figures are medians of the rounds.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import raw, rdkafka, servers
from benchmarks.members import answer, message
from benchmarks.scenarios import BATCH_DEPTH, BATCH_RECORD_SIZE, BATCH_RECORDS
from wire.apis.metadata import Metadata
from wire.apis.topics import CreateTopics

PLACES = {"one replica": [1], "three replicas": [1, 2, 3]}
ROUNDS = 5


def clusters():
    """The module that starts them, once `tests/compat/setup` has been there."""
    sys.path.insert(0, str(servers.COMPAT))
    import clusters

    return clusters


def address_of(cluster, broker):
    host, port = cluster.addresses[broker].rsplit(":", 1)
    return host, int(port)


def create(address, topic, brokers):
    placed = CreateTopics.Request.Topics.Assignments(partition_index=0, broker_ids=brokers)
    asked = CreateTopics.Request.Topics(name=topic, num_partitions=-1, replication_factor=-1, assignments=[placed], configs=[])
    with raw.Connection(address) as connection:
        [made] = answer(CreateTopics, 5, connection.call(message(CreateTopics, 5, timeout_ms=30_000, topics=[asked]))).topics
    if made.error_code:
        raise ValueError(f"CreateTopics was answered with error {made.error_code}")


def partition(address, topic):
    with raw.Connection(address) as connection:
        asked = [Metadata.Request.Topics(name=topic)]
        [found] = answer(Metadata, 7, connection.call(message(Metadata, 7, topics=asked, allow_auto_topic_creation=False))).topics
    return found.partitions[0] if found.partitions else None


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            raise ValueError("it did not come true within a minute")
        time.sleep(0.002)


def work(library, address, topic, scale):
    """{row: figure} of one round."""
    found = {}
    request = raw.produce(topic, raw.record_batch(1, 100))

    def check(reply):
        if raw.produce_error(topic, reply):
            raise ValueError(f"Produce was answered with error {raw.produce_error(topic, reply)}")

    with raw.Connection(address) as connection:
        for depth in 1, 10:
            found[f"one-record requests, depth {depth}, k/s"] = connection.round_trips(request, check, int(20_000 * scale), depth, 0.6) / 1000
        batch, count = raw.record_batch(BATCH_RECORDS, BATCH_RECORD_SIZE), int(80 * scale)
        found["0.86 MB batches, MB/s"] = count * len(batch) / 1e6 / connection.produce_batches(topic, batch, count, BATCH_DEPTH)
    count = int(250_000 * scale)
    found["librdkafka, 100 B records, M/s"] = count / rdkafka.produce(library, address, topic, 100, count) / 1e6
    count = int(6_000 * scale)
    found["librdkafka, 10 kB records, MB/s"] = count / 100 / rdkafka.produce(library, address, topic, 10_000, count)
    return found


def failover(cluster):
    """Milliseconds from the leader's kill until another has acknowledged a record (acks=all)."""
    topic, others = "failover", [address_of(cluster, broker) for broker in (2, 3)]
    create(others[0], topic, [1, 2, 3])
    until(lambda: (found := partition(others[0], topic)) and len(found.isr_nodes) == 3)
    request = raw.produce(topic, raw.record_batch(1, 100))
    killed = time.perf_counter()
    cluster.kill(1)
    while True:
        for address in others:
            with raw.Connection(address) as connection:
                if raw.produce_error(topic, connection.call(request)) == 0:
                    return (time.perf_counter() - killed) * 1000
        if time.perf_counter() - killed > 60:
            raise ValueError("nobody led within a minute")
        time.sleep(0.001)


def rss(cluster):
    statuses = [Path(f"/proc/{pid}/status").read_text() for pid in cluster.pids]
    return sum(int(status.split("VmRSS:")[1].split()[0]) for status in statuses) * 1024 / 1e6


def measure(name, quick):
    """{row: {column: figure}}"""
    library, rounds, scale = rdkafka.load(), 2 if quick else ROUNDS, 0.3 if quick else 1
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as directory:
        started = time.perf_counter()
        with clusters().cluster(Path(directory), real=name == "kafka") as cluster:
            with raw.Connection(address_of(cluster, 3)) as connection:
                connection.call(raw.api_versions())
            found = {"start of three brokers, s (≤ 0.4)": {"": time.perf_counter() - started}, "idle RSS, MB (≤ 70)": {"": rss(cluster)}}
            address = address_of(cluster, 1)
            for place, brokers in PLACES.items():
                create(address, place.replace(" ", "-"), brokers)
                until(lambda: (there := partition(address, place.replace(" ", "-"))) and len(there.isr_nodes) == len(brokers))
            figures = {}
            for number in range(rounds + 1):
                for place in PLACES:
                    measured = work(library, address, place.replace(" ", "-"), scale)
                    for row, figure in measured.items() if number else ():
                        figures.setdefault(row, {}).setdefault(place, []).append(figure)
            for row, of in figures.items():
                found[row] = {place: statistics.median(values) for place, values in of.items()}
            found["RSS after that, MB"] = {"": rss(cluster)}
            found["leader killed, next record acknowledged, ms (≤ 100)"] = {"": failover(cluster)}
    return found


def main(kinds, quick):
    """Prints one table; gives whether all could be measured."""
    tables = {kind.name: measure(kind.name, quick) for kind in kinds}
    names = list(tables)
    print(f"{'':<54}" + "".join(f"{name + ', ' + place:>26}" for name in names for place in PLACES) + f"{'three / one':>13}" * len(names))
    for row in tables[names[0]]:
        cells, ratios = "", ""
        for name in names:
            of = tables[name][row]
            if "" in of:
                cells += f"{'':>26}{of['']:>26.2f}"
                ratios += f"{'':>13}"
            else:
                cells += "".join(f"{of[place]:>26.2f}" for place in PLACES)
                ratios += f"{of['three replicas'] / of['one replica']:>14.2f}"
        print(f"{row:<54}{cells}{ratios}")
    return 0
