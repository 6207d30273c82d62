"""What a KRaft broker's metadata log says of topics and configs: for a log.dirs that was copied here as a whole.

Source: org.apache.kafka.raft.internals.KafkaRaftLog, Snapshots of Kafka 4.3.1.
"""

import os
import re

from emulator.state.cluster import names
from wire.internal.cluster_metadata import ConfigRecord, ProducerIdsRecord, RemoveTopicRecord, TopicRecord, parse_metadata_record
from wire.records import iter_records

DIRECTORY = f"{names.CLUSTER_METADATA}-0"
_SNAPSHOT = re.compile(r"(\d{20})-\d{10}\.checkpoint\Z")
_SEGMENT = re.compile(r"(\d{20})\.log\Z")
_TOPIC, _BROKER, _GROUP = 2, 4, 32  # types of config resources


class KafkaMetadata:
    """`configs(topic name, topic id)`, `brokers` ({node id as text, "" for all: {config: text}}), `groups`, `next_producer_id`.

    Reads the newest snapshot in `path` and the segments after it. Raises OSError, and KafkaError or ValueError for what
    cannot be read.
    """

    def __init__(self, path):
        self.brokers, self.groups = {}, {}
        self.next_producer_id = 0
        self._topics = {}  # topic id -> name
        self._configs = {}  # topic name -> {config: text}
        entries = sorted(os.listdir(path))
        begins = -1
        for name in entries[::-1]:
            if found := _SNAPSHOT.match(name):
                begins = int(found[1])
                self._read(os.path.join(path, name), -1)
                break
        for name in entries:
            if _SEGMENT.match(name):
                self._read(os.path.join(path, name), begins)

    def configs(self, name, topic_id):
        """{config: text} of a topic, None when it is not this log's."""
        return self._configs.get(name, {}) if self._topics.get(topic_id) == name else None

    def _read(self, path, begins):
        with open(path, "rb") as file:
            data = file.read()
        for record in iter_records(data):
            if record.offset >= begins and record.value is not None:
                parsed = parse_metadata_record(bytes(record.value))
                if parsed is not None:
                    self._take(*parsed)

    def _take(self, kind, record):
        if kind is TopicRecord:
            self._topics[record.topic_id] = record.name
        elif kind is RemoveTopicRecord:
            self._configs.pop(self._topics.pop(record.topic_id, None), None)
        elif kind is ProducerIdsRecord:
            self.next_producer_id = record.next_producer_id
        elif kind is ConfigRecord:
            tables = {_TOPIC: self._configs, _BROKER: self.brokers, _GROUP: self.groups}
            table = tables.get(record.resource_type)
            if table is not None:
                configs = table.setdefault(record.resource_name, {})
                if record.value is None:
                    configs.pop(record.name, None)
                else:
                    configs[record.name] = record.value
