"""A shop's sign-ins: kept for a week, then forgotten, as the law has it. Uses confluent-kafka.

Who has signed in is in `sign-ins`, for seven days (retention.ms); an archive counts them, and must not be away for longer than that.
"""

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

TOPIC, WEEK_MS = "sign-ins", 7 * 86_400_000
CONFIGS = {"retention.ms": str(WEEK_MS), "segment.ms": str(86_400_000), "message.timestamp.type": "LogAppendTime"}


def set_up(bootstrap):
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    admin.create_topics([NewTopic(TOPIC, 1, 1, config=CONFIGS)])[TOPIC].result(10)


class SignIns:
    def __init__(self, bootstrap):
        self._producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0})

    def add(self, who):
        self._producer.produce(TOPIC, who)
        self._producer.flush(10)


class Archive:
    """Counts sign-ins; says how many it has missed because they were gone before it came."""

    def __init__(self, bootstrap):
        self._consumer = Consumer({
            "bootstrap.servers": bootstrap, "group.id": "archive", "enable.auto.commit": False, "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 50, "log_level": 0,
        })  # fmt: skip
        self._partition = TopicPartition(TOPIC, 0)

    def catch_up(self):
        """(how many sign-ins are new, how many it has missed)."""
        first, end = self._consumer.get_watermark_offsets(self._partition, timeout=10)
        [committed] = self._consumer.committed([self._partition], timeout=10)
        position = max(committed.offset, 0)
        missed = max(first - position, 0)
        self._consumer.assign([TopicPartition(TOPIC, 0, position + missed)])
        taken = 0
        while position + missed + taken < end:
            taken += sum(not message.error() for message in self._consumer.consume(100, 0.1))
        self._consumer.commit(offsets=[TopicPartition(TOPIC, 0, end)], asynchronous=False)
        return taken, missed

    def close(self):
        self._consumer.close()
