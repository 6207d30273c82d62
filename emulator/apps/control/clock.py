"""The clock: what it shows, and time moved on."""

from emulator.apps.control.schema import counts, flag, number, text, thing
from emulator.apps.control.table import Conflict, Route
from emulator.apps.errors import UsageError
from emulator.apps.times import moment_text, parse_duration
from emulator.runtime.clock import ManualClock

_CLOCK = {
    "clock": text("of the server", enum=["real", "virtual"]),
    "now": text("ISO 8601, in UTC"),
    "now_ms": number("since the epoch"),
}


def show(server, asked):
    now = server.time.now()
    return {
        "clock": "virtual" if isinstance(server.time, ManualClock) else "real",
        "now": moment_text(now),
        "now_ms": now,
    }


def advance(server, asked):
    if not isinstance(server.time, ManualClock):
        raise Conflict("the clock is real, and goes by itself; a server started with --clock virtual has one to advance")
    try:
        happened = server.time.advance(parse_duration(asked["by"]), asked["expire_sessions"])
    except ValueError as error:
        raise UsageError(f"cannot advance by {asked['by']}: {error}") from None
    return {**show(server, asked), "happened": happened}


ROUTES = (
    Route("GET", "/clock", show, "what time it is there", answer=thing(**_CLOCK)),
    Route("POST", "/clock/advance", advance, "moves a virtual clock on; answers when all that falls due by then has happened", {
        "by": text("a duration such as 7d, 90s or 1h30m"),
        "expire_sessions": flag("whether sessions of connected members may end, too", default=False),
    }, thing(**_CLOCK, happened=counts("what came of it: {what: how often}"))),
)  # fmt: skip
