"""What a ZooKeeper server says of itself, asked by four-letter words; real ones answer srvr, and mntr where they are told to."""

from typing import NamedTuple


class Told(NamedTuple):
    """`role`: down, no quorum, standalone, leader, follower or observer; None where it does not say: zxid as it writes it, `in_sync`
    with the leader itself (a leader's alone), `last_tick_ms`: how long ago.
    """

    role: str
    epoch: int | None = None
    zxid: str | None = None
    in_sync: int | None = None
    last_tick_ms: int | None = None


def told_by(ask):
    """The Told of a server; `ask(word)` gives what it answers, None when it cannot be reached."""
    text = ask("srvr")
    if text is None or "Mode: " not in text:
        return Told("down" if text is None else "no quorum")
    told = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    more = dict(line.split("\t", 1) for line in (ask("mntr") or "").splitlines() if "\t" in line)
    followers, tick = _number(more.get("zk_synced_followers")), _number(more.get("zk_last_tick_ms"))
    epoch = _number(more.get("zk_epoch"))
    return Told(told["Mode"], _epoch(told.get("Zxid")) if epoch is None else epoch, told.get("Zxid"), None if followers is None else followers + 1, tick)


def _number(text):
    try:
        return None if text is None else int(float(text))
    except (ValueError, OverflowError):
        return None


def _epoch(zxid):
    try:
        return int(zxid, 16) >> 32
    except (TypeError, ValueError):
        return None
