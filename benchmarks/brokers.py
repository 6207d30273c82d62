"""Three brokers: what they take to start, what replication costs, how soon another leads once a leader was killed.

Kafka's brokers are three processes beside a controller, on disk, as `tests/compat/clusters.py` starts them.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import raw, rdkafka
from benchmarks.servers import COMPAT

sys.path.insert(0, str(COMPAT))
import clusters  # noqa: E402

SIZE = 100
LONGEST_S = 60
ROWS = {
    "start": ("start until all three answer, s", "≤ 0.4 s"),
    "rss": ("RSS of all, idle, MB", "≤ 70 MB"),
    "one": ("100 B records, acks=all, one replica, k/s", ""),
    "three": ("100 B records, acks=all, three replicas, k/s", "≥ kafka"),
    "kept": ("three replicas / one", "≥ 0.8"),
    "election": ("kill of a leader until the next record is acknowledged, ms", "≤ 100 ms"),
}


def address(cluster, broker):
    host, port = cluster.addresses[broker].split(":")
    return host, int(port)


def rss(cluster):
    kilobytes = 0
    for pid in cluster.pids:
        status = Path(f"/proc/{pid}/status").read_text()
        kilobytes += int(status.partition("VmRSS:")[2].split()[0])
    return kilobytes * 1024 / 1e6


def until_acknowledged(cluster, topic, brokers):
    """Ask one after the other until one takes a record."""
    request = raw.produce(topic, raw.record_batch(1, SIZE))
    connections = [raw.Connection(address(cluster, broker)) for broker in brokers]
    deadline = time.perf_counter() + LONGEST_S
    while time.perf_counter() < deadline:
        for connection in connections:
            if not raw.produce_error(topic, connection.call(request)):
                for each in connections:
                    each.socket.close()
                return time.perf_counter()
    raise ValueError("nobody takes records")


def create(cluster, topic, brokers):
    with raw.Connection(address(cluster, brokers[0])) as connection:
        connection.call(raw.create_topic(topic, brokers))
    until_acknowledged(cluster, topic, brokers[:1])


def measure(real, count, rounds):
    """{row: [value]} of one cluster."""
    library, values = rdkafka.load(), {name: [] for name in ROWS}
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as directory, clusters.cluster(Path(directory), real) as cluster:
        time.sleep(0.5)
        values["start"].append(cluster.startup)
        values["rss"].append(rss(cluster))
        create(cluster, "one", (1,))
        create(cluster, "three", (1, 2, 3))
        for number in range(rounds + 1):
            rates = {topic: count / rdkafka.produce(library, address(cluster, 1), topic, SIZE, count) / 1e3 for topic in ("one", "three")}
            if number:  # the first warms up
                values["one"].append(rates["one"])
                values["three"].append(rates["three"])
                values["kept"].append(rates["three"] / rates["one"])
        create(cluster, "killed", (1, 2, 3))
        for victim, others in ((1, (2, 3)), (2, (1, 3))):
            began = time.perf_counter()
            cluster.kill(victim)
            values["election"].append((until_acknowledged(cluster, "killed", others) - began) * 1000)
            cluster.start(victim)
            time.sleep(1)
    return values


def main(names, quick):
    count, rounds = (80_000, 2) if quick else (250_000, 5)
    kinds = [name for name in names if name in ("emulator", "kafka")]
    medians = {name: {row: statistics.median(values) for row, values in measure(name == "kafka", count, rounds).items()} for name in kinds}
    print(f"{'three brokers':62}" + "".join(f"{name:>10}" for name in kinds) + ("     ratio" if len(kinds) > 1 else "") + "   goal")
    for row, (title, goal) in ROWS.items():
        figures = [medians[name][row] for name in kinds]
        line = f"{title:62}" + "".join(f"{figure:10.2f}" if figure < 10 else f"{figure:10.0f}" for figure in figures)
        if len(figures) > 1:
            line += f"{figures[0] / figures[1]:10.3g}"
        print(f"{line}   {goal}".rstrip())
    return True
