"""No producer id is given twice, whatever happens in between."""

from emulator.state.metadata import Metadata
from emulator.state.producer_ids import ProducerIds


def test_ids_go_on_with_the_next_block_after_a_restart():
    journal = []
    metadata = Metadata(journal.extend)
    ids = ProducerIds(metadata)
    assert [ids.next() for _ in range(1500)] == list(range(1500))
    assert len(journal) == 2  # not each id is written
    for begins in (2000, 3000):
        metadata = Metadata(journal.extend)
        metadata.load(journal[:])
        assert ProducerIds(metadata).next() == begins


def test_ids_that_came_from_elsewhere_are_not_given_again():
    metadata = Metadata()
    ids = ProducerIds(metadata)
    assert ids.next() == 0
    ids.taken(7)
    ids.taken(-1)
    assert ids.next() == 1  # this block was ours already
    ids.taken(5123)
    assert ProducerIds(metadata).next() == 6000
