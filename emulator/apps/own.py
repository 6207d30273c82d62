"""What config.yaml and the command line say that is ours and not Kafka's: how many brokers, which clock, the seed, how much memory."""

from typing import NamedTuple

from emulator.apps.control.doors import KEYS as DOOR_KEYS
from emulator.apps.control.doors import Doors, take_doors
from emulator.apps.errors import UsageError

CLOCKS = ("real", "virtual")
# A clock that stands, or starts in the past, falls behind those by which clients stamp their records: with Kafka's own
# default of an hour these would be refused after an hour.
_UNLIMITED = {"log.message.timestamp.after.max.ms": str(2**63 - 1)}


class Own(NamedTuple):
    """`clock_start`: ms, None for now; `seed`: None for one that is drawn; `memory_max`: bytes, None for half of the machine's;
    `release`: None for what this is; `brokers`: how many, `racks`: of each its rack, or (); `zookeeper`: a Place, or None;
    `control`: the Doors of the control API; `rules`: as pipeline.rules has them;
    `faults`: as pipeline.faults has them, from a file with where they stand; `scram_users`: ScramUsers.
    """

    clock: str = "real"
    clock_start: int | None = None
    seed: int | None = None
    memory_max: int | None = None
    release: str | None = None
    brokers: int = 1
    racks: tuple = ()
    zookeeper: tuple | None = None
    control: Doors = Doors()
    rules: tuple = ()
    faults: tuple = ()
    scram_users: tuple = ()

    def time(self):
        """The clock that stamps and expires, None for wall time."""
        if self.clock == "real":
            return None
        from emulator.runtime.clock import ManualClock

        return ManualClock(self.clock_start)


_MEMORY = "log.memory.max.bytes"
KEYS = ("clock", "clock.start", "seed", _MEMORY, "as.version", "brokers", "racks", *DOOR_KEYS,
        "zookeeper.connect", "zookeeper.session.timeout.ms", "zookeeper.connection.timeout.ms")
_MOST_BROKERS = 100


def take_own(values, clock=None, seed=None, release=None, brokers=None, racks=None, control=None, token_file=None, metrics=None):
    """Take our keys out of `values`, {key: text}; the others (texts, None where not said) go before them.

    Gives (Own, defaults), the latter of Kafka's keys, that go with it. Raises UsageError that begins with the key.
    """
    found = {key: values.pop(key) for key in KEYS if key in values}
    clock = clock or found.get("clock", "real")
    if clock not in CLOCKS:
        raise UsageError(f"clock {clock}: expected {' or '.join(CLOCKS)}")
    start = found.get("clock.start")
    if start is not None:
        if clock != "virtual":
            raise UsageError("clock.start: only a clock that is virtual starts where it is told")
        from emulator.apps.times import parse_moment

        start = parse_moment(start, "clock.start")
    seed = seed or found.get("seed")
    if seed is not None:
        if not (seed.isascii() and seed.isdigit() and len(seed) <= 18):
            raise UsageError(f"seed {seed}: expected a whole number of at most 18 digits")
        seed = int(seed)
    memory = found.get(_MEMORY)
    if memory is not None:
        if not (memory.isascii() and memory.isdigit() and len(memory) <= 18):
            raise UsageError(f"{_MEMORY} {memory}: expected a number of bytes")
        memory = int(memory)
    release = release or found.get("as.version")
    if release is not None:
        from emulator.api.releases import RELEASES

        if release not in RELEASES:
            raise UsageError(f"as.version {release}: expected one of {', '.join(RELEASES)}")
    brokers, racks = _brokers(brokers or found.get("brokers", "1"), racks or found.get("racks"))
    zookeeper = _zookeeper(found)
    control = take_doors(found, control, token_file, metrics)
    return Own(clock, start, seed, memory, release, brokers, racks, zookeeper, control), _UNLIMITED if clock == "virtual" else {}


def _brokers(brokers, racks):
    """(how many, the rack of each)"""
    if not (brokers.isascii() and brokers.isdigit() and len(brokers) <= 3 and 0 < int(brokers) <= _MOST_BROKERS):
        raise UsageError(f"brokers {brokers}: expected a number from 1 to {_MOST_BROKERS}")
    brokers, racks = int(brokers), tuple(rack.strip() for rack in racks.split(",")) if racks else ()
    if racks and (len(racks) != brokers or not all(racks)):
        raise UsageError(f"racks {','.join(racks)}: expected one for each of {brokers} brokers, with commas between them")
    return brokers, racks


def _zookeeper(found):
    """The Place of the ensemble to register in, or None."""
    timeouts = []
    for key in ("zookeeper.session.timeout.ms", "zookeeper.connection.timeout.ms"):
        text = found.get(key)
        if text is not None and not (text.isascii() and text.isdigit() and 0 < int(text) < 2**31):
            raise UsageError(f"{key} {text}: expected a number of milliseconds")
        timeouts.append(text and int(text))
    connect = found.get("zookeeper.connect")
    if not connect:
        for key in found:
            if key.startswith("zookeeper."):
                raise UsageError(f"{key}: there is no zookeeper.connect")
        return None
    from emulator.runtime.registration.place import parse_place

    try:
        return parse_place(connect, timeouts[0] or 18_000, timeouts[1])
    except ValueError as error:
        raise UsageError(f"zookeeper.connect {connect}: {error}") from None
