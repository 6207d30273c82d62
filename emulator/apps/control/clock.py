"""The clock over the control socket: what it shows, and time moved on.

GET /clock            clock (real or virtual), now, now_ms
POST /clock/advance   takes by: a duration such as "7d", and expire_sessions: whether those of connected members, too,
                      may end (false); answers as GET /clock, and happened: {what: how often}, what came of it
"""

from emulator.apps.control.asked import REQUIRED, read
from emulator.apps.errors import UsageError
from emulator.apps.times import moment_text, parse_duration
from emulator.runtime.clock import ManualClock


def show(server):
    time = server.time
    now = time.now()
    return {
        "clock": "virtual" if isinstance(time, ManualClock) else "real",
        "now": moment_text(now),
        "now_ms": now,
    }


def advance(server, asked):
    by, expire_sessions = read(asked, by=(str, REQUIRED), expire_sessions=(bool, False))
    if not isinstance(server.time, ManualClock):
        raise UsageError("the clock is real, and goes by itself; a server started with --clock virtual has one to advance")
    try:
        happened = server.time.advance(parse_duration(by), expire_sessions)
    except ValueError as error:
        raise UsageError(f"cannot advance by {by}: {error}") from None
    return {**show(server), "happened": happened}
