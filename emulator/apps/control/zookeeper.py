"""The ZooKeeper ensemble in which the brokers register: how each of its servers does."""

from emulator.apps.addresses import format_address
from emulator.apps.control.schema import many, number, or_null, text, thing
from emulator.apps.control.table import Route

_ROLES = ["leader", "follower", "observer", "standalone", "read-only", "starting", "looking", "silent", "down"]
_ID = number("of a server, X in server.X")

_SERVER = thing(
    address=text("HOST:PORT for clients, as zookeeper.connect has it"),
    id=or_null(_ID),
    role=text("looking: for a leader; starting: one is elected, a quorum has not followed yet; silent: connected, and no answer came", enum=_ROLES),
    epoch=or_null(number("of the leader whose history it has")),
    zxid=or_null(text("of the last transaction that it has applied, such as 0x100000004")),
    leader=or_null(number("id of the server that it serves under")),
    voters=many(_ID, "of its ensemble"),
    observers=many(_ID, "of its ensemble"),
    in_sync=or_null(many(_ID, "voters that a leader has heard of in time, itself among them; null from others")),
    in_sync_count=or_null(number("how many those are")),
    last_tick_ms=or_null(number("since its leader has ticked, as it knows")),
    sessions=or_null(number("of clients, in the whole ensemble")),
    connections=or_null(number("of clients, to this server")),
    reason=or_null(text("why it has no leader, or cannot be asked")),
)

_QUORUM = {
    **thing("null for a server that stands alone, or if none tells", needed=number("how many voters must agree"), voters=many(_ID, "all of them"),
            in_sync=or_null(number("how many do")), leader=or_null(_ID)),
    "type": ["object", "null"],
}


def show(server, asked):
    place = server.zookeeper
    if place is None:
        return {"connect": None, "quorum": None, "about": "zookeeper.connect is not set", "servers": []}
    from emulator.apps.zookeeper.status import in_words, look_at_all, quorum

    seen = look_at_all(place.servers)
    found = quorum(seen)
    return {
        "connect": str(place).partition("=")[2], "quorum": found, "about": in_words(found, seen) if found else None,
        "servers": [{"address": format_address(*at), **one, "zxid": None if one["zxid"] is None else f"0x{one['zxid']:x}"} for at, one in zip(place.servers, seen)],
    }  # fmt: skip


ROUTES = (
    Route("GET", "/zookeeper", show, "the servers of zookeeper.connect, each asked now, for two seconds at the most", answer=thing(
        connect=or_null(text("zookeeper.connect; null where it is not set")),
        quorum=_QUORUM, about=or_null(text("the quorum, in words")), servers=many(_SERVER, "in the order of zookeeper.connect"))),
)  # fmt: skip
