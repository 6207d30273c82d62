"""What tests of a server on disk ask over the socket, in few words."""

from tests.wire_client import WireClient
from wire import errors
from wire.apis.configs import IncrementalAlterConfigs
from wire.apis.data import DeleteRecords, Fetch, Produce
from wire.apis.groups import OffsetCommit, OffsetFetch
from wire.apis.metadata import FindCoordinator, Metadata
from wire.apis.topics import CreateTopics, DeleteTopics
from wire.apis.transactions import InitProducerId
from wire.records import Record, build_batch, iter_records

NOW = 1_700_000_000_000


class Client(WireClient):
    """Each method is one request; what it must not be refused is asserted."""

    def create(self, name, partitions=1, **configs):
        """The topic's id."""
        configs = [CreateTopics.Request.Topics.Configs(name=key.replace("_", "."), value=str(value)) for key, value in configs.items()]
        asked = CreateTopics.Request.Topics(name=name, num_partitions=partitions, replication_factor=1, configs=configs)
        (made,) = self.call(CreateTopics, 7, topics=[asked], timeout_ms=1000).topics
        assert made.error_code == errors.NONE, made
        return made.topic_id

    def delete(self, name):
        (gone,) = self.call(DeleteTopics, 5, topic_names=[name], timeout_ms=1000).responses
        assert gone.error_code == errors.NONE, gone

    def topics(self):
        """{name: Topics of Metadata}"""
        return {topic.name: topic for topic in self.call(Metadata, 12, topics=None).topics}

    def produce(self, topic, *values, partition=0, acks=-1, transactional_id=None, **producer):
        """PartitionResponses of one batch."""
        records = [Record(index, NOW + index, None, value, ()) for index, value in enumerate(values)]
        data = Produce.Request.TopicData.PartitionData(index=partition, records=build_batch(records, transactional=transactional_id is not None, **producer))
        topics = [Produce.Request.TopicData(name=topic, partition_data=[data])]
        request = {"transactional_id": transactional_id, "acks": acks, "timeout_ms": 10_000, "topic_data": topics}
        return self.call(Produce, 9, **request).responses[0].partition_responses[0]

    def fetch(self, topic, offset=0, partition=0, isolation_level=0):
        """Partitions of Fetch."""
        asked = Fetch.Request.Topics.Partitions(partition=partition, fetch_offset=offset, partition_max_bytes=1 << 24)
        topics = [Fetch.Request.Topics(topic=topic, partitions=[asked])]
        answer = self.call(
            Fetch, 12, max_wait_ms=0, min_bytes=1, max_bytes=1 << 24, session_epoch=-1, isolation_level=isolation_level, topics=topics
        )
        return answer.responses[0].partitions[0]

    def values(self, topic, partition=0):
        """All there are, in order of their offsets, which have no gap (but for markers)."""
        found, offset = [], 0
        while True:
            answer = self.fetch(topic, offset, partition)
            assert answer.error_code == errors.NONE, answer
            records = list(iter_records(bytes(answer.records)))
            if not records:
                return found
            found += [bytes(record.value) for record in records if record.offset >= offset]
            offset = records[-1].offset + 1

    def delete_records(self, topic, offset, partition=0):
        asked = DeleteRecords.Request.Topics.Partitions(partition_index=partition, offset=offset)
        topics = [DeleteRecords.Request.Topics(name=topic, partitions=[asked])]
        return self.call(DeleteRecords, 2, topics=topics, timeout_ms=1000).topics[0].partitions[0].low_watermark

    def alter(self, kind, name, **configs):
        Resource = IncrementalAlterConfigs.Request.Resources
        changes = [Resource.Configs(name=key.replace("_", "."), config_operation=0, value=str(value)) for key, value in configs.items()]
        (done,) = self.call(
            IncrementalAlterConfigs, 1, resources=[Resource(resource_type=kind, resource_name=name, configs=changes)], validate_only=False
        ).responses
        assert done.error_code == errors.NONE, done

    def producer_id(self, transactional_id=None):
        """(producer id, epoch)"""
        answer = self.patiently(InitProducerId, 4, transactional_id=transactional_id, transaction_timeout_ms=60_000)
        assert answer.error_code == errors.NONE, answer
        return answer.producer_id, answer.producer_epoch

    def find_coordinator(self, key, kind=0):
        assert self.call(FindCoordinator, 3, key=key, key_type=kind).error_code == errors.NONE

    def commit(self, group, topic, offset, partition=0):
        Topics = OffsetCommit.Request.Topics
        asked = Topics(name=topic, partitions=[Topics.Partitions(partition_index=partition, committed_offset=offset)])
        answer = self.call(OffsetCommit, 8, group_id=group, member_id="", generation_id_or_member_epoch=-1, topics=[asked])
        return answer.topics[0].partitions[0].error_code

    def committed(self, group, topic, partition=0):
        Topics = OffsetFetch.Request.Topics
        answer = self.patiently(OffsetFetch, 7, group_id=group, topics=[Topics(name=topic, partition_indexes=[partition])])
        assert answer.error_code == errors.NONE, answer
        return answer.topics[0].partitions[0].committed_offset

    def patiently(self, api, version, **fields):
        """Asked again while a coordinator is being loaded."""
        for _ in range(10_000):
            answer = self.call(api, version, **fields)
            if answer.error_code not in (errors.COORDINATOR_LOAD_IN_PROGRESS, errors.CONCURRENT_TRANSACTIONS):
                break
        return answer
