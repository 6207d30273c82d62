"""The ZooKeeper ensemble in which the brokers are registered, each of its servers asked how it does."""

from gevent import Timeout, joinall, socket, spawn

from emulator.apps.addresses import format_address
from emulator.apps.control.schema import many, number, or_null, text, thing
from emulator.apps.control.table import Route
from emulator.apps.zookeeper.ensemble import told_by

_WITHIN_S = 2
_MOST_BYTES = 1024 * 1024


def show(server, asked):
    place = server.zookeeper
    if place is None:
        return {"connect": None, "servers": []}
    asking = [spawn(told_by, _asker(address)) for address in place.servers]
    joinall(asking)
    return {
        "connect": str(place).partition("=")[2],
        "servers": [
            {"address": format_address(*address), **{name: value for name, value in one.value._asdict().items()}}
            for address, one in zip(place.servers, asking)
        ],
    }  # fmt: skip


def _asker(address):
    def ask(word):
        try:
            with Timeout(_WITHIN_S, TimeoutError), socket.create_connection(address, _WITHIN_S) as sock:
                sock.sendall(word.encode())
                pieces, size = [], 0
                while size < _MOST_BYTES and (piece := sock.recv(65536)):
                    pieces.append(piece)
                    size += len(piece)
        except (OSError, TimeoutError):
            return None
        return b"".join(pieces).decode(errors="replace")

    return ask


_SERVER = thing(
    address=text("HOST:PORT for clients"),
    role=text("down, no quorum, standalone, leader, follower or observer"),
    epoch=or_null(number("grows with each leader")),
    zxid=or_null(text("of its last transaction, in hexadecimal")),
    in_sync=or_null(number("of a leader: servers in sync with it, itself among them")),
    last_tick_ms=or_null(number("how long ago its last tick was; real servers do not say")),
)

ROUTES = (
    Route("GET", "/zookeeper", show, "the ensemble of zookeeper.connect: each server that it names",
          answer=thing(connect=or_null(text("what the brokers were told, null without one")), servers=many(_SERVER, "in that order"))),
)  # fmt: skip
