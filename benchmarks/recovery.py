"""What a start after `kill -9` costs: each server has a gigabyte in one log on disk, of which nothing was flushed.

The time is from spawning the process to the answer that names the right log end, over a raw socket.
"""

import statistics
import time

from benchmarks import raw, servers
from benchmarks.curves import ListOffsets, _partition, by_time, create, put

RECORDS, SIZE = 850, 1000
NEWEST = -1


def recovered(server, megabytes):
    """Seconds until the log is served again whole."""
    with raw.Connection(server.address) as connection:
        create(connection, "lost", segment_bytes=2**31 - 1)
        batch = raw.record_batch(RECORDS, SIZE)
        count = megabytes * 1_000_000 // len(batch)
        for _ in range(count):
            put(connection, "lost", batch)
    started = time.perf_counter()
    server.start_after_kill()
    while time.perf_counter() - started < 60:
        with raw.Connection(server.address) as connection:
            answered = _partition(ListOffsets, 5, connection.call(by_time("lost", NEWEST)))
        if not answered.error_code:
            if answered.offset != count * RECORDS:
                raise ValueError(f"the log ends at {answered.offset}, not at {count * RECORDS}")
            return time.perf_counter() - started
        time.sleep(0.005)
    raise ValueError("the log was not served within a minute")


def main(kinds, quick):
    megabytes, rounds = (250, 1) if quick else (1000, 3)
    print(f"start after kill -9 with {megabytes} MB in one log that nothing was flushed of, s (median of {rounds})")
    for kind in kinds:
        took = []
        for _ in range(rounds):
            with servers.Running(kind) as server:
                took.append(recovered(server, megabytes))
        print(f"{kind.name:>10} {statistics.median(took):8.2f}   ({', '.join(f'{one:.2f}' for one in took)})")
