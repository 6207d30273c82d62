"""Clients push their metrics (KIP-714) where a server takes them: what arrives is in its log."""
import re

import pytest

import tools
from helpers import TIMEOUT, eventually
from servers import HERE

pytestmark = [pytest.mark.needs("java", str(HERE / ".cache/jars"), str(HERE / ".cache/classes"))]

PUSHED = r"\(client id '{}', (\S+) \S+\) pushed (\d+) bytes, its last: (.*)"


@pytest.fixture(scope="module")
def taking(own_server, request, tmp_path_factory):
    """(bootstrap, log): an emulator that takes metrics and asks for those of producers, often."""
    if own_server is None or request.config.getoption("--real-kafka", False):
        pytest.skip("a real Kafka has nothing that takes metrics")
    directory = tmp_path_factory.mktemp("telemetry")
    with own_server(directory, metric_reporters="kafka.emulator.ClientTelemetryLog") as bootstrap:
        run("kafka-client-metrics.sh", bootstrap, "--alter", "--name", "all", "--metrics", "org.apache.kafka.producer.", "--interval", "100")
        yield bootstrap, lambda: (directory / "emulator.log").read_text()


def run(tool, bootstrap, *arguments, stdin=""):
    ran = tools.run([tool, "--bootstrap-server", bootstrap, *arguments], stdin)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_java_producer_says_its_last_metrics(taking):
    bootstrap, log = taking
    run("kafka-console-producer.sh", bootstrap, "--topic", "java", "--command-property", "client.id=java", stdin="one\ntwo\n")
    software, size, names = eventually(lambda: re.search(PUSHED.format("java"), log())).groups()
    assert software == "apache-kafka-java"
    assert int(size) > 1000
    assert names.startswith("org.apache.kafka.producer.")


def test_librdkafka_too(taking):
    confluent_kafka = pytest.importorskip("confluent_kafka")
    bootstrap, log = taking
    producer = confluent_kafka.Producer({"bootstrap.servers": bootstrap, "client.id": "librdkafka"})
    producer.produce("librdkafka", b"one")
    assert producer.flush(TIMEOUT) == 0
    eventually(lambda: "client id 'librdkafka'" in log())
    del producer  # which pushes once more as it ends
    software, _, names = eventually(lambda: re.search(PUSHED.format("librdkafka"), log())).groups()
    assert software != "apache-kafka-java"
    assert names.startswith("org.apache.kafka.producer.")
