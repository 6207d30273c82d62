"""What a server does by itself from time to time, at once.

POST /cleaner/run     compacts all that is due; answers done: {"rounds of compaction": n, "records compacted away": n}
POST /retention/run   deletes all that is no longer kept; answers done: {"segments deleted": n}
"""

from emulator.apps.control.asked import read
from emulator.runtime.turns import Turns


def run_cleaner(server, asked=None):
    read(asked or {})
    cleaner, rounds, turns = server.services["cleaner"], 0, Turns()
    before = cleaner.removed
    for ended in cleaner.steps():
        rounds += ended
        turns.over()
    return {"done": {"rounds of compaction": rounds, "records compacted away": cleaner.removed - before} if rounds else {}}


def run_retention(server, asked=None):
    read(asked or {})
    deleted = server.services["retention"].run()
    return {"done": {"segments deleted": deleted} if deleted else {}}
