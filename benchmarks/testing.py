"""What a test pays for a cluster of its own, in the process that runs the tests: as the fixture `kafka` makes it, and by snapshots.

A round of each: make it, ask it something over a socket, let it go. Beside it the other servers' start, which is what a test of
its own would pay there.
"""

import subprocess
import sys
import time

from benchmarks import raw, servers

_GIGABYTE = 1 << 30
_REACH_MS = 10
_IMPORT = ("import pytest, time; began = time.perf_counter(); import emulator.apps.pytest_plugin; plugin = time.perf_counter() - began; "
           "import emulator.apps.embedded; print(plugin, time.perf_counter() - began)")  # fmt: skip


def timed(times, action):
    began = time.perf_counter()
    made = action()
    times.append((time.perf_counter() - began) * 1000)
    return made


def ask(bootstrap):
    host, _, port = bootstrap.partition(",")[0].rpartition(":")
    with raw.Connection((host, int(port))) as connection:
        connection.call(raw.api_versions())


def fresh(rounds, **arguments):
    from emulator import Emulator

    times = {"start": [], "stop": []}
    for _ in range(rounds):
        emulator = timed(times["start"], Emulator(**arguments).start)
        ask(emulator.bootstrap)
        timed(times["stop"], emulator.stop)
    return {"a fresh one": [sum(pair) for pair in zip(times["start"], times["stop"])]}


def kept(rounds, size, **arguments):
    """snapshot, restore and fork of a cluster with `size` bytes of records."""
    from emulator import Emulator

    times = {"snapshot": [], "restore": [], "fork": []}
    with Emulator(topics=["t:8"], config={"log.memory.max.bytes": 3 * _GIGABYTE}, **arguments) as emulator:
        value = bytes(900_000)
        for number in range(size // len(value)):
            emulator.produce("t", value, partition=number % 8)
        for number in range(rounds):
            snapshot = timed(times["snapshot"], emulator.snapshot)
            emulator.produce("t", "what changes")
            timed(times["restore"], lambda: emulator.restore(snapshot))
            ask(emulator.bootstrap)
            if number < rounds // 5:
                timed(times["fork"], lambda: emulator.fork(snapshot)).stop()
    return times


def line(title, times):
    times = sorted(times)
    p50, p99 = times[len(times) // 2], times[min(int(len(times) * 0.99), len(times) - 1)]
    print(f"{title:<44} {p50:8.2f} {p99:8.2f}   {'met' if p50 <= _REACH_MS else 'missed'}")


def main(kinds, quick):
    rounds = 50 if quick else 300
    imports = [tuple(map(float, subprocess.run([sys.executable, "-c", _IMPORT], capture_output=True, text=True, check=True).stdout.split()))
               for _ in range(3)]  # fmt: skip
    print(f"a cluster for a test, ms: p50 and p99 of {rounds}; goal {_REACH_MS} ms at p50")
    for brokers in (1, 3):
        for title, times in fresh(rounds, brokers=brokers, topics=["orders:6"]).items():
            line(f"{title}, started and stopped, {brokers} broker(s)", times)
    for title, size in (("nothing in it", 0), ("1 GB in it", _GIGABYTE)):
        for what, times in kept(rounds // 3, size).items():
            line(f"{what}, {title}", times)
    plugin, all_of_it = (min(column) * 1000 for column in zip(*imports))
    print(f"import of the plugin {plugin:.0f} ms (goal 100); of the emulator, when a fixture is first used {all_of_it - plugin:.0f} ms")
    for kind in kinds:
        with servers.Running(kind) as server:
            print(f"start of {kind.name} as a process, to its first answer: {server.startup * 1000:.0f} ms")
