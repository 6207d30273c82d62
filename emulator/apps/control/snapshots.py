"""Snapshots of the whole cluster, by name: of one whose data is in memory."""

from emulator.apps.control.schema import flag, many, number, text, thing
from emulator.apps.control.table import Conflict, NotThere, Route
from emulator.apps.times import moment_text
from emulator.runtime.snapshot import NoSnapshot

_MOST = 1000
_NAME = text("of the snapshot")
_SNAPSHOT = thing(name=text("of the snapshot"), now=text("when it was made, by the server's clock"), topics=number("how many it has"))


def show(server, asked):
    return {"snapshots": [_shown(name, kept) for name, kept in server.snapshots.items()]}


def make(server, asked):
    name = asked["name"]
    if name in server.snapshots and not asked["replace"]:
        raise Conflict(f"there is a snapshot {name} already; replace says that it may go")
    if name not in server.snapshots and len(server.snapshots) >= _MOST:
        raise Conflict(f"there are {_MOST} snapshots already")
    try:
        kept = server.snapshots[name] = server.snapshot()
    except NoSnapshot as reason:
        raise Conflict(str(reason)) from None
    return _shown(name, kept)


def restore(server, asked):
    kept = _find(server, asked)
    try:
        server.restore(kept)
    except NoSnapshot as reason:
        raise Conflict(str(reason)) from None
    return _shown(asked["name"], kept)


def remove(server, asked):
    kept = _find(server, asked)
    del server.snapshots[asked["name"]]
    return _shown(asked["name"], kept)


def _find(server, asked):
    kept = server.snapshots.get(asked["name"])
    if kept is None:
        raise NotThere(f"no snapshot {asked['name']}; there are: {', '.join(server.snapshots) or 'none'}")
    return kept


def _shown(name, kept):
    return {"name": name, "now": moment_text(kept.made_at), "topics": len(kept.metadata.table("topics"))}


ROUTES = (
    Route("GET", "/snapshots", show, "all snapshots", answer=thing(snapshots=many(_SNAPSHOT, "the oldest first"))),
    Route("POST", "/snapshots", make, "keeps all that the cluster has now, in a moment, however much it is", {
        "name": _NAME, "replace": flag("whether one of the same name may go", default=False),
    }, _SNAPSHOT),
    Route("POST", "/snapshots/{name}/restore", restore, "the cluster is again as it was then; connections are reset", {"name": _NAME}, _SNAPSHOT),
    Route("DELETE", "/snapshots/{name}", remove, "forgets a snapshot", {"name": _NAME}, _SNAPSHOT),
)  # fmt: skip
