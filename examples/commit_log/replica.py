"""A copy of the accounts, made of nothing but the topic: kafka-python reads it into another SQLite database.

How far it has read is in the database, too, and changes in the transaction of what was read: after a crash it goes on
exactly there. (A group's committed offset would be somewhere else, and so before or after.)

    python replica.py BOOTSTRAP DATABASE
"""

import json
import sqlite3
import sys

from kafka import KafkaConsumer, TopicPartition

TOPIC = "accounts"


class Replica:
    def __init__(self, bootstrap, path):
        self.database = sqlite3.connect(path)
        self.database.executescript("""
            CREATE TABLE IF NOT EXISTS accounts (id INTEGER PRIMARY KEY, owner TEXT NOT NULL, balance INTEGER NOT NULL);
            CREATE TABLE IF NOT EXISTS positions (topic_partition INTEGER PRIMARY KEY, next_offset INTEGER NOT NULL);
        """)
        self._consumer = KafkaConsumer(bootstrap_servers=bootstrap, max_poll_records=500)
        self.partitions = [TopicPartition(TOPIC, index) for index in sorted(self._consumer.partitions_for_topic(TOPIC))]
        self._consumer.assign(self.partitions)
        known = dict(self.database.execute("SELECT topic_partition, next_offset FROM positions"))
        self.begun_at = sum(known.values())
        for each in self.partitions:
            self._consumer.seek(each, known.get(each.partition, 0))

    def catch_up(self):
        """Applies all that there is by now; gives how many records that were."""
        ends, applied = self._consumer.end_offsets(self.partitions), 0
        while any(self._consumer.position(each) < end for each, end in ends.items()):
            applied += self.step()
        return applied

    def step(self):
        polled = self._consumer.poll(timeout_ms=100)
        with self.database:
            for records in polled.values():
                for record in records:
                    self._apply(record)
            for each in polled:
                self.database.execute("REPLACE INTO positions VALUES (?, ?)", [each.partition, self._consumer.position(each)])
        return sum(map(len, polled.values()))

    def _apply(self, record):
        id = json.loads(record.key)["id"]
        if record.value is None:
            self.database.execute("DELETE FROM accounts WHERE id = ?", [id])
        else:
            account = json.loads(record.value)
            self.database.execute("REPLACE INTO accounts VALUES (?, ?, ?)", [id, account["owner"], account["balance"]])

    def close(self):
        self._consumer.close()
        self.database.close()


if __name__ == "__main__":
    replica = Replica(*sys.argv[1:])
    while True:
        replica.step()
