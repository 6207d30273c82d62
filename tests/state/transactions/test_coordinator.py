"""The life of a transactional id: who may do what, when, and what is left of it."""

import pytest

from emulator.state.cluster.names import TRANSACTION_STATE
from emulator.state.transactions.states import (
    COMPLETE_ABORT, COMPLETE_COMMIT, EMPTY, ONGOING, PREPARE_ABORT, PREPARE_COMMIT,
)  # fmt: skip
from emulator.state.transactions.transaction import MAX_EPOCH
from wire import errors
from wire.errors import KafkaError
from wire.internal import TRANSACTION_STATE as RECORDS
from wire.records import iter_records

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000


def refused(error, action, *arguments):
    with pytest.raises(KafkaError) as caught:
        action(*arguments)
    assert caught.value.error == error


# -- commits and aborts ----------------------------------------------------------------------------


def test_what_is_committed_is_seen_and_what_is_aborted_is_not(world, version):
    producer = world.producer(version=version).init()
    assert world.state() == EMPTY
    producer.send(b"a", b"b")
    assert (world.state(), world.values("t")) == (ONGOING, [])
    producer.commit()
    assert (world.state(), world.values("t")) == (COMPLETE_COMMIT, [b"a", b"b"])
    producer.send(b"c")
    producer.send(b"d", index=1)
    producer.abort()
    assert world.state() == COMPLETE_ABORT
    producer.send(b"e")
    producer.commit()
    assert world.values("t") == [b"a", b"b", b"e"]
    assert world.values("t", committed=False) == [b"a", b"b", b"c", b"e"]
    assert (world.markers("t"), world.markers("t", 1)) == (["commit", "abort", "commit"], ["abort"])


def test_version_2_raises_the_epoch_with_every_transaction(world):
    producer = world.producer().init()
    for epoch in range(3):
        assert producer.epoch == epoch
        producer.send(b"v")
        producer.commit()


def test_version_1_keeps_it_and_goes_on_with_its_sequence(world):
    producer = world.producer(version=1).init()
    for _ in range(3):
        producer.send(b"v")
        producer.commit()
        assert producer.epoch == 0
    assert world.log("t").producers.get(producer.producer_id).last_sequence == 2


def test_an_outcome_asked_for_again_is_told_again(world):
    producer = world.producer().init()
    first = producer.identity
    producer.send(b"v")
    producer.commit()
    end = world.transactions.end
    assert end(*first, True, 2) == (producer.producer_id, 1)
    refused(errors.INVALID_TXN_STATE, end, *first, False, 2)
    refused(errors.INVALID_TXN_STATE, end, *producer.identity, True, 2)  # the next one, which is empty
    assert end(*producer.identity, False, 2) == (producer.producer_id, 2)  # but may be aborted


def test_version_1_ends_no_transaction_that_has_not_begun(world):
    producer = world.producer(version=1).init()
    for commit in (True, False):
        refused(errors.INVALID_TXN_STATE, world.transactions.end, *producer.identity, commit, 0)
    producer.send(b"v")
    producer.commit()
    world.transactions.end(*producer.identity, True, 0)
    refused(errors.INVALID_TXN_STATE, world.transactions.end, *producer.identity, False, 0)


# -- who is who ------------------------------------------------------------------------------------


def test_strangers_are_refused(world):
    producer = world.producer().init()
    tid, producer_id, epoch = producer.identity
    partitions = [("t", 0)]
    add, end = world.transactions.add_partitions, world.transactions.end
    for call, rest in ((add, (partitions,)), (end, (True, 0)), (end, (True, 2))):
        refused(errors.INVALID_REQUEST, call, "", producer_id, epoch, *rest)
        refused(errors.INVALID_PRODUCER_ID_MAPPING, call, "nobody", producer_id, epoch, *rest)
        refused(errors.INVALID_PRODUCER_ID_MAPPING, call, tid, producer_id + 1, epoch, *rest)
        refused(errors.PRODUCER_FENCED, call, tid, producer_id, epoch + 1, *rest)


def test_who_has_not_looked_for_the_coordinator_has_none(world):
    world.cluster.delete_topic(world.cluster.topics[TRANSACTION_STATE].topic_id)
    refused(errors.NOT_COORDINATOR, world.producer().init)


@pytest.mark.parametrize("timeout", (0, -1, 15 * MINUTE + 1))
def test_time_outs_have_limits(world, timeout):
    refused(errors.INVALID_TRANSACTION_TIMEOUT, world.producer(timeout_ms=timeout).init)


def test_a_new_producer_fences_the_old_and_aborts_its_transaction(world, version):
    old = world.producer(version=version).init()
    old.send(b"lost")
    new = world.producer(version=version)
    refused(errors.CONCURRENT_TRANSACTIONS, new.init_once)
    assert (world.state(), world.markers("t")) == (COMPLETE_ABORT, ["abort"])
    new.init_once()
    assert new.epoch == 2
    for zombie in (lambda: old.send(b"zombie"), old.commit, old.abort):
        refused(errors.PRODUCER_FENCED, zombie)
    new.send(b"new")
    new.commit()
    assert world.values("t") == [b"new"]


def test_a_zombie_cannot_write_where_it_never_wrote(world):
    old = world.producer().init()
    world.producer().init()
    refused(errors.PRODUCER_FENCED, lambda: old.send(b"zombie", index=1))
    assert world.log("t", 1).end_offset == 0


def test_a_producer_goes_on_after_an_error_with_the_next_epoch(world):
    """KIP-360."""
    producer = world.producer().init()
    expected = producer.producer_id, 0
    assert producer.init(expected).epoch == 1
    assert producer.init(expected).epoch == 1  # the answer was lost: told again
    producer.init((producer.producer_id, 1))
    refused(errors.PRODUCER_FENCED, producer.init_once, expected)
    refused(errors.PRODUCER_FENCED, producer.init_once, (producer.producer_id + 1, 0))


def test_used_up_epochs_bring_a_new_producer_id(world):
    producer = world.producer(version=1).init()
    first = producer.producer_id
    world.transactions.describe("tid").producer_epoch = MAX_EPOCH - 1
    assert world.producer().init().identity == ("tid", first + 1, 0)


def test_used_up_epochs_bring_a_new_producer_id_with_the_end_of_a_transaction(world):
    producer = world.producer().init()
    first = producer.producer_id
    world.transactions.describe("tid").producer_epoch = producer.epoch = MAX_EPOCH - 1
    producer.send(b"v")
    last = producer.identity
    producer.commit()
    assert producer.identity == ("tid", first + 1, 0)
    assert world.transactions.end(*last, True, 2) == (first + 1, 0)  # asked again
    producer.send(b"w")
    producer.commit()
    assert world.values("t") == [b"v", b"w"]
    refused(errors.INVALID_PRODUCER_ID_MAPPING, world.transactions.end, *last, True, 2)


# -- time ------------------------------------------------------------------------------------------


def test_a_transaction_open_for_too_long_is_aborted_and_its_producer_fenced(world, version):
    producer = world.producer(version=version, timeout_ms=30 * SECOND).init()
    producer.send(b"v")
    world.tick(30 * SECOND)
    assert world.state() == ONGOING
    world.tick(10 * SECOND)
    assert (world.state(), world.markers("t")) == (COMPLETE_ABORT, ["abort"])
    # In version 2 its epoch is the one before: as if it asked again, and for another outcome.
    refused(errors.PRODUCER_FENCED if version == 1 else errors.INVALID_TXN_STATE, producer.commit)
    assert producer.init((producer.producer_id, producer.epoch)).epoch == 1
    producer.send(b"w")
    producer.commit()
    assert world.values("t") == [b"w"]


def test_how_often_time_outs_are_looked_for_is_configured(world_with):
    world = world_with(transaction_abort_timed_out_transaction_cleanup_interval_ms=100)
    world.producer(timeout_ms=1000).init().send(b"v")
    world.tick(1000)
    assert world.state() == ONGOING
    world.tick(100)
    assert world.state() == COMPLETE_ABORT


def test_unused_ids_are_forgotten_and_ongoing_ones_never(world):
    idle, busy = world.producer("idle").init(), world.producer("busy", timeout_ms=15 * MINUTE).init()
    world.tick(7 * DAY - 10 * MINUTE)
    busy.send(b"v")
    world.tick(HOUR)
    refused(errors.TRANSACTIONAL_ID_NOT_FOUND, world.transactions.describe, "idle")
    assert world.state("busy") == COMPLETE_ABORT  # timed out, hence used just now
    refused(errors.INVALID_PRODUCER_ID_MAPPING, idle.send, b"v")
    world.rebuild()
    refused(errors.TRANSACTIONAL_ID_NOT_FOUND, world.transactions.describe, "idle")


# -- partitions that cannot take a marker now -----------------------------------------------------------


def test_until_all_markers_are_written_the_next_transaction_waits(world, version):
    producer = world.producer(version=version).init()
    producer.send(b"a")
    producer.send(b"b", index=1)
    partition = world.cluster.partition("t", 1)
    partition.leader = -1
    producer.commit()
    assert (world.state(), world.values("t"), world.values("t", 1)) == (PREPARE_COMMIT, [b"a"], [])
    refused(errors.CONCURRENT_TRANSACTIONS, producer.send, b"c")
    refused(errors.CONCURRENT_TRANSACTIONS, world.producer().init_once)
    partition.leader = 1
    world.tick(100)
    assert (world.state(), world.values("t", 1)) == (COMPLETE_COMMIT, [b"b"])
    producer.send(b"c")
    producer.commit()
    assert world.values("t") == [b"a", b"c"]


def test_a_partition_deleted_meanwhile_needs_no_marker(world):
    world.topic("gone")
    producer = world.producer().init()
    producer.send(b"a", topic="gone")
    producer.send(b"b")
    world.cluster.delete_topic(world.cluster.topics["gone"].topic_id)
    producer.commit()
    assert (world.state(), world.values("t")) == (COMPLETE_COMMIT, [b"b"])


# -- what __transaction_state keeps ------------------------------------------------------------------------


def stored(world, transactional_id="tid"):
    """The states that were written for an id, oldest first."""
    log = world.log(TRANSACTION_STATE, world.transactions.partition_for(transactional_id))
    values = [RECORDS.parse(record.key, record.value).value for _, batch in log.batches() for record in iter_records(batch)]
    return [value and value.transaction_status for value in values]


def test_every_transition_is_a_record(world):
    producer = world.producer().init()
    producer.send(b"a")
    producer.send(b"b", index=1)
    producer.commit()
    assert stored(world) == [0, 1, 1, 2, 4]


def test_a_coordinator_is_rebuilt_from_its_records(world, version):
    producer = world.producer(version=version).init()
    producer.send(b"a")
    world.rebuild()
    producer.send(b"b", index=1)
    producer.commit()
    world.rebuild()
    producer.send(b"c")
    producer.abort()
    assert (world.values("t"), world.values("t", 1)) == ([b"a"], [b"b"])


def test_a_rebuilt_coordinator_carries_out_what_was_decided(world):
    producer = world.producer().init()
    producer.send(b"a")
    producer.send(b"b", index=1)
    partition = world.cluster.partition("t", 1)
    partition.leader = -1
    producer.abort()
    world.rebuild()
    assert world.state() == PREPARE_ABORT
    partition.leader = 1
    world.rebuild()
    assert (world.state(), world.markers("t", 1)) == (COMPLETE_ABORT, ["abort"])


def test_a_rebuilt_coordinator_still_times_out(world):
    world.producer(timeout_ms=SECOND).init().send(b"a")
    world.rebuild()
    world.tick(20 * SECOND)
    assert world.state() == COMPLETE_ABORT


# -- looking ---------------------------------------------------------------------------------------


def test_lists_are_filtered(world):
    idle = world.producer("idle").init()
    world.producer("busy").init().send(b"v")
    world.tick(SECOND)

    def ids(**filters):
        found, unknown = world.transactions.list(**filters)
        return [each.transactional_id for each in found], unknown

    assert ids() == (["idle", "busy"], [])
    assert ids(states=["Ongoing", "Nonsense"]) == (["busy"], ["Nonsense"])
    assert ids(producer_ids=[idle.producer_id]) == (["idle"], [])
    assert ids(states=["Ongoing"], longer_than_ms=SECOND) == ([], [])
    assert ids(states=["Ongoing"], longer_than_ms=SECOND - 1) == (["busy"], [])
    assert ids(pattern="b.*") == (["busy"], [])
    assert ids(pattern="us") == ([], [])
    world.producer("für-alle").init()
    assert ids(pattern="f.r-.*") == (["für-alle"], [])
    refused(errors.INVALID_REGULAR_EXPRESSION, lambda: ids(pattern="("))
