"""Sends mails that others ask for over Kafka: a worker, of which there may be any number. Uses confluent-kafka.

A request is JSON under the key of whom it is for. Each is answered in the topic that its header `reply_to` names, once the mail is
out; what makes no sense goes to `mails.dead` with the reason.
"""

import json
import sqlite3
import threading

from confluent_kafka import Consumer, KafkaException, Producer


class Sent:
    """Which mails are out: who gets a request again, after a crash, must not send its mail again."""

    def __init__(self, path):
        self._database = sqlite3.connect(path, timeout=10, check_same_thread=False)
        self._database.execute("CREATE TABLE IF NOT EXISTS sent (id PRIMARY KEY)")

    def __contains__(self, id):
        return self._database.execute("SELECT 1 FROM sent WHERE id = ?", [id]).fetchone() is not None

    def add(self, id):
        with self._database:
            self._database.execute("INSERT INTO sent VALUES (?)", [id])


class Mailer(threading.Thread):
    def __init__(self, bootstrap, post, sent, session_timeout_ms=6000):
        super().__init__(daemon=True)
        self._post, self._sent, self._stopping = post, sent, threading.Event()
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, "log_level": 0})
        # Offsets are committed by hand, when the work is done: what a worker that dies had taken goes to another.
        self._consumer = Consumer({
            "bootstrap.servers": bootstrap, "group.id": "mailers", "enable.auto.commit": False, "auto.offset.reset": "earliest",
            "session.timeout.ms": session_timeout_ms, "heartbeat.interval.ms": session_timeout_ms // 5, "log_level": 0,
        })  # fmt: skip

    def run(self):
        self._consumer.subscribe(["mails"])
        while not self._stopping.is_set():
            message = self._consumer.poll(0.1)
            if message is None or message.error():
                continue
            self._handle(message)
            try:
                self._consumer.commit(message, asynchronous=False)
            except KafkaException:
                pass  # another worker has the partition by now, and will see that the mail is out
        self._consumer.close()

    def stop(self):
        self._stopping.set()
        self.join()

    def _handle(self, message):
        headers = message.headers() or []
        try:
            mail = json.loads(message.value())
            id, to, text = mail["id"], mail["to"], mail["text"]
        except (ValueError, KeyError) as error:
            self._send("mails.dead", message.key(), message.value(), [*headers, ("reason", type(error).__name__.encode())])
            return
        status = "was out already"
        if id not in self._sent:
            self._post(to, text)
            self._sent.add(id)
            status = "sent"
        reply_to = dict(headers).get("reply_to")
        if reply_to:
            self._send(reply_to.decode(), message.key(), json.dumps({"id": id, "status": status}), headers)

    def _send(self, topic, key, value, headers):
        self._producer.produce(topic, value, key, headers=headers)
        if self._producer.flush(10):
            raise TimeoutError(f"nobody takes what is to be sent to {topic}")
