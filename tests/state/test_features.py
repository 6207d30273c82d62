"""Which levels last, and in which order they are told."""

from emulator.state.features import SAFE_DOWNGRADE, UPGRADE, Features
from emulator.state.metadata import Metadata


def test_levels_are_there_after_a_restart():
    written = []
    features = Features(Metadata(written.append), 1)
    features.update({"share.version": (0, SAFE_DOWNGRADE), "kraft.version": (1, UPGRADE)})
    metadata = Metadata()
    for changes in written:
        metadata.load(changes)
    assert len(written) == 1
    assert dict(Features(metadata, 1).levels) == {**Features(Metadata(), 1).levels, "share.version": 0, "kraft.version": 1}


def test_the_order_is_that_of_the_hash_maps_that_kafka_copies():
    features = Features(Metadata(), 1)
    features.update({"kraft.version": (1, UPGRADE)})
    assert [name for name, _ in features.finalized] == [
        "group.version", "kraft.version", "share.version", "metadata.version", "streams.version", "transaction.version",
        "eligible.leader.replicas.version",
    ]  # fmt: skip
    down = [name for name in features.levels if name not in ("metadata.version", "kraft.version")]
    features.update({name: (0, SAFE_DOWNGRADE) for name in down})
    assert features.finalized == (("kraft.version", 1), ("metadata.version", 30))
