"""The cluster's tables and what their journal is told."""

import pytest

from emulator.state.metadata import Metadata


def test_every_change_is_journalled_and_loads_again():
    journal = []
    metadata = Metadata(journal.append)
    quotas = metadata.table("quotas")
    quotas.put("a", {"rate": 1})
    quotas.put("b", {"rate": 2})
    quotas.remove("a")
    quotas.remove("never there")
    assert journal == [[("quotas", "a", {"rate": 1})], [("quotas", "b", {"rate": 2})], [("quotas", "a", None)]]

    again = Metadata(journal.append)
    again.load(change for changes in journal[:] for change in changes)
    assert dict(again.table("quotas").items()) == {"b": {"rate": 2}}
    assert again.offset == metadata.offset == 3
    assert len(journal) == 3
    assert list(again.entries()) == [("quotas", "b", {"rate": 2})]


def test_a_block_is_one_change_whatever_it_holds():
    journal = []
    metadata = Metadata(journal.append)
    with metadata:
        metadata.table("topics").put("t", {"id": "x"})
        with metadata:
            metadata.table("configs").put("t", {"retention.ms": "1"})
    assert journal == [[("topics", "t", {"id": "x"}), ("configs", "t", {"retention.ms": "1"})]]
    with metadata:
        pass
    assert len(journal) == 1


def test_a_change_that_is_not_kept_is_undone():
    def full(changes):
        raise OSError

    metadata = Metadata()
    table = metadata.table("t")
    table.put("a", 1)
    metadata._journal = full
    for change in (lambda: table.put("a", 2), lambda: table.put("b", 1), lambda: table.remove("a")):
        with pytest.raises(OSError):
            change()
    with pytest.raises(OSError), metadata:
        table.put("a", 2)
        table.put("a", 3)
        table.remove("a")
    assert dict(table.items()) == {"a": 1}
