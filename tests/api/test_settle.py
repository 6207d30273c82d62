"""A producer that begins its next transaction while the last one is being ended waits at the server (KIP-890)."""

from types import SimpleNamespace

import pytest

from emulator.api.data.transactional import settle
from emulator.state.clock import VirtualClock
from emulator.state.configs.broker import parse_broker_settings
from wire import errors
from wire.apis.data import Produce
from wire.errors import KafkaError
from wire.records import Record, build_batch


class Coordinator:
    """Busy until `free_at`; `asked` when."""

    def __init__(self, patience, free_at):
        self.patience, self.free_at, self.asked = patience, free_at, []

    def add_partitions(self, *_, **__):
        self.asked.append(self.patience.now())
        if self.patience.now() < self.free_at:
            raise KafkaError(errors.CONCURRENT_TRANSACTIONS)

    def verify_partitions(self, transactional_id, producer_id, producer_epoch, partitions):
        self.asked.append(self.patience.now())
        return dict.fromkeys(partitions, errors.CONCURRENT_TRANSACTIONS)


def settled(free_at, version=12, **settings):
    """(when the coordinator was asked, the errors that are left)."""
    patience = VirtualClock()
    begun = patience.now()
    coordinator = Coordinator(patience, begun + free_at)
    wait = SimpleNamespace(wait=lambda deadline: patience.advance(deadline - patience.now()))
    call = SimpleNamespace(version=version, now=0, patience=patience, allowed=lambda *_: True, pending=lambda: wait)
    producers = SimpleNamespace(in_transaction=lambda *_: False, is_stale=lambda *_: False, ask=lambda *_: None)
    topic = SimpleNamespace(name="t", partitions=[SimpleNamespace(log=SimpleNamespace(producers=producers))])
    cluster = SimpleNamespace(topics={"t": topic}, topics_by_id={})
    batch = build_batch([Record(0, 0, None, b"v", ())], producer_id=1, producer_epoch=0, base_sequence=0, transactional=True)
    Topic = Produce.Request.TopicData
    request = Produce.Request(
        transactional_id="tid", topic_data=[Topic(name="t", partition_data=[Topic.PartitionData(index=0, records=batch)])]
    )
    configs = SimpleNamespace(settings=parse_broker_settings({name.replace("_", "."): value for name, value in settings.items()}))
    refused = settle(request, call, cluster, configs, coordinator)
    return [at - begun for at in coordinator.asked], [each.error for each in refused.values()]


def test_it_asks_again_every_20_ms():
    assert settled(free_at=50) == ([0, 20, 40, 60], [])


def test_after_100_ms_the_client_must_ask_again():
    assert settled(free_at=10_000) == ([0, 20, 40, 60, 80, 100], [errors.CONCURRENT_TRANSACTIONS])


def test_both_are_configured():
    settings = {"add_partitions_to_txn_retry_backoff_ms": 5, "add_partitions_to_txn_retry_backoff_max_ms": 10}
    assert settled(free_at=10_000, **settings) == ([0, 5, 10], [errors.CONCURRENT_TRANSACTIONS])


@pytest.mark.parametrize("version", [9, 11])
def test_older_producers_ask_themselves(version):
    assert settled(free_at=50, version=version) == ([0], [errors.NOT_ENOUGH_REPLICAS])
