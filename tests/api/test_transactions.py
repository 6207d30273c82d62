"""Transactions over a socket, with what Kafka 4.3.1 answered to the same requests.

Kafka ends a transaction after it has said so: what may be told CONCURRENT_TRANSACTIONS meanwhile is asked again.
"""

import time

import pytest

from tests.api.test_data import batch as plain_batch
from tests.api.test_data import create, fetch, fetch_request, list_offset, until, values
from tests.wire_client import WireClient
from wire import errors
from wire.apis.data import Fetch, ListOffsets, Produce
from wire.apis.groups import OffsetFetch
from wire.apis.metadata import FindCoordinator
from wire.apis.transactions import (
    AddOffsetsToTxn, AddPartitionsToTxn, DescribeProducers, DescribeTransactions, EndTxn, InitProducerId, ListTransactions,
    TxnOffsetCommit, WriteTxnMarkers,
)  # fmt: skip
from wire.records import iter_batches, read_header

_LATER = (errors.NOT_COORDINATOR, errors.COORDINATOR_NOT_AVAILABLE, errors.COORDINATOR_LOAD_IN_PROGRESS)
COMMITTED = 1


def patiently(ask, *later):
    """The answer of `ask()`, once its error code is none of those that mean "ask again"."""
    deadline = time.monotonic() + 20
    while (answer := ask())[0] in (*_LATER, *later):
        assert time.monotonic() < deadline, answer
        time.sleep(0.02)
    return answer


class Txn:
    """One transactional id, and requests of any version in its name."""

    def __init__(self, client, transactional_id, topic):
        self.client, self.tid, self.topic = client, transactional_id, topic
        self.producer_id, self.epoch = -1, -1

    def find(self):
        def ask():
            [found] = self.client.call(FindCoordinator, 4, key_type=1, coordinator_keys=[self.tid]).coordinators
            return found.error_code, found.node_id

        assert patiently(ask) == (errors.NONE, 1)
        return self

    def init(self, version=5, timeout=60_000, expected=(-1, -1), later=(errors.CONCURRENT_TRANSACTIONS,)):
        def ask():
            answer = self.client.call(
                InitProducerId, version, transactional_id=self.tid, transaction_timeout_ms=timeout,
                producer_id=expected[0], producer_epoch=expected[1],
            )  # fmt: skip
            return answer.error_code, answer.producer_id, answer.producer_epoch

        answer = patiently(ask, *later)
        if answer[0] == errors.NONE:
            self.producer_id, self.epoch = answer[1:]
        return answer

    def add(self, *partitions, version=3, topic=None, tid=None, producer_id=None, epoch=None):
        topics = [AddPartitionsToTxn.Request.V3AndBelowTopics(name=topic or self.topic, partitions=partitions)]

        def ask():
            [answer] = self.client.call(
                AddPartitionsToTxn, version, v3_and_below_topics=topics,
                v3_and_below_transactional_id=self.tid if tid is None else tid,
                v3_and_below_producer_id=self.producer_id if producer_id is None else producer_id,
                v3_and_below_producer_epoch=self.epoch if epoch is None else epoch,
            ).results_by_topic_v3_and_below  # fmt: skip
            found = sorted(answer.results_by_partition, key=lambda each: each.partition_index)
            return [each.partition_error_code for each in found]

        return patiently(ask, errors.CONCURRENT_TRANSACTIONS)

    def produce(self, *records, sequence=0, version=12, index=0, epoch=None, tid="", transactional=True):
        data = Produce.Request.TopicData.PartitionData(index=index, records=plain_batch(
            *records, producer_id=self.producer_id, producer_epoch=self.epoch if epoch is None else epoch,
            base_sequence=sequence, transactional=transactional,
        ))  # fmt: skip

        def ask():
            answer = self.client.call(
                Produce, version, transactional_id=self.tid if tid == "" else tid, acks=-1, timeout_ms=1000,
                topic_data=[Produce.Request.TopicData(name=self.topic, partition_data=[data])],
            )  # fmt: skip
            [found] = answer.responses[0].partition_responses
            return found.error_code, found.base_offset, found.log_start_offset, found.error_message

        return patiently(ask, errors.CONCURRENT_TRANSACTIONS, errors.NOT_ENOUGH_REPLICAS)

    def end(self, commit=True, version=5, producer_id=None, epoch=None):
        def ask():
            answer = self.client.call(
                EndTxn, version, transactional_id=self.tid, committed=commit,
                producer_id=self.producer_id if producer_id is None else producer_id,
                producer_epoch=self.epoch if epoch is None else epoch,
            )  # fmt: skip
            return answer.error_code, answer.producer_id, answer.producer_epoch

        return patiently(ask, errors.CONCURRENT_TRANSACTIONS)

    def finish(self, commit=True):
        """End by version 2 and go on with the epoch that it gives."""
        code, self.producer_id, self.epoch = self.end(commit)
        assert code == errors.NONE
        until(lambda: self.describe().transaction_state.startswith("Complete"))

    def describe(self):
        [state] = self.client.call(DescribeTransactions, 0, transactional_ids=[self.tid]).transaction_states
        return state

    def producers(self, index=0):
        """[(epoch, last sequence, first offset of the open transaction)] of its topic's partition."""
        asked = DescribeProducers.Request.Topics(name=self.topic, partition_indexes=[index])
        [partition] = self.client.call(DescribeProducers, 0, topics=[asked]).topics[0].partitions
        return [(each.producer_epoch, each.last_sequence, each.current_txn_start_offset) for each in partition.active_producers]


@pytest.fixture
def topic(client, fresh):
    name = fresh("transactional")
    create(client, name, partitions=2)
    return name


@pytest.fixture
def txn(client, fresh, topic):
    found = Txn(client, fresh("txn"), topic).find()
    assert found.init()[0] == errors.NONE
    return found


def committed_values(client, topic, partition=0, offset=0):
    """(last stable offset, [(producer id, first offset)] of what was aborted, values) of all that may be read."""
    aborted, found, stable = [], [], offset + 1
    while offset < stable:
        got = fetch(client, topic, offset, partition=partition, isolation_level=COMMITTED)
        assert got.error_code == errors.NONE
        stable = got.last_stable_offset
        aborted += [(each.producer_id, each.first_offset) for each in got.aborted_transactions]
        found += values(got)
        for batch in iter_batches(bytes(got.records)):
            offset = read_header(batch).last_offset + 1
    return stable, list(dict.fromkeys(aborted)), found  # a segment ends here and there, and with it a fetch


# -- records ---------------------------------------------------------------------------------------


def test_records_show_when_they_are_committed(client, txn):
    assert txn.produce(b"a", b"b") == (errors.NONE, 0, 0, None)
    got = fetch(client, txn.topic, 0, isolation_level=COMMITTED)
    assert (got.high_watermark, got.last_stable_offset, list(got.aborted_transactions), values(got)) == (2, 0, [], [])
    assert values(fetch(client, txn.topic, 0)) == [b"a", b"b"]
    txn.finish()
    assert committed_values(client, txn.topic) == (3, [], [b"a", b"b"])


def test_aborted_records_are_named(client, txn):
    txn.produce(b"a")
    txn.finish(commit=False)
    txn.produce(b"b")
    txn.finish()
    assert committed_values(client, txn.topic) == (4, [(txn.producer_id, 0)], [b"a", b"b"])
    assert committed_values(client, txn.topic, offset=2) == (4, [], [b"b"])


def test_the_last_stable_offset_is_the_end_for_who_reads_committed(client, txn):
    def ends(timestamp):
        asked = ListOffsets.Request.Topics.Partitions(partition_index=0, timestamp=timestamp)
        topics = [ListOffsets.Request.Topics(name=txn.topic, partitions=[asked])]
        return [
            client.call(ListOffsets, 7, replica_id=-1, isolation_level=level, topics=topics).topics[0].partitions[0].offset
            for level in (0, COMMITTED)
        ]

    txn.produce(b"a")
    assert (ends(-1), ends(0), list_offset(client, txn.topic, -1)[1]) == ([1, 0], [0, -1], 1)
    txn.finish()
    assert (ends(-1), ends(0)) == ([2, 2], [0, 0])


def test_who_waits_for_committed_records_gets_them_with_the_marker(bootstrap, txn):
    txn.produce(b"a")
    with WireClient(bootstrap) as waiting:
        waiting.send(Fetch, 12, **fetch_request(txn.topic, 0, isolation_level=COMMITTED, max_wait_ms=8_000))
        began = time.monotonic()
        txn.produce(b"b", sequence=1)  # more records, none of them stable
        txn.finish()
        answer = waiting.receive(Fetch, 12, waiting._correlation_id)
        assert values(answer.responses[0].partitions[0])[0] == b"a"
        assert time.monotonic() - began < 6


# -- who may write what -----------------------------------------------------------------------------


def test_version_12_adds_partitions_and_earlier_ones_must_have_them_added(txn):
    assert txn.produce(b"a", version=11) == (errors.TRANSACTION_ABORTABLE, -1, -1, None)
    message = "Partition was not added to the transaction"
    assert txn.produce(b"a", version=9) == (errors.INVALID_TXN_STATE, -1, -1, message)
    assert txn.add(0) == [errors.NONE]
    assert txn.produce(b"a", version=9)[0] == errors.NONE
    assert txn.produce(b"a", version=9, index=1)[0] == errors.INVALID_TXN_STATE
    assert txn.produce(b"a", version=12, index=1)[0] == errors.NONE
    assert [(each.topic, sorted(each.partitions)) for each in txn.describe().topics] == [(txn.topic, [0, 1])]


def test_refused_batches(txn):
    assert txn.produce(b"a", tid=None) == (errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, -1, -1, None)
    assert txn.produce(b"a", sequence=5)[:3] == (errors.OUT_OF_ORDER_SEQUENCE_NUMBER, -1, 0)
    assert txn.produce(b"a")[:2] == (errors.NONE, 0)
    assert txn.produce(b"a")[:2] == (errors.NONE, 0)  # a duplicate
    assert txn.produce(b"a", sequence=1, transactional=False)[:3] == (errors.INVALID_TXN_STATE, -1, 0)
    assert txn.produce(b"a", sequence=7)[:3] == (errors.OUT_OF_ORDER_SEQUENCE_NUMBER, -1, 0)
    assert txn.produce(b"a", index=1, epoch=3) == (errors.INVALID_PRODUCER_EPOCH, -1, -1, None)
    assert txn.producers() == [(0, 0, 0)]
    txn.finish()
    assert txn.produce(b"a", sequence=1, epoch=0) == (errors.INVALID_PRODUCER_EPOCH, -1, -1, None)
    txn.producer_id += 1_000_000
    assert txn.produce(b"a") == (errors.INVALID_PRODUCER_ID_MAPPING, -1, -1, None)


def test_partitions_are_added_all_or_none(client, txn):
    assert txn.add(0, 7) == [errors.OPERATION_NOT_ATTEMPTED, errors.UNKNOWN_TOPIC_OR_PARTITION]
    assert txn.describe().transaction_state == "Empty"
    assert txn.add(0, topic="__consumer_offsets") == [errors.TOPIC_AUTHORIZATION_FAILED]
    assert txn.add(0, tid="nobody") == [errors.INVALID_PRODUCER_ID_MAPPING]
    assert txn.add(0, tid="") == [errors.INVALID_REQUEST]
    assert txn.add(0, producer_id=txn.producer_id + 1_000_000) == [errors.INVALID_PRODUCER_ID_MAPPING]
    for version, error in ((0, errors.INVALID_PRODUCER_EPOCH), (1, errors.INVALID_PRODUCER_EPOCH), (2, errors.PRODUCER_FENCED)):
        assert txn.add(0, epoch=9, version=version) == [error]
    for version in range(4):
        assert txn.add(version % 2, version=version) == [errors.NONE]


def test_brokers_ask_for_many_transactions_at_once(client, txn):
    Asked = AddPartitionsToTxn.Request.Transactions

    def ask(verify_only, tid=None):
        asked = Asked(
            transactional_id=tid or txn.tid, producer_id=txn.producer_id, producer_epoch=txn.epoch, verify_only=verify_only,
            topics=[Asked.Topics(name=txn.topic, partitions=[1])],
        )  # fmt: skip
        answer = client.call(AddPartitionsToTxn, 5, transactions=[asked])
        [result] = answer.results_by_transaction
        return answer.error_code, result.topic_results[0].results_by_partition[0].partition_error_code

    assert ask(verify_only=True) == (errors.NONE, errors.TRANSACTION_ABORTABLE)
    assert ask(verify_only=False) == (errors.NONE, errors.NONE)
    assert ask(verify_only=True) == (errors.NONE, errors.NONE)
    assert ask(verify_only=True, tid="nobody") == (errors.NONE, errors.INVALID_PRODUCER_ID_MAPPING)


def test_of_a_transaction_that_is_named_twice_the_last_partitions_count(client, txn):
    Asked = AddPartitionsToTxn.Request.Transactions
    answer = client.call(AddPartitionsToTxn, 5, transactions=[
        Asked(transactional_id=txn.tid, verify_only=True, topics=[Asked.Topics(name=txn.topic, partitions=[index])])
        for index in (0, 9)
    ])  # fmt: skip
    told = [
        [(each.partition_index, each.partition_error_code) for each in topic.results_by_partition]
        for result in answer.results_by_transaction
        for topic in result.topic_results
    ]
    assert told == [[(9, errors.UNKNOWN_TOPIC_OR_PARTITION)]] * 2


def test_what_an_impossible_producer_sends_belongs_to_no_transaction(txn):
    txn.producer_id = -5
    assert txn.produce(b"a", version=9)[:2] == (errors.NONE, 0)


# -- producers -------------------------------------------------------------------------------------


def test_refused_producers(client, txn):
    never = ()
    assert Txn(client, "", txn.topic).init(later=never)[0] == errors.INVALID_REQUEST
    for timeout in (0, 900_001):
        assert txn.init(timeout=timeout) == (errors.INVALID_TRANSACTION_TIMEOUT, -1, -1)
    assert txn.init(expected=(5, -1)) == (errors.INVALID_REQUEST, -1, -1)
    assert txn.init(expected=(txn.producer_id, 7)) == (errors.PRODUCER_FENCED, -1, -1)
    assert txn.init(expected=(txn.producer_id, 7), version=3) == (errors.INVALID_PRODUCER_EPOCH, -1, -1)
    assert txn.init(expected=(txn.producer_id + 1_000_000, 0)) == (errors.PRODUCER_FENCED, -1, -1)


def test_a_new_producer_aborts_and_fences_the_old(client, txn):
    old = txn.producer_id, txn.epoch
    txn.produce(b"lost")
    assert txn.init(later=())[0] == errors.CONCURRENT_TRANSACTIONS
    assert txn.init() == (errors.NONE, old[0], 2)
    assert txn.produce(b"zombie", sequence=1, epoch=0) == (errors.INVALID_PRODUCER_EPOCH, -1, -1, None)
    for version, error in ((5, errors.PRODUCER_FENCED), (2, errors.PRODUCER_FENCED), (1, errors.INVALID_PRODUCER_EPOCH)):
        assert txn.end(epoch=0, version=version) == (error, -1, -1)
    assert txn.init(expected=old)[0] == errors.PRODUCER_FENCED
    assert txn.init(expected=(old[0], 2)) == (errors.NONE, old[0], 3)
    assert txn.init(expected=(old[0], 2)) == (errors.NONE, old[0], 3)
    assert committed_values(client, txn.topic) == (2, [(old[0], 0)], [b"lost"])


def test_the_end_of_a_transaction_may_be_asked_for_again(txn):
    txn.produce(b"a")
    txn.finish()
    mine = txn.producer_id, 1
    assert txn.end(epoch=0) == (errors.NONE, *mine)
    assert txn.end(epoch=0, commit=False) == (errors.INVALID_TXN_STATE, -1, -1)
    assert txn.end() == (errors.INVALID_TXN_STATE, -1, -1)  # the next has not begun
    assert txn.end(commit=False) == (errors.NONE, txn.producer_id, 2)  # which may be aborted all the same
    assert txn.end(producer_id=txn.producer_id + 1_000_000) == (errors.INVALID_PRODUCER_ID_MAPPING, -1, -1)
    assert txn.end(epoch=9) == (errors.PRODUCER_FENCED, -1, -1)


@pytest.mark.parametrize("version", range(5))
def test_earlier_versions_keep_the_epoch(client, txn, version):
    assert txn.end(version=version)[0] == errors.INVALID_TXN_STATE
    for sequence, commit in enumerate((True, False, True)):
        assert txn.add(0) == [errors.NONE]
        assert txn.produce(b"%d" % sequence, sequence=sequence, version=9)[0] == errors.NONE
        assert txn.end(commit, version) == (errors.NONE, -1, -1)
        assert txn.end(commit, version) == (errors.NONE, -1, -1)
        assert txn.end(not commit, version)[0] == errors.INVALID_TXN_STATE
    assert txn.producers() == [(0, 2, -1)]
    assert committed_values(client, txn.topic) == (6, [(txn.producer_id, 2)], [b"0", b"1", b"2"])


# -- offsets ---------------------------------------------------------------------------------------


@pytest.fixture
def group(client, fresh):
    name = fresh("group")

    def ask():
        [found] = client.call(FindCoordinator, 4, key_type=0, coordinator_keys=[name]).coordinators
        return found.error_code, found.node_id

    assert patiently(ask)[0] == errors.NONE
    return name


def commit_offset(txn, group, offset, version=3, index=0, epoch=None, metadata="", **fields):
    Topic = TxnOffsetCommit.Request.Topics
    position = Topic.Partitions(partition_index=index, committed_offset=offset, committed_metadata=metadata)

    def ask():
        answer = txn.client.call(
            TxnOffsetCommit, version, transactional_id=txn.tid, group_id=group, producer_id=txn.producer_id,
            producer_epoch=txn.epoch if epoch is None else epoch, topics=[Topic(name=txn.topic, partitions=[position])], **fields,
        )  # fmt: skip
        return (answer.topics[0].partitions[0].error_code,)

    return patiently(ask, errors.CONCURRENT_TRANSACTIONS)[0]


def add_offsets(txn, group, version=3, epoch=None):
    def ask():
        return (txn.client.call(
            AddOffsetsToTxn, version, transactional_id=txn.tid, producer_id=txn.producer_id,
            producer_epoch=txn.epoch if epoch is None else epoch, group_id=group,
        ).error_code,)  # fmt: skip

    return patiently(ask, errors.CONCURRENT_TRANSACTIONS)[0]


def fetched(txn, group, stable, every=False):
    Group = OffsetFetch.Request.Groups
    topics = None if every else [Group.Topics(name=txn.topic, partition_indexes=[0])]
    [answer] = txn.client.call(OffsetFetch, 8, require_stable=stable, groups=[Group(group_id=group, topics=topics)]).groups
    return [(each.committed_offset, each.error_code) for topic in answer.topics for each in topic.partitions]


UNSTABLE = [(-1, errors.UNSTABLE_OFFSET_COMMIT)]


@pytest.mark.parametrize("version", range(6))
def test_offsets_count_with_their_transaction(txn, group, version):
    if version < 5:
        assert add_offsets(txn, group, min(version, 4)) == errors.NONE
    assert commit_offset(txn, group, 5, version) == errors.NONE
    assert fetched(txn, group, stable=False) == [(-1, errors.NONE)]
    assert fetched(txn, group, stable=True) == UNSTABLE
    txn.finish()
    until(lambda: fetched(txn, group, stable=True) == [(5, errors.NONE)])
    if version < 5:
        add_offsets(txn, group)
    assert commit_offset(txn, group, 9, version) == errors.NONE
    assert fetched(txn, group, stable=False) == [(5, errors.NONE)]
    assert fetched(txn, group, stable=True, every=True) == UNSTABLE
    txn.finish(commit=False)
    until(lambda: fetched(txn, group, stable=True) == [(5, errors.NONE)])


def test_refused_offsets(client, txn, group):
    assert commit_offset(txn, group, 5, version=3) == errors.INVALID_TXN_STATE
    assert commit_offset(txn, group, 5, version=4) == errors.TRANSACTION_ABORTABLE
    assert add_offsets(txn, group, epoch=5) == errors.PRODUCER_FENCED
    assert add_offsets(txn, group, epoch=5, version=1) == errors.INVALID_PRODUCER_EPOCH
    assert add_offsets(txn, group) == errors.NONE
    assert commit_offset(txn, group, 5, generation_id=3, member_id="stranger") == errors.ILLEGAL_GENERATION
    assert commit_offset(txn, group, 5, index=9) == errors.UNKNOWN_TOPIC_OR_PARTITION
    assert commit_offset(txn, group, 5, metadata="x" * 5000) == errors.OFFSET_METADATA_TOO_LARGE
    assert commit_offset(txn, "", 5) == errors.INVALID_GROUP_ID
    for version in (3, 5):
        assert commit_offset(txn, group, 5, version, epoch=4) == errors.INVALID_PRODUCER_EPOCH
    assert commit_offset(txn, group, 5) == errors.NONE
    assert commit_offset(txn, group, 5, generation_id=3, member_id="stranger") == errors.UNKNOWN_MEMBER_ID


def test_an_epoch_that_has_passed_is_refused_where_the_offsets_are_kept(txn, group, fresh):
    assert commit_offset(txn, group, 5, version=5) == errors.NONE
    txn.finish()
    txn.tid = fresh("other")  # its coordinator knows of neither, but is not asked about the first
    assert commit_offset(txn, group, 6, version=5, epoch=txn.epoch - 1) == errors.INVALID_PRODUCER_EPOCH
    assert commit_offset(txn, group, 6, version=5) == errors.INVALID_PRODUCER_ID_MAPPING


# -- tools -----------------------------------------------------------------------------------------


def test_descriptions(client, txn, fresh):
    txn.produce(b"a", index=1)
    state = txn.describe()
    assert (state.error_code, state.transaction_state, state.transaction_timeout_ms) == (errors.NONE, "Ongoing", 60_000)
    assert (state.producer_id, state.producer_epoch) == (txn.producer_id, 0)
    assert abs(state.transaction_start_time_ms / 1000 - time.time()) < 60
    assert [(each.topic, each.partitions) for each in state.topics] == [(txn.topic, [1])]
    assert txn.producers(1) == [(0, 0, 0)]
    states = client.call(DescribeTransactions, 0, transactional_ids=[fresh("nobody"), ""]).transaction_states
    assert [each.error_code for each in states] == [errors.TRANSACTIONAL_ID_NOT_FOUND, errors.INVALID_REQUEST]
    asked = [
        DescribeProducers.Request.Topics(name=name, partition_indexes=[index])
        for name, index in ((fresh("nowhere"), 0), ("bad name!", 0), (txn.topic, 9))
    ]
    answers = [topic.partitions[0] for topic in client.call(DescribeProducers, 0, topics=asked).topics]
    assert [(each.error_code, each.error_message) for each in answers] == [
        (errors.UNKNOWN_TOPIC_OR_PARTITION, "This server does not host this topic-partition."),
        (
            errors.INVALID_TOPIC_EXCEPTION,
            "Topic name is invalid: 'bad name!' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
        ),
        (errors.UNKNOWN_TOPIC_OR_PARTITION, None),
    ]


def test_lists(client, txn):
    def ids(version=2, **filters):
        answer = client.call(ListTransactions, version, **filters)
        return answer.error_code, list(answer.unknown_state_filters), [
            each.transaction_state for each in answer.transaction_states if each.transactional_id == txn.tid
        ]  # fmt: skip

    for version in range(3):
        assert ids(version) == (errors.NONE, [], ["Empty"])
    txn.produce(b"a")
    assert ids(state_filters=["Ongoing", "Nonsense"]) == (errors.NONE, ["Nonsense"], ["Ongoing"])
    assert ids(state_filters=["Empty"]) == (errors.NONE, [], [])
    assert ids(producer_id_filters=[txn.producer_id]) == (errors.NONE, [], ["Ongoing"])
    assert ids(producer_id_filters=[txn.producer_id + 1_000_000]) == (errors.NONE, [], [])
    assert ids(duration_filter=60_000) == (errors.NONE, [], [])
    assert ids(transactional_id_pattern=txn.tid[:-1] + ".+") == (errors.NONE, [], ["Ongoing"])
    assert ids(transactional_id_pattern=txn.tid[:-1]) == (errors.NONE, [], [])
    assert ids(transactional_id_pattern="(") == (errors.INVALID_REGULAR_EXPRESSION, [], [])


def test_markers_written_from_outside(client, txn):
    """What kafka-transactions.sh abort does."""
    Marker = WriteTxnMarkers.Request.Markers

    def write(epoch, coordinator_epoch, commit=False, topic=txn.topic, version=1, transaction_version=0):
        marker = Marker(
            producer_id=txn.producer_id, producer_epoch=epoch, coordinator_epoch=coordinator_epoch, transaction_result=commit,
            topics=[Marker.Topics(name=topic, partition_indexes=[0])], transaction_version=transaction_version,
        )  # fmt: skip
        [answer] = client.call(WriteTxnMarkers, version, markers=[marker]).markers
        assert answer.producer_id == txn.producer_id
        return answer.topics[0].partitions[0].error_code

    txn.produce(b"a")
    assert write(0, 5, version=2, transaction_version=2) == errors.INVALID_PRODUCER_EPOCH
    assert write(0, 5, topic="nowhere") == errors.UNKNOWN_TOPIC_OR_PARTITION
    assert write(0, 5) == errors.NONE
    assert committed_values(client, txn.topic) == (2, [(txn.producer_id, 0)], [b"a"])
    assert write(0, 4) == errors.TRANSACTION_COORDINATOR_FENCED
    for _ in range(2):
        assert write(5, 6, version=2, transaction_version=2) == errors.NONE
    assert write(4, 6) == errors.INVALID_PRODUCER_EPOCH
    assert txn.producers() == [(5, -1, -1)]
    assert txn.describe().transaction_state == "Ongoing"  # the coordinator knows nothing of it
    assert txn.produce(b"b", sequence=1) == (errors.INVALID_PRODUCER_EPOCH, -1, -1, None)


def test_markers_of_nobody_end_nothing(client, topic):
    """Kafka stumbles over a marker without a producer or an epoch, and over its whole request, where a partition is there."""
    Markers = WriteTxnMarkers.Request.Markers

    def write(*producers, index=0):
        topics = [Markers.Topics(name=topic, partition_indexes=[index]), Markers.Topics(name="nobodys", partition_indexes=[])]
        answer = client.call(WriteTxnMarkers, 1, markers=[
            Markers(producer_id=producer_id, producer_epoch=epoch, transaction_result=True, topics=topics) for producer_id, epoch in producers
        ])  # fmt: skip
        return {
            marker.producer_id: [(found.name, each.partition_index, each.error_code) for found in marker.topics for each in found.partitions]
            for marker in answer.markers
        }

    assert write((-1, 1)) == {-1: [(topic, 0, errors.UNKNOWN_SERVER_ERROR)]}
    assert write((77, -1)) == {77: [(topic, 0, errors.UNKNOWN_SERVER_ERROR)]}
    assert write((-1, 1), (78, 0)) == {-1: [(topic, 0, -1)], 78: [(topic, 0, -1)]}
    assert write((-1, 1), index=9) == {-1: [(topic, 9, errors.UNKNOWN_TOPIC_OR_PARTITION)]}
    assert write((79, 0)) == {79: [(topic, 0, errors.NONE)]}
    assert client.call(WriteTxnMarkers, 1, markers=[Markers(producer_id=80, producer_epoch=0)]).markers == []
