"""What a server does by itself from time to time, at once."""

from emulator.apps.control.schema import counts, thing
from emulator.apps.control.table import Route
from emulator.runtime.broker import RUNNING
from emulator.runtime.turns import Turns


def run_cleaner(server, asked=None):
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
    deleted = sum(services["retention"].run() for services in _running(server))
    return {"done": {"segments deleted": deleted} if deleted else {}}


def _running(server):
    """The services of each broker that is up."""
    return [broker.services for broker in server.brokers.values() if broker.state == RUNNING]


_DONE = thing(done=counts("{what: how often}, empty where nothing was due"))

ROUTES = (
    Route("POST", "/cleaner/run", run_cleaner, "compacts all that is due", answer=_DONE),
    Route("POST", "/retention/run", run_retention, "deletes all that is no longer kept", answer=_DONE),
)
