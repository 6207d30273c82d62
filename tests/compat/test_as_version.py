"""Clients negotiate with a server that passes for an earlier Kafka: they speak what it has, and say what it has not."""

import pytest

import servers
import tools
from helpers import TIMEOUT, eventually
from servers import HERE


@pytest.fixture(scope="module", params=["3.0", "3.7"])
def earlier(request, tmp_path_factory):
    """(release, bootstrap address) of an emulator of its own."""
    with servers.emulator(tmp_path_factory.mktemp("earlier"), as_version=request.param) as address:
        yield request.param, address


def test_librdkafka_writes_and_reads_with_it(earlier, unique):
    confluent_kafka = pytest.importorskip("confluent_kafka")
    _, bootstrap = earlier
    topic, got = unique("earlier"), []
    producer = confluent_kafka.Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True})
    for number in range(10):
        producer.produce(topic, f"{number}".encode())
    assert producer.flush(TIMEOUT) == 0
    consumer = confluent_kafka.Consumer({"bootstrap.servers": bootstrap, "group.id": unique("group"), "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    try:
        eventually(lambda: got.append(consumer.poll(1)) or len([one for one in got if one and not one.error()]) == 10)
    finally:
        consumer.close()
    assert [one.value() for one in got if one and not one.error()] == [b"%d" % number for number in range(10)]


def run(bootstrap, tool, *arguments, stdin=""):
    ran = tools.run([tool, "--bootstrap-server", bootstrap, *arguments], stdin, 4 * TIMEOUT)
    return ran.stdout, ran.stderr


@pytest.mark.needs("java", str(HERE / ".cache/jars"), str(HERE / ".cache/classes"))
def test_java_clients_choose_what_it_has(earlier, unique):
    release, bootstrap = earlier
    topic = unique("java")
    out, _ = run(bootstrap, "kafka-broker-api-versions.sh")
    served = {line.split("(")[0].strip(): line for line in out.splitlines() if "): " in line}
    fetch, consumer_groups, share = {
        "3.0": ("4 to 12 [usable: 12]", "UNSUPPORTED", "UNSUPPORTED"),
        "3.7": ("4 to 16 [usable: 16]", "0 [usable: 0]", "UNSUPPORTED"),
    }[release]
    assert fetch in served["Fetch"] and consumer_groups in served["ConsumerGroupHeartbeat"] and share in served["ShareFetch"]
    run(bootstrap, "kafka-console-producer.sh", "--topic", topic, stdin="one\ntwo\n")
    out, err = run(bootstrap, "kafka-console-consumer.sh", "--topic", topic, "--from-beginning", "--max-messages", "2")
    assert out == "one\ntwo\n", err
    # The new protocol is not there (or, in 3.7, not switched on), and the client says so.
    _, err = run(bootstrap, "kafka-console-consumer.sh", "--topic", topic, "--max-messages", "1",
                 "--command-property", "group.protocol=consumer")
    assert "UnsupportedVersionException" in err
