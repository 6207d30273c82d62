"""What a server does by itself from time to time, at once.

POST /cleaner/run     compacts all that is due; answers done: {"logs compacted": n, "bytes compacted away": n}
POST /retention/run   deletes all that is no longer kept; answers done: {"segments deleted": n}
"""

from collections import Counter

from emulator.apps.control.asked import read
from emulator.runtime.turns import Turns


def run_cleaner(server, asked=None):
    read(asked or {})
    done, turns = Counter(), Turns()
    while (more := server.services["cleaner"].step()) is not None:
        done.update(more)
        turns.over()
    return {"done": dict(done)}


def run_retention(server, asked=None):
    read(asked or {})
    deleted = server.services["retention"].run()
    return {"done": {"segments deleted": deleted} if deleted else {}}
