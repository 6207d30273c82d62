"""What a server does by itself from time to time, at once.

POST /cleaner/run     compacts all that is due; answers done: {"rounds of compaction": n, "records compacted away": n}
POST /retention/run   deletes all that is no longer kept; answers done: {"segments deleted": n}
"""

from emulator.apps.control.asked import read
from emulator.runtime.broker import RUNNING
from emulator.runtime.turns import Turns


def run_cleaner(server, asked=None):
    read(asked or {})
    rounds, removed, turns = 0, 0, Turns()
    for services in _running(server):
        cleaner = services["cleaner"]
        before = cleaner.removed
        for ended in cleaner.steps():
            rounds += ended
            turns.over()
        removed += cleaner.removed - before
    return {"done": {"rounds of compaction": rounds, "records compacted away": removed} if rounds else {}}


def run_retention(server, asked=None):
    read(asked or {})
    deleted = sum(services["retention"].run() for services in _running(server))
    return {"done": {"segments deleted": deleted} if deleted else {}}


def _running(server):
    """The services of each broker that is up."""
    return [broker.services for broker in server.brokers.values() if broker.state == RUNNING]
