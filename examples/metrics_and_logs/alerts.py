"""Rings when a service has too many errors within a minute. Reads the logs with aiokafka, writes to the topic `alerts`."""

import json
from collections import deque

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

WINDOW_MS, LIMIT = 60_000, 5


class Rates:
    """Errors of each service within the last minute, by the times of the log lines."""

    def __init__(self):
        self._errors, self._ringing = {}, set()

    def add(self, service, at_ms):
        """What there is to be told after one more error: an alert, or None."""
        recent = self._errors.setdefault(service, deque())
        recent.append(at_ms)
        while recent[0] <= at_ms - WINDOW_MS:
            recent.popleft()
        if len(recent) < LIMIT:
            self._ringing.discard(service)
        elif service not in self._ringing:
            self._ringing.add(service)  # once, not for every error from now on
            return {"service": service, "errors": len(recent), "within_ms": at_ms - recent[0]}


async def watch(bootstrap):
    """Goes on until it is cancelled."""
    rates = Rates()
    async with AIOKafkaConsumer("logs", bootstrap_servers=bootstrap, group_id="alerts", auto_offset_reset="earliest") as consumer, \
            AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:  # fmt: skip
        async for message in consumer:
            line = json.loads(message.value)
            alert = rates.add(line["service"], message.timestamp) if line["level"] in ("ERROR", "CRITICAL") else None
            if alert:
                await producer.send_and_wait("alerts", json.dumps(alert).encode(), line["service"].encode())
