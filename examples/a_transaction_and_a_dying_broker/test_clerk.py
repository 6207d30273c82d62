"""Each broker dies once in the middle of a transaction, whatever it is to it: leader of what is written, its coordinator, or a follower."""

import pytest
from clerk import Clerk
from confluent_kafka import KafkaException

pytestmark = pytest.mark.kafka(brokers=3)
TRANSFERS = [(number, f"giver {number % 7}", f"taker {number % 5}", 10) for number in range(30)]


class Interrupted(Clerk):
    """Calls `interrupt` once, when half of a transaction is with the brokers."""

    def __init__(self, bootstrap, interrupt):
        super().__init__(bootstrap)
        self._interrupt = interrupt

    def _write(self, transfer):
        super()._write(transfer)
        if transfer[0] == 15 and self._interrupt:
            self._producer.flush(10)
            interrupt, self._interrupt = self._interrupt, None
            interrupt()


@pytest.fixture(autouse=True)
def topics(kafka):
    for topic in ("debits", "credits"):
        kafka.create_topic(topic, 3, replication_factor=3, configs={"min.insync.replicas": 2})


def book(clerk, transfers=TRANSFERS):
    for first in range(0, len(transfers), 10):
        clerk.book(transfers[first : first + 10])


def booked(kafka, topic, **how):
    """The numbers of the transfers that a read_committed consumer sees there."""
    return sorted(record.json()["transfer"] for record in kafka.records(topic, **how))


@pytest.mark.parametrize("broker", [1, 2, 3])
def test_a_broker_dies(kafka, broker):
    book(Interrupted(kafka.bootstrap, lambda: kafka.kill_broker(broker)))
    assert booked(kafka, "debits") == booked(kafka, "credits") == list(range(30))


def test_a_clerk_dies_and_the_next_one_begins_with_a_clean_desk(kafka):
    class Died(Exception):
        pass

    def die():
        raise Died

    with pytest.raises(Died):
        book(Interrupted(kafka.bootstrap, die))
    assert booked(kafka, "debits") == list(range(10))
    assert 15 in booked(kafka, "debits", uncommitted=True)

    book(Clerk(kafka.bootstrap), TRANSFERS[10:])  # its transactional.id is the same: what was open is aborted
    assert booked(kafka, "debits") == booked(kafka, "credits") == list(range(30))


def test_a_clerk_who_is_taken_for_dead_can_write_no_more(kafka):
    hangs = Clerk(kafka.bootstrap)
    hangs.book(TRANSFERS[:10])
    Clerk(kafka.bootstrap).book(TRANSFERS[10:20])
    with pytest.raises(KafkaException):
        hangs.book(TRANSFERS[20:])
    assert booked(kafka, "debits") == booked(kafka, "credits") == list(range(20))
