"""The cluster's features: what this broker supports, at which level each is finalized, and what may change (KIP-584).

Source: org.apache.kafka.controller.FeatureControlManager and org.apache.kafka.server.common.Feature of 4.3.1.
"""

from emulator.state.java import string_hash
from wire.errors import INVALID_UPDATE_VERSION, KafkaError

METADATA, KRAFT, GROUP, SHARE, STREAMS = "metadata.version", "kraft.version", "group.version", "share.version", "streams.version"
TRANSACTION, ELIGIBLE_LEADER_REPLICAS = "transaction.version", "eligible.leader.replicas.version"

# Of a freshly formatted 4.3.1 node: feature -> (lowest supported, highest supported, finalized level).
# metadata.version counts releases: 7 is 3.3-IV3, 30 is 4.3-IV0.
SUPPORTED = {
    GROUP: (0, 1, 1),
    KRAFT: (0, 1, 0),
    METADATA: (7, 30, 30),
    SHARE: (0, 1, 1),
    STREAMS: (0, 1, 1),
    TRANSACTION: (0, 2, 2),
    ELIGIBLE_LEADER_REPLICAS: (0, 1, 1),
}

# The levels of metadata.version that brought new kinds of metadata: below them nobody could read what is there.
_CHANGED_METADATA = (7, 8, 11, 13, 14, 15, 17, 23, 30)

UPGRADE, SAFE_DOWNGRADE, UNSAFE_DOWNGRADE = 1, 2, 3


class Features:
    """Finalized levels by feature name, kept in the table "features" of `metadata`; what is not there is as SUPPORTED says.

    `node_id` is named in refusals; `supported` is what another release than 4.3 supports, which may lack some. `finalized`: the (name, level)
    of those above 0, in the order in which Kafka's hash maps give them.
    """

    def __init__(self, metadata, node_id, supported=SUPPORTED):
        self._metadata = metadata
        self._table = metadata.table("features")
        self._node_id = node_id
        self.supported = supported
        self.levels = dict.fromkeys(SUPPORTED, 0)
        for name, (_, highest, level) in supported.items():
            self.levels[name] = min(self._table.get(name, level), highest)
        self.finalized = self._finalized()

    def level(self, name):
        return self.levels[name]

    def _finalized(self):
        levels = {name: level for name, level in self.levels.items() if level > 0}
        slots = _slots(max(len(levels) - 1, 0))

        def slot(name):
            value = string_hash(name)
            return (value ^ (value & 0xFFFFFFFF) >> 16) & slots - 1

        came = [*(name for name in levels if name != METADATA), *(name for name in levels if name == METADATA)]
        return tuple((name, levels[name]) for name in sorted(came, key=slot))

    def update(self, updates, validate_only=False):
        """Finalize other levels: all of `updates`, {name: (level, UPGRADE or ...)}, or none. Raises KafkaError INVALID_UPDATE_VERSION."""
        levels = {name: level for name, (level, _) in updates.items()}
        for name, (level, kind) in updates.items():
            self._check(name, level, kind, {**self.levels, **levels})
        if validate_only:
            return
        with self._metadata:  # tables first: what cannot be kept has not been
            others = {name: level for name, level in levels.items() if level != self.levels[name]}
            for name, level in others.items():
                self._table.put(name, level)
        self.levels.update(others)
        self.finalized = self._finalized()

    def _check(self, name, level, kind, proposed):
        if kind not in (UPGRADE, SAFE_DOWNGRADE, UNSAFE_DOWNGRADE):
            raise _invalid(name, level, "The controller does not support the given upgrade type.")
        current = self.levels.get(name, 0)
        if level < 0:
            raise _invalid(name, level, "A feature version cannot be less than 0.")
        lowest, highest, _ = self.supported.get(name, (0, 0, 0))
        if level and not highest:
            raise _invalid(name, level, f"Local controller {self._node_id} does not support this feature.")
        if not lowest <= level <= highest:
            raise _invalid(name, level, f"Local controller {self._node_id} only supports versions {lowest}-{highest}")
        if level < current and kind == UPGRADE:
            raise _invalid(
                name, level, "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade."
            )
        if level > current and kind != UPGRADE:
            raise _invalid(name, level, "Can't downgrade to a newer version.")
        if name == METADATA:
            _check_metadata(current, level, kind)
        elif name == KRAFT:
            if level < current:
                raise _invalid(name, level, "Can't downgrade the version of this feature.")
        elif name not in self.supported:
            raise _invalid(name, level, f"Feature {name} not found.")
        elif level and proposed[METADATA] < self.supported[METADATA][0]:
            raise _invalid(name, level, f"{name} could not be set to {level} because it depends on metadata.version=7 (3.3-IV3)")


def _slots(copied):
    """How many slots a HashMap has that is a copy of `copied` entries and then got one more (metadata.version)."""
    slots = 1 if copied else 16
    while slots < int(copied / 0.75 + 1):
        slots *= 2
    return slots * 2 if copied + 1 > slots * 0.75 else slots


def _check_metadata(current, level, kind):
    if level < current and any(level < changed <= current for changed in _CHANGED_METADATA):
        reason = (
            "Unsafe metadata downgrade is not supported in this version."
            if kind == UNSAFE_DOWNGRADE
            else "Refusing to perform the requested downgrade because it might delete metadata information."
        )
        raise KafkaError(INVALID_UPDATE_VERSION, f"Unsupported metadata.version downgrade from {current} to {level}. {reason}")


def _invalid(name, level, reason):
    return KafkaError(INVALID_UPDATE_VERSION, f"Invalid update version {level} for feature {name}. {reason}")
