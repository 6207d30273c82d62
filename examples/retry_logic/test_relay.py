"""What the relay does when things go wrong: each test lets one go wrong, and asks whether it really did."""

import json
import time

import pytest
from confluent_kafka import KafkaException
from relay import Relay

ORDERS = 5


@pytest.fixture
def relay(kafka):
    """relay(**options of its producer): it works until all orders are served."""
    kafka.create_topic("orders")
    kafka.create_topic("invoices")
    for id in range(ORDERS):
        kafka.produce("orders", json.dumps({"id": id}))

    def work(**options):
        relay, served, deadline = Relay(kafka.bootstrap, **options), 0, time.monotonic() + 20
        try:
            while served < ORDERS:
                assert time.monotonic() < deadline, f"{served} of {ORDERS} orders are served"
                served += relay.step()
        finally:
            relay.close()

    return work


def invoices(kafka):
    return [record.json()["order"] for record in kafka.records("invoices")]


def test_all_is_well(kafka, relay):
    relay()
    assert invoices(kafka) == list(range(ORDERS))


def test_nobody_leads_for_a_while(kafka, relay):
    fault = kafka.fail("Produce", topic="invoices", error="NOT_LEADER_OR_FOLLOWER", times=3)
    relay()
    fault.assert_hit(times=3)
    assert invoices(kafka) == list(range(ORDERS))


def test_an_answer_is_lost_and_nothing_is_there_twice(kafka, relay):
    fault = kafka.fail("Produce", topic="invoices", drop="after", nth=2)  # it is written, and the relay does not hear of it
    relay()
    fault.assert_hit()
    assert invoices(kafka) == list(range(ORDERS))


def test_without_idempotence_it_is_there_twice(kafka, relay):
    kafka.fail("Produce", topic="invoices", drop="after", nth=2)
    relay(**{"enable.idempotence": False})
    assert invoices(kafka) == [0, 1, 1, 2, 3, 4]


def test_fetches_are_cut_off(kafka, relay):
    fault = kafka.fail("Fetch", topic="orders", drop="before", times=2)
    relay()
    fault.assert_hit(times=2)
    assert invoices(kafka) == list(range(ORDERS))


def test_the_coordinator_is_not_there_yet(kafka, relay):
    fault = kafka.fail("OffsetCommit", group="relay", error="COORDINATOR_NOT_AVAILABLE", times=2)
    relay()
    fault.assert_hit(times=2)
    assert invoices(kafka) == list(range(ORDERS))


def test_what_never_goes_by_is_reported(kafka, relay):
    fault = kafka.fail("Produce", topic="invoices", error="TOPIC_AUTHORIZATION_FAILED")
    with pytest.raises(KafkaException, match="TOPIC_AUTHORIZATION_FAILED"):
        relay()
    fault.assert_hit()
    assert invoices(kafka) == []
