"""How followers follow: `leader.py` is what a leader knows of them, `follower.py` how one fetches, `replication.py` who does both.

Brokers share one process, so a fetch is a call; all else is as over the wire: a follower asks from where its own log ends, cuts
what the leader does not have, and learns the high watermark a fetch after the leader did.
"""

from emulator.state.replication.replication import Replication

__all__ = ["Replication"]
