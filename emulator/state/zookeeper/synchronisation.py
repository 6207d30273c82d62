"""How a learner comes to have the leader's history: what it lacks (DIFF), what it has too much cut off (TRUNC), or all anew (SNAP).

Source: LearnerHandler.syncFollower and queueCommittedProposals of 3.8.4.
"""

from collections import namedtuple

from emulator.state.zookeeper.quorum import epoch_of
from wire.zookeeper.quorum import DIFF, SNAP, TRUNC

# `kind` DIFF, TRUNC or SNAP with its `zxid`; `proposals`: (zxid, txn) that are committed and follow; `sent`: the last zxid
# that the learner has after them.
Synchronisation = namedtuple("Synchronisation", "kind zxid proposals sent")


def synchronise(peer_zxid, last_zxid, recent, history):
    """A Synchronisation for a learner that has logged up to `peer_zxid`.

    `recent`: the (zxid, txn) that were committed last, `last_zxid` included if any; `history(zxid)`: those of the log,
    from one that is at or before `zxid` on, none if the log begins later.
    """
    newest = recent[-1][0] if recent else last_zxid
    oldest = recent[0][0] if recent else last_zxid
    starts_epoch = peer_zxid & 0xFFFFFFFF == 0
    plan = None
    if peer_zxid == last_zxid:
        return Synchronisation(DIFF, peer_zxid, [], peer_zxid)
    if peer_zxid > newest and not starts_epoch:
        return Synchronisation(TRUNC, newest, [], newest)
    if oldest <= peer_zxid <= newest:
        plan = _from(recent, peer_zxid, newest)
    elif peer_zxid < oldest:
        logged = [item for item in history(peer_zxid) if item[0] <= newest]
        if logged and logged[-1][0] >= oldest:
            seen = logged[-1][0]
            plan = _from(logged + [item for item in recent if item[0] > seen], peer_zxid, newest)
    return plan or Synchronisation(SNAP, last_zxid, [], last_zxid)


def _from(proposals, peer_zxid, newest):
    before = -1
    missing = []
    for zxid, txn in proposals:
        if zxid <= peer_zxid:
            before = zxid
        else:
            missing.append((zxid, txn))
    sent = missing[-1][0] if missing else peer_zxid
    if before == peer_zxid or peer_zxid & 0xFFFFFFFF == 0:
        # An epoch's first zxid is no transaction: its leader had proposed nothing yet.
        return Synchronisation(DIFF, newest, missing, sent)
    if not missing:
        return None
    if before == -1 or epoch_of(missing[0][0]) != epoch_of(peer_zxid):
        # What the learner has beyond `before` was never committed, and a cut does not go back over an epoch.
        return None
    return Synchronisation(TRUNC, before, missing, sent)
