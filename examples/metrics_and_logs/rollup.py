"""Makes of the metrics of each second one figure an hour, and keeps that for good. Uses confluent-kafka.

The sums are kept in the compacted topic `metrics.hourly`, by service, name and hour. They and the offsets up to which they go are written in one
transaction, so a roll-up that is started again counts nothing twice.
"""

import json
from collections import defaultdict

from confluent_kafka import Consumer, Producer, TopicPartition

HOUR_MS = 3_600_000
TOPIC = "metrics.hourly"


class Rollup:
    def __init__(self, bootstrap):
        self._consumer = Consumer({
            "bootstrap.servers": bootstrap, "group.id": "rollup", "auto.offset.reset": "earliest", "enable.auto.commit": False,
            "isolation.level": "read_committed", "log_level": 0,
        })  # fmt: skip
        self._producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": "rollup", "log_level": 0})
        self._producer.init_transactions(10)  # from here on, one with the same id that hangs somewhere can write no more
        self._sums = _sums_so_far(bootstrap)
        self._consumer.subscribe(["metrics"])

    def step(self, seconds=0.2):
        """Takes what there is; gives how many values that was."""
        messages = [message for message in self._consumer.consume(5000, seconds) if not message.error()]
        changed = set()
        for message in messages:
            metric = json.loads(message.value())
            hour = message.timestamp()[1] // HOUR_MS
            key = json.dumps([metric["service"], metric["name"], hour])
            count, total, highest = self._sums[key]
            self._sums[key] = count + 1, total + metric["value"], max(highest, metric["value"])
            changed.add(key)
        if messages:
            self._producer.begin_transaction()
            for key in changed:
                self._producer.produce(TOPIC, json.dumps(self._sums[key]), key)
            reached = [TopicPartition(each.topic, each.partition, each.offset) for each in self._consumer.position(self._consumer.assignment())]
            self._producer.send_offsets_to_transaction([each for each in reached if each.offset >= 0], self._consumer.consumer_group_metadata(), 10)
            self._producer.commit_transaction(10)
        return len(messages)

    def close(self):
        self._consumer.close()


def _sums_so_far(bootstrap):
    """{key: (count, total, highest)} as the compacted topic has them."""
    sums = defaultdict(lambda: (0, 0, float("-inf")))
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused", "enable.auto.commit": False,
                         "enable.partition.eof": True, "isolation.level": "read_committed", "log_level": 0})  # fmt: skip
    partitions = consumer.list_topics(TOPIC, timeout=10).topics[TOPIC].partitions
    consumer.assign([TopicPartition(TOPIC, index, 0) for index in partitions])
    ended = set()
    while len(ended) < len(partitions):
        message = consumer.poll(10)
        if message is None:
            raise TimeoutError(f"{TOPIC} could not be read to its end")
        if message.error():
            ended.add(message.partition())
        else:
            sums[message.key().decode()] = tuple(json.loads(message.value()))
    consumer.close()
    return sums
