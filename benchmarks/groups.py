"""The work of the coordinators: a large group rebalances, many groups keep offsets, producers commit transactions.

Each runs on servers of its own, started for it: what a group costs in memory shows on a fresh server only.
"""

import statistics
import time

from benchmarks import members, raw, transactions
from benchmarks.members import ClassicMembers, ConsumerMembers, answer, find_coordinator, message, new_topic
from wire import errors
from wire.apis.groups import OffsetCommit

GROUPS, POSITIONS = 10_000, 10
MEMBERS = 1_000
REBALANCES = 4
SECONDS = 0.6
PASSING = (errors.UNKNOWN_TOPIC_OR_PARTITION, errors.COORDINATOR_LOAD_IN_PROGRESS, errors.NOT_COORDINATOR)  # of what was just made
TOPIC, TRANSACTIONS = "groups", "transactions"


def name_of_group(kind):
    return f"{kind}-{time.time_ns()}"


def classic_members(bench):
    group, count = name_of_group("classic"), bench.count(MEMBERS)
    find_coordinator(bench.server.address, group)
    with ClassicMembers(bench.server.address, group, count) as crowd:
        crowd.begin()
        took, cpu = bench.cpu_of(lambda: [crowd.rebalance() for _ in range(REBALANCES)])
        crowd.leave()
    return {"classic_members": statistics.median(took), "classic_members_cpu": cpu / REBALANCES}


def consumer_members(bench):
    group, count = name_of_group("consumer"), bench.count(MEMBERS) // 2 * 2
    find_coordinator(bench.server.address, group)
    new_topic(bench.server.address, members.TOPIC, count)
    with ConsumerMembers(bench.server.address, group, count) as crowd:
        crowd.join(range(count // 2))
        crowd.until_assignment_may_follow()  # or who was quick so far waits the longer now
        took, cpu = bench.cpu_of(crowd.join, range(count // 2, count))
        crowd.leave()
    return {"consumer_members": took, "consumer_members_cpu": cpu}


def transaction_cycles(bench):
    address = bench.server.address
    found = {f"transactions_{producers}": transactions.cycles(address, TRANSACTIONS, producers, SECONDS * bench.scale)
             for producers in (1, 16, 64)}
    for producers in (1, 16):
        found[f"librdkafka_transactions_{producers}"] = transactions.through_librdkafka(
            bench.library, address, TRANSACTIONS, producers, SECONDS * bench.scale)
    return found


def groups_memory(bench):
    """Of a fresh server: its memory once 10,000 groups have each committed ten offsets, and how much more that is.

    A JVM's heap grows as its collector likes, so what it added is told by the objects that are alive.
    """
    rss, heap = bench.server.rss(), bench.server.live_heap()
    find_coordinator(bench.server.address, TOPIC)
    new_topic(bench.server.address, TOPIC, POSITIONS)
    with raw.Connection(bench.server.address) as connection:
        for number in range(bench.count(GROUPS)):
            commit(connection, f"group-{number}")
    added = bench.server.rss() - rss if heap is None else bench.server.live_heap() - heap
    return {"groups_rss": bench.server.rss(), "groups_added": added}


def commit(connection, group):
    Topics = OffsetCommit.Request.Topics
    positions = [Topics.Partitions(partition_index=index, committed_offset=index, committed_metadata="") for index in range(POSITIONS)]
    request = message(OffsetCommit, 8, group_id=group, topics=[Topics(name=TOPIC, partitions=positions)])
    deadline = time.monotonic() + 10
    while error := max(each.error_code for each in answer(OffsetCommit, 8, connection.call(request)).topics[0].partitions):
        if error not in PASSING or time.monotonic() > deadline:
            raise ValueError(f"OffsetCommit was answered with error {error}")


COORDINATION = {  # as SCENARIOS: name: (what it runs, the topics it writes)
    "classic_members": (classic_members, []),
    "consumer_members": (consumer_members, []),
    "transactions": (transaction_cycles, [TRANSACTIONS]),
}
FRESH = {"groups": groups_memory}
