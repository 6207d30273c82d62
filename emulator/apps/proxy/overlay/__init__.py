"""Topics that the emulator serves while all others are the cluster's behind: clients see one cluster.

engine.py is the emulator, with a broker for each node behind; sides.py says what belongs to whom; overlay.py is asked about each request.
What is of both is in a file a family: topics.py (split by topic), metadata.py, fetching.py, groups.py, offsets.py, transactions.py.
"""

from emulator.apps.proxy.overlay.overlay import Overlay

__all__ = ["Overlay"]
