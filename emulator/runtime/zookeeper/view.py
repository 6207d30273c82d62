"""What one server knows of itself and its ensemble: the answer to `peer`, a four-letter word that only servers of ours have.

It is answered whether or not there is a quorum: that is what `zookeeper status` and the control API show.
"""

from wire.zookeeper.quorum import LOOKING

WORD = "peer"


def view(server):
    """As JSON will have it: ids are numbers, times ms, `None` what this server cannot know."""
    peer = server.peer
    seen = {
        "id": server.my_id, "role": server.role, "epoch": server.database.last_zxid >> 32, "zxid": server.database.last_zxid,
        "leader": None, "voters": [], "observers": [], "in_sync": None, "last_tick_ms": None,
        "sessions": len(server.database.sessions), "connections": len(server.connections), "reason": None,
    }  # fmt: skip
    if peer is None:
        return {**seen, "last_tick_ms": server.clock.now() - server.last_tick}
    seen |= {"epoch": peer.epochs.current, "leader": peer.leader_id, "voters": sorted(peer.ensemble.voters), "observers": sorted(peer.ensemble.observers)}
    if not peer.serving:
        if peer.state != LOOKING:
            seen["role"] = "starting"  # the vote is over, a quorum is not there yet
        return {**seen, "reason": server.looks_because}
    role = peer.leader or peer.learner
    seen["last_tick_ms"] = server.clock.now() - role.last_tick
    if peer.leader is not None:
        seen["in_sync"] = sorted(role.following(server.clock.now()))
    return seen
