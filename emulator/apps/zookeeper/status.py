"""How an ensemble does, as its servers tell: `kafka-emulator zookeeper status`, and GET /zookeeper of the control API."""

import json

from gevent import Timeout, joinall, socket, spawn

from emulator.apps.addresses import format_address
from emulator.runtime.zookeeper.view import WORD

_WITHIN_S = 2.0
_MOST = 1 << 20  # bytes of an answer
_UNKNOWN = {"id": None, "role": None, "epoch": None, "zxid": None, "leader": None, "voters": [], "observers": [], "in_sync": None, "in_sync_count": None,
            "last_tick_ms": None, "sessions": None, "connections": None, "reason": None}  # fmt: skip
HEADING = ("SERVER", "CLIENTS", "ROLE", "EPOCH", "ZXID", "IN-SYNC", "LAST-TICK", "SESSIONS")
SIDES = "><<><<>>"


def ask(address, word):
    """What a server answers a four-letter word. Raises OSError, Timeout."""
    with Timeout(_WITHIN_S), socket.create_connection(address) as sock:
        sock.sendall(word.encode())
        octets = b""
        while len(octets) < _MOST and (piece := sock.recv(65536)):
            octets += piece
    return octets.decode(errors="replace")


def look(address):
    """What is known of the server whose clients connect to `address`, (host, port); its `role` may be "down" or "silent", too."""
    try:
        try:
            told = ask(address, WORD)
        except ConnectionResetError:
            told = ""
        if not told.startswith("{"):
            return _of_real(address)
        seen = json.loads(told)
        return {**{key: seen.get(key, unknown) for key, unknown in _UNKNOWN.items()}, "in_sync_count": seen["in_sync"] and len(seen["in_sync"])}
    except Timeout:
        return {**_UNKNOWN, "role": "silent", "reason": f"it does not answer within {_WITHIN_S:.0f} s"}
    except OSError as error:
        return {**_UNKNOWN, "role": "down", "reason": error.strerror or str(error)}
    except (ValueError, LookupError, TypeError):
        return {**_UNKNOWN, "role": "down", "reason": "what answers there is no ZooKeeper server"}


def _of_real(address):
    """A real server, which tells less, and of its followers only if `mntr` is among 4lw.commands.whitelist."""
    brief = _pairs(ask(address, "srvr"), ": ")
    if "Mode" not in brief:
        return {**_UNKNOWN, "role": "looking"}
    more = _pairs(ask(address, "mntr"), "\t")
    zxid, followers = int(brief["Zxid"], 16), more.get("zk_synced_followers")
    return {**_UNKNOWN, "role": brief["Mode"], "epoch": zxid >> 32, "zxid": zxid, "connections": int(brief["Connections"]),
            "in_sync_count": None if followers is None else int(float(followers)) + 1,
            "sessions": int(more["zk_global_sessions"]) if "zk_global_sessions" in more else None}  # fmt: skip


def _pairs(text, between):
    return dict(line.split(between, 1) for line in text.splitlines() if between in line)


def look_at_all(addresses):
    """As `look`, of each, all at once."""
    looks = [spawn(look, address) for address in addresses]
    joinall(looks)
    return [one.get() for one in looks]


def quorum(seen, voters=()):
    """{needed, voters, in_sync, leader} of the ensemble that these are servers of; None for one that stands alone, or if nobody tells.

    `in_sync` is a number; `voters`: their ids, if they are known already.
    """
    voters = list(voters) or next((one["voters"] for one in seen if one["voters"]), [])
    if not voters:
        return None
    leading = [one for one in seen if one["role"] == "leader"]
    newest = max(leading, key=lambda one: one["zxid"], default=None)
    return {"needed": len(voters) // 2 + 1, "voters": voters, "in_sync": newest["in_sync_count"] if newest else 0,
            "leader": newest["id"] if newest else None}  # fmt: skip


def rows(names, addresses, seen, ticks=True):
    """Of a table; `names`: what each is called; without `ticks` it is the same as long as nothing happens."""
    found = [HEADING]
    for name, address, one in zip(names, addresses, seen):
        count, ids, tick = one["in_sync_count"], one["in_sync"], one["last_tick_ms"]
        synced = None if count is None else ",".join(map(str, ids)) if ids else count
        cells = (one["role"], one["epoch"], None if one["zxid"] is None else f"0x{one['zxid']:x}", synced,
                 None if tick is None or not ticks else f"{tick} ms ago", one["sessions"])  # fmt: skip
        found.append((name, format_address(*address), *("-" if cell is None else cell for cell in cells)))
    return found


def in_words(found, seen):
    """A line about a `quorum`."""
    needed, count, synced = found["needed"], len(found["voters"]), found["in_sync"]
    if not any(one["role"] == "leader" for one in seen):
        up = sum(one["role"] not in ("down", "silent") for one in seen)
        return f"no quorum: {needed} of the {count} servers that vote must agree, {up} answer{'s' if up == 1 else ''}; clients are sent away"
    if synced is None:
        return f"quorum: {needed} of the {count} servers that vote must agree"
    spare = max(synced - needed, 0)
    return f"quorum: {needed} of the {count} servers that vote must agree, {synced} do; {spare or 'none'} of them may fail"
