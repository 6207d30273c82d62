"""Tells Kafka what changes in a database: SQLite's triggers note each change, and this sends them on. Uses confluent-kafka.

The note is in the transaction of the change, so no change goes untold and none is told that was rolled back.
"""

import json

from confluent_kafka import Producer

TOPIC = "accounts"

TABLES = """
CREATE TABLE IF NOT EXISTS accounts (id INTEGER PRIMARY KEY, owner TEXT NOT NULL, balance INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS changes (number INTEGER PRIMARY KEY AUTOINCREMENT, id INTEGER NOT NULL, account TEXT);
CREATE TRIGGER IF NOT EXISTS made AFTER INSERT ON accounts BEGIN
    INSERT INTO changes (id, account) VALUES (new.id, json_object('owner', new.owner, 'balance', new.balance)); END;
CREATE TRIGGER IF NOT EXISTS changed AFTER UPDATE ON accounts BEGIN
    INSERT INTO changes (id, account) VALUES (new.id, json_object('owner', new.owner, 'balance', new.balance)); END;
CREATE TRIGGER IF NOT EXISTS gone AFTER DELETE ON accounts BEGIN
    INSERT INTO changes (id, account) VALUES (old.id, NULL); END;
"""


class Publisher:
    def __init__(self, bootstrap, database):
        self._database = database
        # Idempotent: what is sent again after an error is there once, and in order.
        self._producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "log_level": 0})

    def publish(self):
        """Sends all changes that are noted; gives how many. Those that Kafka does not take stay noted."""
        sent, refused = [], []

        def told(error, message):
            if error:
                refused.append(error)

        for number, id, account in self._database.execute("SELECT number, id, account FROM changes ORDER BY number").fetchall():
            key = json.dumps({"id": id})
            self._producer.produce(TOPIC, account, key, on_delivery=told)  # of an account that is gone: a key without a value
            self._producer.poll(0)
            sent.append(number)
        if self._producer.flush(10) or refused:
            raise RuntimeError(f"changes are not all published, and stay noted: {refused or 'nobody answers'}")
        with self._database:
            self._database.execute("DELETE FROM changes WHERE number <= ?", [max(sent, default=0)])
        return len(sent)
