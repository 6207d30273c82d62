"""Impressions of ads and clicks on them, joined within ten seconds and counted by the minute, by Kafka Streams.

Needs a JDK, `pip install confluent-kafka`, and in KAFKA_STREAMS_JARS where Kafka Streams' jars are, such as /opt/kafka/libs; the cluster is
started here, in memory.
"""

import os
import subprocess
import tempfile
from pathlib import Path

from confluent_kafka import Consumer, Producer

from emulator import Emulator

IMPRESSIONS = [  # (second, impression, ad), and clicks on them: (second, impression)
    (1, "i1", "tea"), (5, "i2", "tea"), (20, "i3", "cups"), (50, "i4", "tea"), (58, "i5", "cups"), (70, "i6", "tea"),
]  # fmt: skip
CLICKS = [(4, "i1"), (12, "i2"), (45, "i3"), (52, "i4"), (61, "i5"), (75, "i6"), (76, "i6"), (80, "i99")]


def main():
    with Emulator(topics=["impressions:2", "clicks:2", "clicks-by-minute"]) as kafka, tempfile.TemporaryDirectory() as state:
        jars = ":".join(f"{place}/*" for place in os.environ["KAFKA_STREAMS_JARS"].split(":"))
        options = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m"]  # it is a short life
        streams = subprocess.Popen([
            "java", *options, "-cp", jars, Path(__file__).parent / "AdClicks.java", kafka.bootstrap,
            f"state.dir={state}", "commit.interval.ms=100", "statestore.cache.max.bytes=0",
        ], stderr=subprocess.DEVNULL)  # fmt: skip
        try:
            story(kafka)
        finally:
            streams.terminate()
            streams.wait()


def story(kafka):
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
    for second, impression, ad in IMPRESSIONS:
        producer.produce("impressions", ad, impression, timestamp=second * 1000)
    for second, impression in CLICKS:
        producer.produce("clicks", "", impression, timestamp=second * 1000)
    producer.flush(10)
    print(f"{len(IMPRESSIONS)} impressions, {len(CLICKS)} clicks: one 25 seconds after its impression, one on none that there was, two on the same.\n")

    clicks = {}
    for key, value in results(kafka.bootstrap):
        clicks[key] = int(value)
        if sum(clicks.values()) == 6:
            break
    for key, count in sorted(clicks.items()):
        print(f"{key}: {count}")

    names = sorted(name for name in producer.list_topics(timeout=10).topics if name.startswith("ad-clicks-"))
    print("\nKafka Streams made itself these topics, to hold its windows and to bring together what has one ad:\n")
    print("\n".join(names))


def results(bootstrap):
    consumer = Consumer({
        "bootstrap.servers": bootstrap, "group.id": "dashboard", "auto.offset.reset": "earliest", "isolation.level": "read_committed",
        "log_level": 0,
    })  # fmt: skip
    consumer.subscribe(["clicks-by-minute"])
    try:
        while True:
            message = consumer.poll(60)
            if message is None:
                raise TimeoutError("Kafka Streams counted nothing for a minute")
            if not message.error():
                yield message.key().decode(), message.value()
    finally:
        consumer.close()


if __name__ == "__main__":
    main()
