"""`kafka-emulator mirror` beside Apache's MirrorMaker 2: the same topic, between the same two Kafkas, at least once and exactly once.

Each copies what is there already, into a topic of its own. The clock and the CPU of the process that copies begin to count when a tenth is there, or
it has copied for ten seconds (a JVM is warm then), and stop when all is, or fifteen seconds later. Committed records count where it copies exactly once.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import raw, rdkafka, servers
from benchmarks.proxy import judged

MIRROR_JARS = servers.COMPAT / ".cache" / "mirror"
SIZES = {100: 3_000_000, 1000: 800_000}  # bytes of a record, and how many
SINGLE = 60_000  # batches of one record
OURS, THEIRS = "kafka-emulator mirror", "MirrorMaker 2"
WAYS = ("at least once", "exactly once")
PATIENCE_S = 60  # for the first record
WARM_S, MOST_S = 10, 15
_LOOK_S = 0.01

# Of MirrorMaker 2; tests/compat has it, too.
ONE_WAY = """
clusters = a, b
a.bootstrap.servers = {source}
b.bootstrap.servers = {target}
a->b.enabled = true
a->b.topics = {topic}
b->a.enabled = false
replication.factor = 1
checkpoints.topic.replication.factor = 1
heartbeats.topic.replication.factor = 1
offset-syncs.topic.replication.factor = 1
offset.storage.replication.factor = 1
status.storage.replication.factor = 1
config.storage.replication.factor = 1
"""
_OF_A_RUN = """
emit.heartbeats.enabled = false
replication.policy.separator = -{run}-
"""
EXACTLY_ONCE = """
b.exactly.once.source.support = enabled
dedicated.mode.enable.internal.rest = true
listeners = http://127.0.0.1:0
"""


def ours(source, target, topic, run, directory, exactly_once):
    """(a command that copies `topic`, its name there)"""
    begin = f"a-{run}-"
    return [sys.executable, "-m", "emulator", "mirror", "--from", source, "--to", target, "--topics", topic, "--prefix", begin,
            *(["--exactly-once"] if exactly_once else [])], begin + topic  # fmt: skip


def mirror_maker(source, target, topic, run, directory, exactly_once):
    properties = directory / f"{run}.properties"
    text = (ONE_WAY + _OF_A_RUN).format(source=source, target=target, topic=topic, run=run)
    properties.write_text(text + (EXACTLY_ONCE if exactly_once else ""))
    jars = os.environ.get("KAFKA_JARS", servers.JARS)
    return ["java", *servers.KAFKA_JVM, "-cp", f"{MIRROR_JARS}/*:{jars}/*", "org.apache.kafka.connect.mirror.MirrorMaker",
            str(properties)], f"a-{run}-{topic}"  # fmt: skip


def end(connection, topic, exactly_once):
    try:
        return connection.end_offset(topic, committed=exactly_once)
    except ValueError:  # it is not there yet
        return 0


def copied(command, there, target, count, exactly_once, log):
    """(records a second, microseconds of CPU for each)"""
    with open(log, "wb") as output, raw.Connection(target) as connection:
        process = subprocess.Popen(command, cwd=servers.ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            def cpu():
                return time.clock_gettime(~process.pid << 3 | 2)

            spawned = time.perf_counter()
            first = began = None
            while True:
                now, found = time.perf_counter(), end(connection, there, exactly_once)
                if first is None and found:
                    first = now
                if began is None and found and (found >= count / 10 or now - first > WARM_S):
                    began, had, used = now, found, cpu()
                if began is not None and found > had and (found >= count or now - began > MOST_S):
                    return (found - had) / (now - began), (cpu() - used) * 1e6 / (found - had)
                if process.poll() is not None or now - spawned > PATIENCE_S + WARM_S + MOST_S:
                    raise servers.Unavailable(f"{found} of {count} records were copied\n{Path(log).read_text()[-3000:]}")
                time.sleep(_LOOK_S)
        finally:
            process.kill()
            process.wait()


def load(library, address, sizes):
    """[(row, topic, records)]"""
    loaded = []
    with raw.Connection(address) as connection:
        for size, count in sizes.items():
            topic = f"load-{size}"
            connection.new_topic(topic)
            rdkafka.produce(library, address, topic, size, count)
            loaded.append((f"{size} B records", topic, count))
    return loaded


def load_singles(address, count):
    with raw.Connection(address) as connection:
        connection.new_topic("singles")
        connection.produce_batches("singles", raw.record_batch(1, 100), count, 5)
    return "100 B records, a batch each", "singles", count


def main(quick, sizes=None, ways=WAYS):
    kafka = servers.Kafka()
    kafka.prepare()
    if not list(MIRROR_JARS.glob("connect-mirror-*.jar")):
        raise servers.Unavailable(f"no MirrorMaker 2 in {MIRROR_JARS} (tests/compat/setup brings it)")
    scale = 0.3 if quick else 1
    sizes = {size: int(count * scale) for size, count in (sizes or SIZES).items()}
    all_met = True
    with servers.Running(kafka) as source, servers.Running(kafka) as target:
        from_, to = ("{}:{}".format(*one.address) for one in (source, target))
        rows = [*load(rdkafka.load(), source.address, sizes), load_singles(source.address, int(SINGLE * scale))]
        print(f"{'records/s, and CPU of a record':<45} {OURS:>24} {THEIRS:>24}", flush=True)
        for way in ways:
            for row, topic, count in rows:
                found = []
                for kind in (ours, mirror_maker):
                    run = f"{kind.__name__}-{way}".replace(" ", "-").replace("_", "-")
                    command, there = kind(from_, to, topic, run, target.directory, way == WAYS[1])
                    found.append(copied(command, there, target.address, count, way == WAYS[1], target.directory / "mirror.txt"))
                (rate, cost), (their_rate, their_cost) = found
                met = rate >= their_rate and cost <= their_cost
                all_met &= met
                shown = " ".join(f"{one:14.0f}/s {each:5.2f} µs" for one, each in found)
                print(f"{row + ', ' + way:<45} {shown}   x {rate / their_rate:.2f}, CPU x {cost / their_cost:.2f} {judged(met)}", flush=True)
    return 0 if all_met else 1
