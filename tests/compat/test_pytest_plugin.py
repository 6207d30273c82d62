"""The fixture `kafka` with stock clients: blocking, asyncio, and where gevent has patched the process; they ride over a restore."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

CLIENTS = '''
import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from confluent_kafka import Consumer, Producer
from kafka import KafkaConsumer, KafkaProducer


def test_kafka_python(kafka):
    with_key = KafkaProducer(bootstrap_servers=kafka.bootstrap)
    with_key.send("orders", b"1", key=b"k", headers=[("trace", b"t")]).get(timeout=10)
    kafka.assert_produced("orders", key="k", value="1", headers={"trace": "t"}, within=0)
    consumer = KafkaConsumer("orders", bootstrap_servers=kafka.bootstrap, group_id="g", auto_offset_reset="earliest")
    assert next(consumer).value == b"1"
    assert kafka.wait_for_group("g", state="Stable", members=1).members[0].client_id.startswith("kafka-python")
    consumer.close(), with_key.close()
    kafka.wait_for_group("g", state="Empty")


def test_librdkafka_and_a_restore(kafka):
    kafka.create_topic("orders")
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 50})
    producer.produce("orders", "before")
    assert producer.flush(10) == 0
    snapshot = kafka.snapshot()
    producer.produce("orders", "never was")
    assert producer.flush(10) == 0
    kafka.restore(snapshot)
    producer.produce("orders", "after")
    assert producer.flush(10) == 0
    assert [record.text for record in kafka.records("orders")] == ["before", "after"]
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "g", "auto.offset.reset": "earliest"})
    consumer.subscribe(["orders"])
    assert [consumer.poll(10).value() for _ in range(2)] == [b"before", b"after"]
    consumer.close()


def test_aiokafka(kafka):
    async def talk():
        async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
            await producer.send_and_wait("orders", b"1")
            async with AIOKafkaConsumer("orders", bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest") as consumer:
                assert (await asyncio.wait_for(consumer.getone(), 10)).value == b"1"

    asyncio.run(talk())
    assert kafka.assert_produced("orders").text == "1"
    assert kafka.requests("Fetch")[0].request.topics
'''

# Nothing may have been imported before gevent patches it.
PATCHED = '''
import gevent


def test_other_greenlets_run_on_while_a_test_waits(kafka):
    from kafka import KafkaProducer

    def produce():
        producer = KafkaProducer(bootstrap_servers=kafka.bootstrap)
        producer.send("orders", b"1").get(timeout=10)
        producer.close()

    producing = gevent.spawn(produce)
    kafka.assert_produced("orders", value="1", within=10)
    producing.get(timeout=10)
'''


def run(folder, source, *python):
    (folder / "test_it.py").write_text(source)
    arguments = ["-q", "-p", "emulator.apps.pytest_plugin", "-p", "no:cacheprovider", "-p", "no:randomly", "--rootdir", folder, folder]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run([sys.executable, *(python or ["-m", "pytest"]), *arguments], env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("source, python, count", [
    (CLIENTS, (), 3),
    (PATCHED, ("-c", "from gevent import monkey; monkey.patch_all(); import pytest, sys; sys.exit(pytest.main(sys.argv[1:]))"), 1),
], ids=["clients", "gevent"])
def test_the_fixture(tmp_path, source, python, count):
    for client in ("aiokafka", "confluent_kafka", "kafka"):
        pytest.importorskip(client)
    done = run(tmp_path, source, *python)
    assert done.returncode == 0 and f"{count} passed" in done.stdout, done.stdout + done.stderr
