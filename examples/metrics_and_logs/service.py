"""What each service of a company runs beside its work: it sends metrics and log lines to Kafka. Uses confluent-kafka."""

import json
import logging

from confluent_kafka import Producer


class Telemetry:
    def __init__(self, bootstrap, service, host):
        self._service, self._host = service, host
        # Cheap rather than safe: nobody waits for a metric, and one that is lost is no harm.
        self._producer = Producer({
            "bootstrap.servers": bootstrap, "acks": 1, "linger.ms": 50, "compression.type": "zstd",
            "queue.buffering.max.messages": 10_000, "log_level": 0,
        })  # fmt: skip

    def count(self, name, value, at_ms):
        self._send("metrics", {"service": self._service, "host": self._host, "name": name, "value": value}, at_ms)

    def log(self, level, text, at_ms):
        self._send("logs", {"service": self._service, "host": self._host, "level": level, "text": text}, at_ms)

    def _send(self, topic, what, at_ms):
        try:
            self._producer.produce(topic, json.dumps(what), self._service, timestamp=at_ms)
        except BufferError:
            pass  # Kafka is away, or slow: the service goes on
        self._producer.poll(0)

    def flush(self):
        self._producer.flush(10)


class KafkaHandler(logging.Handler):
    """logging.getLogger().addHandler(KafkaHandler(telemetry))"""

    def __init__(self, telemetry, **options):
        super().__init__(**options)
        self._telemetry = telemetry

    def emit(self, record):
        self._telemetry.log(record.levelname, self.format(record), int(record.created * 1000))
