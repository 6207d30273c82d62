"""Transactions as one partition's log knows them: what is open, how far the stable part reaches, what was aborted."""

import random

import pytest

from emulator.state.clock import VirtualClock
from emulator.state.configs import Configs
from emulator.state.configs.broker import parse_broker_settings
from emulator.state.log import Log
from wire import errors
from wire.errors import KafkaError
from wire.records import Record, build_batch


class Partition:
    """A log, and producers that write to it by number."""

    def __init__(self, **overrides):
        self.clock = VirtualClock()
        config = Configs(parse_broker_settings({})).preview({name.replace("_", "."): str(value) for name, value in overrides.items()})
        self.log = Log("t-0", config, self.clock, random.Random(1))
        self.log.begin_epoch(0)

    def send(self, producer, sequence=0, epoch=0, transactional=True, count=1, verified=True, version=0, value=b"v"):
        records = [Record(index, self.clock.now(), None, value, ()) for index in range(count)]
        batch = build_batch(
            records, producer_id=producer, producer_epoch=epoch, base_sequence=sequence, transactional=transactional
        )
        now = self.clock.now()
        checked = self.log.check(batch, now)
        if version and not self.log.producers.in_transaction(producer, epoch):
            self.log.producers.ask(checked.header, version, now)
        return self.log.append(checked, 0, now, verified).base_offset

    def end(self, producer, commit, epoch=0, coordinator_epoch=0, version=0):
        return self.log.append_marker(commit, producer, epoch, coordinator_epoch, 0, self.clock.now(), version)

    def aborted(self, offset=0, max_bytes=1 << 20):
        result = self.log.read(offset, max_bytes, self.log.last_stable_offset, min_one_message=True)
        return list(self.log.aborted_transactions(offset, result))

    @property
    def stable(self):
        return self.log.last_stable_offset


@pytest.fixture
def partition():
    return Partition()


def refused(error, action, *arguments, **options):
    with pytest.raises(KafkaError) as caught:
        action(*arguments, **options)
    assert caught.value.error == error


def test_the_oldest_open_transaction_bounds_what_is_stable(partition):
    partition.send(-1, sequence=-1, epoch=-1, transactional=False)
    assert partition.stable == 1
    partition.send(7)
    partition.send(8)
    partition.send(-1, sequence=-1, epoch=-1, transactional=False)
    assert (partition.stable, partition.log.high_watermark) == (1, 4)
    partition.end(8, commit=True)
    assert partition.stable == 1
    partition.end(7, commit=True)
    assert partition.stable == partition.log.end_offset == 6


def test_records_deleted_from_within_an_open_transaction_are_stable(partition):
    partition.send(7, count=5)
    partition.log.delete_records(3)
    assert partition.stable == 3


def test_a_fetch_is_told_of_the_aborted_transactions_in_it(partition):
    partition.send(7)  # 0
    partition.send(8)  # 1
    partition.end(7, commit=False)  # 2
    partition.send(7, sequence=1)  # 3
    partition.end(8, commit=False)  # 4
    partition.end(7, commit=True)  # 5
    assert partition.aborted() == [(7, 0), (8, 1)]
    assert partition.aborted(3) == [(8, 1)]
    assert partition.aborted(5) == []


def test_what_is_not_stable_yet_is_not_told(partition):
    partition.send(7)
    partition.send(8)
    partition.end(8, commit=False)
    assert (partition.stable, partition.aborted()) == (0, [])


def test_of_many_aborted_transactions_only_those_near_the_fetch_are_told():
    partition = Partition(index_interval_bytes=200)
    for sequence in range(200):
        partition.send(7, sequence=sequence, value=b"x" * 100)
        partition.end(7, commit=False)
    for offset in (0, 100, 300):
        told = partition.aborted(offset, max_bytes=1000)
        assert told[0] == (7, offset) and len(told) < 12
    assert len(partition.aborted()) == 200


def test_the_index_of_aborted_transactions_goes_with_the_records(partition):
    for sequence in range(3):
        partition.send(7, sequence=sequence)
        partition.end(7, commit=False)
    partition.log.delete_records(3)
    assert [each.first_offset for each in partition.log.aborted] == [2, 4]


def test_only_what_the_coordinator_knows_of_may_begin(partition):
    refused(errors.INVALID_TXN_STATE, partition.send, 7, verified=False)
    partition.send(7)
    partition.send(7, sequence=1, verified=False)  # it has begun
    partition.end(7, commit=True)
    refused(errors.INVALID_TXN_STATE, partition.send, 7, sequence=2, verified=False)


def test_an_open_transaction_takes_nothing_from_outside_of_it(partition):
    partition.send(7)
    refused(errors.INVALID_TXN_STATE, partition.send, 7, sequence=1, transactional=False)


def test_sequences_go_on_within_an_epoch_and_begin_anew_with_the_next(partition):
    partition.send(7)
    partition.end(7, commit=True)
    refused(errors.OUT_OF_ORDER_SEQUENCE_NUMBER, partition.send, 7, sequence=5)
    partition.send(7, sequence=1)
    partition.end(7, commit=True, epoch=1, version=2)
    refused(errors.OUT_OF_ORDER_SEQUENCE_NUMBER, partition.send, 7, sequence=2, epoch=1)
    refused(errors.INVALID_PRODUCER_EPOCH, partition.send, 7, sequence=2)
    partition.send(7, epoch=1)


def test_version_2_knows_where_a_new_producer_begins(partition):
    refused(errors.OUT_OF_ORDER_SEQUENCE_NUMBER, partition.send, 7, sequence=3, version=2)
    partition.send(8, sequence=3, version=1)  # which takes what was lost for expired


@pytest.mark.parametrize("version", (1, 2))
def test_after_a_refused_batch_none_above_it_is_taken(partition, version):
    refused(errors.INVALID_TXN_STATE, partition.send, 7, verified=False, version=version)
    refused(errors.OUT_OF_ORDER_SEQUENCE_NUMBER, partition.send, 7, sequence=1, version=version)
    partition.send(7, version=version)
    partition.send(7, sequence=1, version=version)


def test_a_duplicate_is_known_after_its_transaction_too(partition):
    assert partition.send(7) == 0
    partition.end(7, commit=True)
    assert partition.send(7, verified=False) == 0
    assert partition.log.end_offset == 2


def test_markers_of_old_epochs_and_old_coordinators_are_refused(partition):
    partition.send(7, epoch=3)
    refused(errors.INVALID_PRODUCER_EPOCH, partition.end, 7, True, epoch=2)
    refused(errors.INVALID_PRODUCER_EPOCH, partition.end, 7, True, epoch=3, version=2)
    partition.end(7, True, epoch=4, coordinator_epoch=5, version=2)
    partition.end(7, True, epoch=4, coordinator_epoch=5, version=2)  # sent again
    refused(errors.TRANSACTION_COORDINATOR_FENCED, partition.end, 7, True, epoch=5, coordinator_epoch=4)
    refused(errors.TRANSACTION_COORDINATOR_FENCED, partition.end, 8, True, coordinator_epoch=-2)  # below that of none at all
    partition.send(9, epoch=32767)
    partition.end(9, True, epoch=32767, version=2)  # there is none above it


def test_a_marker_without_a_transaction_changes_nothing_but_the_epoch(partition):
    partition.end(7, commit=False, epoch=2)
    assert (partition.aborted(), partition.stable) == ([], 1)
    refused(errors.INVALID_PRODUCER_EPOCH, partition.send, 7, epoch=1)


def test_producers_with_open_transactions_do_not_expire(partition):
    partition.send(7)
    partition.send(8)
    partition.end(8, commit=True)
    partition.log.producers.expire(partition.clock.now() + 1)
    assert [producer for producer, _ in partition.log.producers.items()] == [7]


def test_who_waits_is_told_when_what_is_stable_moves(partition):
    partition.send(7)
    told = []
    partition.log.watch(lambda: told.append(partition.stable))
    partition.send(-1, sequence=-1, epoch=-1, transactional=False)
    partition.end(7, commit=True)
    assert told == [0, 3]


def test_a_marker_of_nobody_is_written_and_not_remembered(partition):
    for producer in (-1, -(2**63)):
        partition.end(producer, commit=False)
    assert partition.log.end_offset == 2
    assert not list(partition.log.producers.items())
