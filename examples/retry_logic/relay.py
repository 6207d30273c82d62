"""Makes an invoice of each order: reads a topic, writes another, and commits. Uses confluent-kafka."""

import json
import time

from confluent_kafka import Consumer, KafkaException, Producer


class Relay:
    def __init__(self, bootstrap, **options):
        self._consumer = Consumer({
            "bootstrap.servers": bootstrap, "group.id": "relay", "enable.auto.commit": False, "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 50, "reconnect.backoff.ms": 10, "log_level": 0,
        })  # fmt: skip
        self._producer = Producer({
            "bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 0, "retry.backoff.ms": 20, "reconnect.backoff.ms": 10,
            "log_level": 0, **options,
        })  # fmt: skip
        self._consumer.subscribe(["orders"])

    def step(self):
        """Gives how many orders were served."""
        orders = [order for order in self._consumer.consume(10, 0.1) if not order.error()]
        if not orders:
            return 0
        refused = []
        for order in orders:
            invoice = json.dumps({"order": json.loads(order.value())["id"]})
            self._producer.produce("invoices", invoice, order.key(), on_delivery=lambda error, _: error and refused.append(error))
            self._producer.flush(30)
        if refused:
            raise KafkaException(refused[0])
        with_patience(self._consumer.commit, asynchronous=False)
        return len(orders)

    def close(self):
        self._consumer.close()


def with_patience(call, times=5, pause=0.05, **arguments):
    """Some errors go by: the call is made again after a pause, each time twice as long."""
    for attempt in range(times):
        try:
            return call(**arguments)
        except KafkaException as error:
            if not error.args[0].retriable() or attempt == times - 1:
                raise
            time.sleep(pause * 2**attempt)
