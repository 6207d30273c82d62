"""Compaction over a socket: what Kafka 4.3.1 leaves of the same batches, one by one. Its cleaner looks all the time here."""

import pytest

from tests.api.compacted import Compacted, calm, hurry
from tests.api.test_data import list_offset, until


@pytest.fixture
def compacted(client, fresh):
    hurry(client)
    yield lambda **configs: Compacted(client, fresh("compacted"), **configs)
    calm(client)  # other tests share the cluster


def test_the_last_record_of_each_key_stays_where_it_was(compacted):
    topic = compacted()
    topic.put((b"a", b"1"), (b"b", b"1"), (b"c", b"1"))
    topic.put_each("a2 b2").clean()
    assert topic.seen() == ["0-2:1 2=c1", "3-3:1 3=a2", "4-4:1 4=b2", "6-6:1 6=~2", "7-7:1 7=~roll"]
    topic.put((b"b", b"3"), (b"d", None))
    topic.clean()
    assert topic.seen() == [
        "0-2:1 2=c1", "3-3:1 3=a2", "7-7:1 7=~roll", "8-9:2H 8=b3 9=d-", "11-11:1 11=~2", "12-12:1 12=~roll",
    ]  # fmt: skip


def test_tombstones_without_a_time_to_stay_go_in_the_second_round(compacted):
    topic = compacted(delete_retention_ms=0)
    topic.put((b"a", None), (b"b", b"1"))
    topic.put_each("c-").clean()
    print(topic.seen())
    topic.clean()
    assert topic.seen() == ["0-1:1H 1=b1", "5-5:1 5=~roll", "7-7:1 7=~2", "8-8:1 8=~roll"]


def test_aborted_records_go_and_markers_when_nothing_is_left_of_their_transaction(compacted, fresh):
    topic = compacted(delete_retention_ms=0)
    txn = topic.producer(fresh("txn"))
    topic.put_each("a1 b1")

    def transaction(commit, *pairs):
        topic.put(*pairs, txn=txn, sequence=0)
        txn.finish(commit=commit)
        until(lambda: list_offset(topic.client, topic.name, -1, isolation_level=1) == list_offset(topic.client, topic.name, -1))

    transaction(False, (b"a", b"2"), (b"d", b"2"))
    transaction(True, (b"b", b"3"), (b"e", None))
    topic.clean()
    assert topic.seen() == ["0-0:1 0=a1", "4-4:1CT", "5-6:2TH 5=b3 6=e-", "7-7:1CT", "9-9:1 9=~2", "10-10:1 10=~roll"]
    topic.put_each("b4 e4").clean()
    assert topic.seen()[:4] == ["0-0:1 0=a1", "4-4:1CTH", "7-7:1CT", "10-10:1 10=~roll"]
    topic.put_each("b5").clean()
    assert topic.seen()[:3] == ["0-0:1 0=a1", "7-7:1CTH", "12-12:1 12=e4"]
    topic.put_each("b6").clean()
    assert topic.seen()[:3] == ["0-0:1 0=a1", "7-7:0CT", "12-12:1 12=e4"]  # the last that is known of its producer
