"""Has mails sent, and hears when they are out. Uses kafka-python."""

import json

from kafka import KafkaConsumer, KafkaProducer


class Shop:
    def __init__(self, bootstrap):
        self._producer = KafkaProducer(bootstrap_servers=bootstrap)
        self._replies = KafkaConsumer("mails.replies", bootstrap_servers=bootstrap, auto_offset_reset="earliest")

    def ask(self, mail, to):
        """Returns when Kafka has it: the mail will be sent, whoever is up now."""
        self._producer.send("mails", json.dumps(mail).encode(), to.encode(), headers=[("reply_to", b"mails.replies")]).get(10)

    def replies(self, count):
        """The next so many, by id."""
        replies = [json.loads(next(self._replies).value) for _ in range(count)]
        return {reply["id"]: reply["status"] for reply in sorted(replies, key=lambda reply: reply["id"])}

    def close(self):
        self._producer.close()
        self._replies.close()
