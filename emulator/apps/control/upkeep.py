"""What a server does by itself from time to time, at once.

POST /cleaner/run     compacts all that is due; answers done: {"rounds of compaction": n}
POST /retention/run   deletes all that is no longer kept; answers done: {"segments deleted": n}
"""

from emulator.apps.control.asked import read
from emulator.runtime.turns import Turns


def run_cleaner(server, asked=None):
    read(asked or {})
    rounds, turns = 0, Turns()
    for ended in server.services["cleaner"].steps():
        rounds += ended
        turns.over()
    return {"done": {"rounds of compaction": rounds} if rounds else {}}


def run_retention(server, asked=None):
    read(asked or {})
    deleted = server.services["retention"].run()
    return {"done": {"segments deleted": deleted} if deleted else {}}
