"""Produce and Fetch as a client sees them, over a socket."""

import itertools
import time
import uuid

import pytest

from tests.wire_client import WireClient
from wire import errors
from wire.apis.data import DeleteRecords, Fetch, ListOffsets, OffsetForLeaderEpoch, Produce
from wire.apis.metadata import Metadata
from wire.apis.topics import CreateTopics, DeleteTopics
from wire.apis.transactions import InitProducerId
from wire.records import Record, build_batch, iter_records, takes_long

NOW = int(time.time() * 1000) - 60_000  # records of long ago would go with the first look at retention
NOWHERE = f"nowhere-{uuid.uuid4().hex}"


@pytest.fixture
def topic(client, fresh):
    name = fresh("topic")
    create(client, name)
    return name


def create(client, name, partitions=1, **configs):
    configs = [CreateTopics.Request.Topics.Configs(name=key.replace("_", "."), value=str(value)) for key, value in configs.items()]
    asked = CreateTopics.Request.Topics(name=name, num_partitions=partitions, replication_factor=1, configs=configs)
    (made,) = client.call(CreateTopics, 7, topics=[asked], timeout_ms=1000).topics
    assert made.error_code == errors.NONE, made
    # Apache Kafka answers before the partitions have their leader.
    until(lambda: all(list_offset(client, name, -1, partition=index)[0] == errors.NONE for index in range(partitions)))
    return made.topic_id


def until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"


def batch(*values, now=NOW, **options):
    return build_batch([Record(index, now + index, None, value, ()) for index, value in enumerate(values)], **options)


def produce_request(topic, records, partition=0, acks=-1):
    data = Produce.Request.TopicData.PartitionData(index=partition, records=records)
    return {"acks": acks, "timeout_ms": 1000, "topic_data": [Produce.Request.TopicData(name=topic, partition_data=[data])]}


def produce(client, topic, records, partition=0, version=12, **options):
    answer = client.call(Produce, version, **produce_request(topic, records, partition, **options))
    return answer.responses[0].partition_responses[0]


def fetch_request(topic, offset, partition=0, max_bytes=1 << 20, leader_epoch=-1, **options):
    asked = Fetch.Request.Topics.Partitions(
        partition=partition, fetch_offset=offset, partition_max_bytes=max_bytes, current_leader_epoch=leader_epoch
    )
    fields = {"max_wait_ms": 0, "min_bytes": 1, "max_bytes": 1 << 20, "session_epoch": -1}
    return {**fields, **options, "topics": [Fetch.Request.Topics(topic=topic, partitions=[asked])]}


def fetch(client, topic, offset, version=12, **options):
    answer = client.call(Fetch, version, **fetch_request(topic, offset, **options))
    return answer.responses[0].partitions[0]


def values(partition):
    return [bytes(record.value) for record in iter_records(bytes(partition.records))]


@pytest.mark.parametrize("version", range(3, 13))
def test_what_is_produced_is_fetched(client, topic, version):
    answer = produce(client, topic, batch(b"a", b"b"), version=version)
    assert (answer.error_code, answer.base_offset, answer.log_append_time_ms) == (errors.NONE, 0, -1)
    got = fetch(client, topic, 0, version=max(version, 4))
    assert (got.error_code, got.high_watermark, values(got)) == (errors.NONE, 2, [b"a", b"b"])


def test_topic_ids_replace_names(client, fresh):
    topic_id = create(client, fresh("by-id"))
    data = Produce.Request.TopicData.PartitionData(index=0, records=batch(b"a"))
    answer = client.call(
        Produce, 13, acks=1, timeout_ms=1000, topic_data=[Produce.Request.TopicData(topic_id=topic_id, partition_data=[data])]
    )
    assert answer.responses[0].partition_responses[0].error_code == errors.NONE
    fields = fetch_request("", 0)
    for asked, error in ((topic_id, errors.NONE), (bytes(15) + b"\x07", errors.UNKNOWN_TOPIC_ID)):
        fields["topics"][0].topic_id = asked
        (got,) = client.call(Fetch, 18, **fields).responses
        assert (got.topic_id, got.partitions[0].error_code) == (asked, error)


def test_of_a_partition_named_twice_the_last_batch_is_stored_but_what_is_none_is_told(client, topic):
    def produced(*records):
        Topic = Produce.Request.TopicData
        asked = Topic(name=topic, partition_data=[Topic.PartitionData(index=0, records=each) for each in records])
        answer = client.call(Produce, 12, acks=-1, timeout_ms=1000, topic_data=[asked])
        return [(each.error_code, each.base_offset) for each in answer.responses[0].partition_responses]

    assert produced(batch(b"a"), batch(b"b")) == [(errors.NONE, 0)]
    assert produced(b"spoilt", batch(b"c")) == [(errors.INVALID_RECORD, -1)]
    assert produced(batch(b"d"), b"spoilt") == [(errors.INVALID_RECORD, -1)]
    assert values(fetch(client, topic, 0)) == [b"b", b"c", b"d"]


def test_refused_produces(client, topic):
    assert produce(client, NOWHERE, batch(b"a")).error_code == errors.UNKNOWN_TOPIC_OR_PARTITION
    assert produce(client, topic, batch(b"a"), partition=1).error_code == errors.UNKNOWN_TOPIC_OR_PARTITION
    assert produce(client, topic, batch(b"a"), acks=2).error_code == errors.INVALID_REQUIRED_ACKS
    spoiled = bytearray(batch(b"a"))
    spoiled[-1] ^= 1
    assert produce(client, topic, bytes(spoiled)).error_code == errors.CORRUPT_MESSAGE
    large = produce(client, topic, batch(b"x" * 1_100_000))
    assert (large.error_code, large.error_message, large.log_start_offset) == (errors.MESSAGE_TOO_LARGE, None, -1)
    assert fetch(client, topic, 0).high_watermark == 0


def test_a_large_batch_goes_through_uncopied(client, topic):
    big = bytes(range(256)) * 4000
    assert produce(client, topic, batch(big)).base_offset == 0
    assert values(fetch(client, topic, 0, max_bytes=1)) == [big]


def test_acks_0_gets_no_answer_and_a_closed_connection_on_error(bootstrap, topic):
    with WireClient(bootstrap) as client:
        client.send(Produce, 9, **produce_request(topic, batch(b"a"), acks=0))
        assert values(fetch(client, topic, 0)) == [b"a"]
        client.send(Produce, 9, **produce_request(NOWHERE, batch(b"a"), acks=0))
        with pytest.raises(ConnectionError):
            fetch(client, topic, 0)


def test_no_more_replicas_need_be_in_sync_than_there_are(client, fresh):
    topic = fresh("two-wanted")
    create(client, topic, min_insync_replicas=2)
    assert produce(client, topic, batch(b"a"), acks=-1).error_code == errors.NONE


def test_nobody_writes_to_an_internal_topic(client):
    client.call(Metadata, 9, topics=[Metadata.Request.Topics(name="__consumer_offsets")], allow_auto_topic_creation=True)
    assert produce(client, "__consumer_offsets", batch(b"a")).error_code == errors.INVALID_TOPIC_EXCEPTION


def test_a_long_poll_ends_when_something_comes(bootstrap, client, topic):
    with WireClient(bootstrap) as waiting:
        sent = waiting.send(Fetch, 12, **fetch_request(topic, 0, max_wait_ms=60_000))
        produce(client, topic, batch(b"a"))
        answer = waiting.receive(Fetch, 12, sent)
        assert values(answer.responses[0].partitions[0]) == [b"a"]


def test_a_long_poll_waits_for_min_bytes(bootstrap, client, topic):
    with WireClient(bootstrap) as waiting:
        one = batch(b"x" * 100)
        sent = waiting.send(Fetch, 12, **fetch_request(topic, 0, max_wait_ms=60_000, min_bytes=3 * len(one)))
        for _ in range(3):
            produce(client, topic, one)
        answer = waiting.receive(Fetch, 12, sent)
        assert len(values(answer.responses[0].partitions[0])) == 3


def test_a_long_poll_ends_with_its_time(client, topic):
    assert fetch(client, topic, 0, max_wait_ms=30).error_code == errors.NONE


def test_a_long_poll_ends_with_its_topic(bootstrap, client, topic):
    with WireClient(bootstrap) as waiting:
        sent = waiting.send(Fetch, 12, **fetch_request(topic, 0, max_wait_ms=60_000))
        client.call(DeleteTopics, 5, topic_names=[topic], timeout_ms=1000)
        answer = waiting.receive(Fetch, 12, sent)
        assert answer.responses[0].partitions[0].error_code == errors.UNKNOWN_TOPIC_OR_PARTITION


def test_fetch_errors(client, topic):
    produce(client, topic, batch(b"a"))
    assert fetch(client, topic, 2).error_code == errors.OFFSET_OUT_OF_RANGE
    assert fetch(client, NOWHERE, 0).error_code == errors.UNKNOWN_TOPIC_OR_PARTITION
    assert fetch(client, topic, 0, partition=9).error_code == errors.UNKNOWN_TOPIC_OR_PARTITION
    assert fetch(client, topic, 0, leader_epoch=1).error_code == errors.UNKNOWN_LEADER_EPOCH
    assert fetch(client, topic, 0, leader_epoch=0).error_code == errors.NONE


def test_the_first_batch_comes_whole_and_the_response_stays_below_its_limit(client, fresh):
    topic = fresh("limits")
    create(client, topic, partitions=3)
    one = batch(b"x" * 1000)
    for partition in range(3):
        produce(client, topic, one, partition=partition)
    asked = [Fetch.Request.Topics.Partitions(partition=index, partition_max_bytes=10) for index in range(3)]
    answer = client.call(
        Fetch, 12, max_wait_ms=0, min_bytes=1, max_bytes=1, session_epoch=-1, topics=[Fetch.Request.Topics(topic=topic, partitions=asked)]
    )
    assert [len(partition.records) for partition in answer.responses[0].partitions] == [len(one), 0, 0]


# -- sessions (KIP-227) -----------------------------------------------------------------------------


def test_an_incremental_session_tells_only_what_is_new(client, fresh):
    topic = fresh("session")
    create(client, topic, partitions=2)
    asked = [Fetch.Request.Topics.Partitions(partition=index, partition_max_bytes=1000) for index in range(2)]
    topics = [Fetch.Request.Topics(topic=topic, partitions=asked)]

    def go_on(epoch, topics=(), **options):
        return client.call(Fetch, 12, max_wait_ms=0, min_bytes=1, max_bytes=1000, session_id=session, session_epoch=epoch, topics=topics, **options)

    first = client.call(Fetch, 12, max_wait_ms=0, min_bytes=1, max_bytes=1000, session_epoch=0, topics=topics)
    session = first.session_id
    assert session > 0 and len(first.responses[0].partitions) == 2
    assert go_on(1).responses == []
    produce(client, topic, batch(b"a"), partition=1)
    (changed,) = go_on(2).responses
    assert [(got.partition_index, values(got)) for got in changed.partitions] == [(1, [b"a"])]
    asked[1].fetch_offset = 1
    moved = [Fetch.Request.Topics(topic=topic, partitions=asked[1:])]
    assert go_on(3, moved).responses == []
    assert go_on(3).error_code == errors.INVALID_FETCH_SESSION_EPOCH
    produce(client, topic, batch(b"b"), partition=1)
    forgotten = [Fetch.Request.ForgottenTopicsData(topic=topic, partitions=[1])]
    assert go_on(4, forgotten_topics_data=forgotten).responses == []
    assert client.call(Fetch, 12, session_id=session + 1, session_epoch=1, max_bytes=1000).error_code == errors.FETCH_SESSION_ID_NOT_FOUND
    client.call(Fetch, 12, session_id=session, session_epoch=-1, max_bytes=1000)
    assert go_on(5).error_code == errors.FETCH_SESSION_ID_NOT_FOUND


def test_a_session_remembers_what_a_topic_id_was_called(client, fresh):
    """So the topic's end, and another of its name, look otherwise there than to who asks by an id that has never been."""
    name = fresh("again")
    topic_id = create(client, name)

    def fetched(session_id, epoch):
        asked = fetch_request("", 0, session_id=session_id, session_epoch=epoch)
        asked["topics"][0].topic_id = topic_id
        if epoch:
            asked["topics"] = []
        answer = client.call(Fetch, 18, **asked)
        return answer.session_id, [partition.error_code for topic in answer.responses for partition in topic.partitions]

    session_id, found = fetched(0, 0)
    assert session_id and found == [errors.NONE]
    assert fetched(session_id, 1)[1] == []
    assert client.call(DeleteTopics, 6, topics=[DeleteTopics.Request.Topics(name=name)], timeout_ms=5000).responses[0].error_code == errors.NONE
    epochs = itertools.count(2)
    until(lambda: fetched(session_id, next(epochs))[1] == [errors.UNKNOWN_TOPIC_OR_PARTITION])
    assert fetched(0, 0)[1] == [errors.UNKNOWN_TOPIC_ID]
    assert create(client, name) != topic_id
    until(lambda: fetched(session_id, next(epochs))[1] == [errors.INCONSISTENT_TOPIC_ID])


def test_a_session_that_forgets_all_ends_with_an_answer_to_what_was_asked_last(client, topic):
    asked = [Fetch.Request.Topics(topic=topic, partitions=[Fetch.Request.Topics.Partitions(partition=0, partition_max_bytes=1000)])]
    forgotten = [Fetch.Request.ForgottenTopicsData(topic=topic, partitions=[0])]
    first = client.call(Fetch, 12, max_wait_ms=0, max_bytes=1000, session_epoch=0, topics=asked)
    last = client.call(
        Fetch, 12, max_wait_ms=0, max_bytes=1000, session_id=first.session_id, session_epoch=1, topics=asked, forgotten_topics_data=forgotten
    )
    assert (last.session_id, [each.partition_index for each in last.responses[0].partitions]) == (0, [0])


# -- offsets ----------------------------------------------------------------------------------------


def list_offset(client, topic, timestamp, version=11, partition=0, isolation_level=0):
    asked = ListOffsets.Request.Topics.Partitions(partition_index=partition, timestamp=timestamp)
    (got,) = client.call(ListOffsets, version, replica_id=-1, isolation_level=isolation_level, topics=[ListOffsets.Request.Topics(name=topic, partitions=[asked])]).topics
    found = got.partitions[0]
    return found.error_code, found.offset, found.timestamp


def test_the_end_asked_for_again_and_again_is_the_end_by_then(client, topic):
    for end in range(3):
        for version in (3, 4, 11):
            for isolation_level in (0, 1):
                for _ in range(2):
                    assert list_offset(client, topic, -1, version, isolation_level=isolation_level)[:2] == (errors.NONE, end)
        produce(client, topic, batch(b"a"))
    assert list_offset(client, topic, -1, partition=7)[0] == errors.UNKNOWN_TOPIC_OR_PARTITION
    assert list_offset(client, topic, -1, partition=-1)[0] == errors.UNKNOWN_TOPIC_OR_PARTITION
    assert list_offset(client, topic, -2)[:2] == (errors.NONE, 0)
    Topics = ListOffsets.Request.Topics
    asked = [Topics(name=topic, partitions=[Topics.Partitions(partition_index=0, timestamp=-1)]), Topics(name=NOWHERE, partitions=[])]
    [answer] = client.call(ListOffsets, 9, replica_id=-1, topics=asked).topics  # where none is named, none is told
    assert (answer.name, answer.partitions[0].offset) == (topic, 3)
    create(client, topic_again := f"{topic}-again")
    assert list_offset(client, topic_again, -1)[:2] == (errors.NONE, 0)


def test_list_offsets(client, topic):
    assert list_offset(client, topic, -3) == (errors.NONE, -1, -1)
    produce(client, topic, batch(b"a", b"b", b"c"))
    assert list_offset(client, topic, -2) == (errors.NONE, 0, -1)
    assert list_offset(client, topic, -1) == (errors.NONE, 3, -1)
    assert list_offset(client, topic, -3) == (errors.NONE, 2, NOW + 2)
    assert list_offset(client, topic, NOW + 1) == (errors.NONE, 1, NOW + 1)
    assert list_offset(client, topic, NOW + 3) == (errors.NONE, -1, -1)
    assert list_offset(client, topic, -3, version=6)[0] == errors.UNSUPPORTED_VERSION
    assert list_offset(client, NOWHERE, -1)[0] == errors.UNKNOWN_TOPIC_OR_PARTITION


def test_delete_records(client, topic):
    produce(client, topic, batch(b"a", b"b", b"c"))

    def delete(offset):
        asked = DeleteRecords.Request.Topics.Partitions(partition_index=0, offset=offset)
        (got,) = client.call(DeleteRecords, 2, timeout_ms=1000, topics=[DeleteRecords.Request.Topics(name=topic, partitions=[asked])]).topics
        return got.partitions[0].error_code, got.partitions[0].low_watermark

    assert delete(2) == (errors.NONE, 2)
    assert list_offset(client, topic, -2) == (errors.NONE, 2, -1)
    assert fetch(client, topic, 1).error_code == errors.OFFSET_OUT_OF_RANGE
    assert delete(4) == (errors.OFFSET_OUT_OF_RANGE, -1)
    assert delete(-1) == (errors.NONE, 3)


def test_offset_for_leader_epoch(client, topic):
    produce(client, topic, batch(b"a", b"b"))

    def ask(epoch, current=-1):
        asked = OffsetForLeaderEpoch.Request.Topics.Partitions(partition=0, leader_epoch=epoch, current_leader_epoch=current)
        (got,) = client.call(OffsetForLeaderEpoch, 4, topics=[OffsetForLeaderEpoch.Request.Topics(topic=topic, partitions=[asked])]).topics
        return got.partitions[0].error_code, got.partitions[0].leader_epoch, got.partitions[0].end_offset

    assert ask(0) == (errors.NONE, 0, 2)
    assert ask(1) == (errors.NONE, -1, -1)
    assert ask(0, current=1) == (errors.UNKNOWN_LEADER_EPOCH, -1, -1)


# -- idempotence ------------------------------------------------------------------------------------


def test_an_idempotent_producer(client, topic):
    answer = client.call(InitProducerId, 5, transactional_id=None, transaction_timeout_ms=1000, producer_id=-1, producer_epoch=-1)
    assert (answer.error_code, answer.producer_epoch) == (errors.NONE, 0)

    def send(sequence):
        return produce(client, topic, batch(b"a", producer_id=answer.producer_id, producer_epoch=0, base_sequence=sequence))

    assert send(0).base_offset == 0
    assert send(1).base_offset == 1
    assert send(0).base_offset == 0
    gap = send(3)
    assert (gap.error_code, gap.error_message, gap.log_start_offset) == (errors.OUT_OF_ORDER_SEQUENCE_NUMBER, None, 0)
    assert fetch(client, topic, 0).high_watermark == 2


@pytest.mark.parametrize("compression", [0, 4])
def test_a_batch_of_very_many_records_is_checked_aside(client, topic, compression):
    records = batch(*[b"%d" % index for index in range(30_000)], compression=compression)
    assert takes_long(records)
    assert produce(client, topic, records).base_offset == 0
    assert produce(client, topic, records).base_offset == 30_000
    spoiled = bytearray(batch(*[b"%d" % index for index in range(30_000)]))
    spoiled[-1] ^= 1
    assert produce(client, topic, bytes(spoiled)).error_code == errors.CORRUPT_MESSAGE
    assert fetch(client, topic, 0).high_watermark == 60_000


def test_a_request_of_many_megabytes(client, fresh):
    topic = fresh("many")
    create(client, topic, partitions=20)
    one = batch(b"x" * 1_000_000)
    parts = [Produce.Request.TopicData.PartitionData(index=index, records=one) for index in range(20)]
    (answer,) = client.call(Produce, 9, acks=1, timeout_ms=1000, topic_data=[Produce.Request.TopicData(name=topic, partition_data=parts)]).responses
    answers = sorted((got.index, got.error_code, got.base_offset) for got in answer.partition_responses)
    assert answers == [(index, 0, 0) for index in range(20)]
    assert values(fetch(client, topic, 0, partition=19, max_bytes=1)) == [b"x" * 1_000_000]
