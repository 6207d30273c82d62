"""`python -m benchmarks`: start the servers, let them do the same work in turns, print one table."""

import argparse
import json
import os
import statistics
import sys
import time
from contextlib import ExitStack

from benchmarks import chart, rdkafka, servers, table
from benchmarks.groups import COORDINATION, FRESH
from benchmarks.scenarios import ROWS, SCENARIOS, Bench

IDLE_SECONDS = 0.5
CODEC = "codec"


def arguments():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less work, fewer rounds, noisier")
    parser.add_argument("--only", metavar="SERVERS", default=",".join(servers.KINDS),
                        help="comma-separated, of: " + ", ".join(servers.KINDS))
    scenarios = [*SCENARIOS, *FRESH, *COORDINATION, CODEC]
    parser.add_argument("--rows", metavar="SCENARIOS", default=",".join(scenarios),
                        help="comma-separated, of: " + ", ".join(scenarios))
    parser.add_argument("--rounds", type=int, help="measured rounds of each scenario (default 5, --quick 3)")
    parser.add_argument("--curves", action="store_true",
                        help="instead: what requests cost as a log grows and partitions become many, and compaction")
    parser.add_argument("--recovery", action="store_true", help="instead: a start after kill -9, with a gigabyte to recover")
    parser.add_argument("--brokers", action="store_true", help="instead: three brokers: start, replication, an election")
    parser.add_argument("--testing", action="store_true", help="instead: what a cluster of its own costs a test, and snapshots")
    parser.add_argument("--administration", action="store_true",
                        help="instead: what administrative requests cost with 1, 100 and 2,000 topics")
    parser.add_argument("--zookeeper", action="store_true", help="instead: ZooKeeper servers beside real ones of 3.8.4")
    parser.add_argument("--tls", action="store_true", help="instead: throughput over TLS, and log-ins by SCRAM")
    parser.add_argument("--proxy", action="store_true", help="instead: Kafka through the proxy, beside Kafka directly")
    parser.add_argument("--mirror", action="store_true", help="instead: the mirror beside MirrorMaker 2")
    parser.add_argument("--disk", action="store_true", help="the emulator keeps its logs on disk, as Kafka does")
    parser.add_argument("--json", metavar="FILE", help="also write every single measurement here")
    parser.add_argument("--chart", metavar="FILE", help="also draw some of the rows here, as an SVG")
    parser.add_argument("--of", metavar="FILE", help="draw the --chart of what --json has written, and measure nothing")
    options = parser.parse_args()
    if options.of and not options.chart:
        parser.error("--of needs a --chart to draw")
    options.only, options.rows = options.only.split(","), options.rows.split(",")
    for given, known in ((options.only, servers.KINDS), (options.rows, scenarios)):
        for name in given:
            if name not in known:
                parser.error(f"{name!r} is none of {', '.join(known)}")
    options.only = [name for name in servers.KINDS if name in options.only]
    options.codec = CODEC in options.rows
    options.rows = [name for name in options.rows if name != CODEC]
    options.rounds = options.rounds or (3 if options.quick else 5)
    options.scale = 0.35 if options.quick else 1.0
    options.starts = 1 if options.quick else 3
    return options


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def available(names):
    kinds = []
    for name in names:
        kind = servers.KINDS[name]()
        try:
            kind.prepare()
            kinds.append(kind)
        except servers.Unavailable as why:
            say(f"without {name}: {why}")
    return kinds


class Measurements:
    """Every value measured, by row and server; what failed, by scenario and server."""

    def __init__(self):
        self.values, self.failures = {}, {}

    def add(self, server, measured):
        for row, value in measured.items():
            self.values.setdefault(row, {}).setdefault(server, []).append(value)

    def medians(self):
        return {row: {server: statistics.median(values) for server, values in by_server.items()}
                for row, by_server in self.values.items()}


def start(kinds, starts, stack, measurements, fresh=None):
    """Starts every kind `starts` times, in turns; returns the last ones, running. `fresh(name, server)` sees each."""
    for number in range(starts):
        running = {}
        for kind in kinds:
            keep = number == starts - 1
            with ExitStack() as this_start:
                try:
                    server = (stack if keep else this_start).enter_context(servers.Running(kind))
                except servers.Unavailable as why:
                    measurements.failures[f"start of {kind.name}"] = str(why)
                    continue
                time.sleep(IDLE_SECONDS)
                measurements.add(kind.name, {"startup": server.startup, "idle_rss": server.rss()})
                running[kind.name] = server
                if fresh:
                    fresh(kind.name, server)
    return running


def attempt(measurements, name, scenario, server, action):
    """What the action returns; a failure is noted and answers None, so that the other servers' rows still come."""
    try:
        return action()
    except (OSError, ValueError, LookupError, rdkafka.Failed, servers.Unavailable) as why:
        measurements.failures.setdefault(f"{scenario} on {name}", f"{type(why).__name__}: {why}")


def work(running, scenarios, options, library, measurements):
    """Rounds of `scenarios`, as SCENARIOS has them."""
    for name, server in running.items():
        for scenario, (_, topics) in scenarios.items():
            for topic in topics:
                attempt(measurements, name, scenario, server, lambda: Bench(server, library, 1).new_topic(topic))
    for number in range(options.rounds + 1):
        say("warming up" if number == 0 else f"round {number} of {options.rounds}")
        order = list(running.items())
        order = order[number % len(order):] + order[:number % len(order)]
        for scenario, (action, _) in scenarios.items():
            for name, server in order:
                if f"{scenario} on {name}" in measurements.failures:
                    continue
                bench = Bench(server, library, options.scale)
                measured = attempt(measurements, name, scenario, server, lambda: action(bench))
                if measured and number:
                    measurements.add(name, measured)


def memory(running, scenarios, measurements):
    for name, server in running.items():
        def measure():
            rss = server.rss()
            with Bench(server, None, 1).connection() as connection:
                topics = [topic for _, written in scenarios.values() for topic in written]
                stored = sum(connection.stored(topic)[0] for topic in topics)
            return {"loaded_rss": rss, "stored": stored / 1e6}
        measured = attempt(measurements, name, "memory", server, measure)
        if measured:
            measurements.add(name, measured)


def chosen(scenarios, names):
    return {name: scenarios[name] for name in names if name in scenarios}


def draw(options, medians):
    with open(options.chart, "w") as file:
        file.write(chart.svg(ROWS, medians, options.only))


def compare_servers(options):
    """Prints the table; gives whether everything that was asked for could be measured."""
    library = rdkafka.load()
    kinds = available(options.only)
    measurements = Measurements()
    began = time.monotonic()
    data, coordination, fresh = (chosen(scenarios, options.rows) for scenarios in (SCENARIOS, COORDINATION, FRESH))
    if data:
        with ExitStack() as stack:
            say("starting", ", ".join(kind.name for kind in kinds))
            running = start(kinds, options.starts, stack, measurements)
            if running:
                work(running, data, options, library, measurements)
                memory(running, data, measurements)
    if coordination or fresh:
        def see(name, server):
            for scenario, action in fresh.items():
                measured = attempt(measurements, name, scenario, server, lambda: action(Bench(server, library, options.scale)))
                measurements.add(name, measured or {})

        with ExitStack() as stack:
            say("starting others for the coordinators' work")
            running = start(kinds, options.starts if fresh else 1, stack, measurements, see)
            if running and coordination:
                work(running, coordination, options, library, measurements)
    medians = measurements.medians()
    print(table.render(ROWS, medians, [kind.name for kind in kinds]))
    print(f"\nMedians of {options.rounds} rounds after one to warm up; {os.cpu_count()} cores shared by server and client; "
          f"librdkafka {library.rd_kafka_version_str().decode()}; {time.monotonic() - began:.0f} s.")
    for what, why in measurements.failures.items():
        print(f"FAILED: {what}: {why}")
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"medians": medians, "measurements": measurements.values, "failures": measurements.failures,
                       "cores": os.cpu_count(), "quick": options.quick}, file, indent=1)
    if options.chart:
        draw(options, medians)
    return kinds and not measurements.failures


def main():
    options = arguments()
    if options.of:
        with open(options.of) as file:
            draw(options, json.load(file)["medians"])
        return 0
    servers.Emulator.on_disk = options.disk
    if options.curves:
        from benchmarks import curves

        return curves.main(available([name for name in options.only if name != "kfake"]), options.quick)
    if options.recovery:
        from benchmarks import recovery

        servers.Emulator.on_disk = True
        return recovery.main(available([name for name in options.only if name != "kfake"]), options.quick)
    if options.brokers:
        from benchmarks import brokers

        return brokers.main(available([name for name in options.only if name != "kfake"]), options.quick)
    if options.testing:
        from benchmarks import testing

        return testing.main(available(options.only), options.quick)
    if options.administration:
        from benchmarks import administration

        return administration.main(available([name for name in options.only if name != "kfake"]), options.quick)
    if options.zookeeper:
        from benchmarks import zookeeper

        return zookeeper.main(options.quick)
    if options.tls:
        from benchmarks import tls

        return tls.main(options.quick)
    if options.proxy:
        from benchmarks import proxy

        return proxy.main(options.quick)
    if options.mirror:
        from benchmarks import mirror

        return mirror.main(options.quick)
    measured = compare_servers(options) if options.rows else True
    if options.codec:
        from benchmarks import codec  # here, for it imports another client's codec

        print()
        codec.main()
    return 0 if measured else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (rdkafka.Failed, KeyboardInterrupt) as why:
        sys.exit(f"benchmarks: {why or 'interrupted'}")
