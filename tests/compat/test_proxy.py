"""`kafka-emulator proxy` before real Kafkas: stock clients log in through it, brokers die and return behind it.

All of it needs JVMs of its own, so it is left to the soak. `--through-proxy` runs the other files here through a proxy, too.
"""
import hashlib
import os
import re
import subprocess
import sys
import threading
import time

import pytest
import servers
from clusters import cluster
from helpers import TIMEOUT, eventually

from emulator.apps.control.client import ask
from tests.wire_client import WireClient
from wire.apis.metadata import ApiVersions, DescribeCluster, Metadata
from wire.apis.quorum import DescribeQuorum
from wire.apis.sasl import AlterUserScramCredentials, SaslAuthenticate, SaslHandshake
from wire.errors import SASL_AUTHENTICATION_FAILED

confluent_kafka = pytest.importorskip("confluent_kafka")
from confluent_kafka import Consumer, Producer, TopicPartition  # noqa: E402
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402

pytestmark = [pytest.mark.soak, pytest.mark.needs("java")]
PLAIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="of PLAIN";'
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
PASSWORD = 'of "SCRAM", = all of it'
SHA_256, SHA_512 = 1, 2


# -- a Kafka to which one has to log in -------------------------------------------------------------


class Secured:
    """`address[protocol]`: "host:port" of the listener with that security protocol; `ca`: a file with its certificate."""

    def __init__(self, address, ca):
        self.address, self.ca = address, ca


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    directory = tmp_path_factory.mktemp("secured")
    key, ca = directory / "key.pem", directory / "ca.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", ca, "-days", "2", "-subj", "/CN=broker",
                    "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    both = directory / "keystore.pem"
    both.write_text(key.read_text() + ca.read_text())
    ports = dict(zip(("SSL", "SASL_PLAINTEXT", "SASL_SSL"), servers.free_ports(3)))
    listeners = "".join(f",{name.replace('_', '')}://localhost:{port}" for name, port in ports.items())
    settings = {
        "listeners": f"PLAINTEXT://LISTENER,CONTROLLER://QUORUM{listeners}", "advertised.listeners": f"PLAINTEXT://LISTENER{listeners}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT," + ",".join(f"{name.replace('_', '')}:{name}" for name in ports),
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512", "ssl.keystore.type": "PEM", "ssl.keystore.location": both,
    }
    for name in ("saslplaintext", "saslssl"):
        settings[f"listener.name.{name}.plain.sasl.jaas.config"] = PLAIN
        settings[f"listener.name.{name}.scram-sha-256.sasl.jaas.config"] = settings[f"listener.name.{name}.scram-sha-512.sasl.jaas.config"] = SCRAM
    with servers.real_kafka(directory, **settings) as plaintext:
        Upsertion = AlterUserScramCredentials.Request.Upsertions
        with WireClient(plaintext) as client:
            for mechanism, digest in ((SHA_256, "sha256"), (SHA_512, "sha512")):
                salted = hashlib.pbkdf2_hmac(digest, PASSWORD.encode(), b"salt", 4096)
                made = Upsertion(name="bob", mechanism=mechanism, iterations=4096, salt=b"salt", salted_password=salted)
                [told] = client.call(AlterUserScramCredentials, 0, deletions=[], upsertions=[made]).results
                assert not told.error_code
        yield Secured({"PLAINTEXT": plaintext, **{name: f"localhost:{port}" for name, port in ports.items()}}, ca)


LOGINS = {"PLAIN": ("alice", "of PLAIN"), "SCRAM-SHA-256": ("bob", PASSWORD), "SCRAM-SHA-512": ("bob", PASSWORD)}
WAYS = [("SSL", None), *((protocol, mechanism) for protocol in ("SASL_PLAINTEXT", "SASL_SSL") for mechanism in LOGINS)]


def upstream_settings(secured, protocol, mechanism, password=None):
    settings = {"upstream.security.protocol": protocol}
    if protocol.endswith("SSL"):
        settings["upstream.ssl.truststore.location"] = secured.ca
    if mechanism:
        name, right = LOGINS[mechanism]
        settings.update({"upstream.sasl.mechanism": mechanism, "upstream.sasl.username": name, "upstream.sasl.password": password or right})
    return settings


def works(bootstrap, topic, **settings):
    """A record goes there and comes back, with stock clients."""
    settings = {"bootstrap.servers": bootstrap, **settings}
    producer = Producer(settings)
    failed = []
    producer.produce(topic, b"v" * 300_000, on_delivery=lambda error, _: failed.append(error))
    assert producer.flush(TIMEOUT) == 0 and failed == [None]
    consumer = Consumer({**settings, "group.id": topic, "auto.offset.reset": "earliest"})
    try:
        consumer.subscribe([topic])
        message = eventually(lambda: consumer.poll(1), TIMEOUT)
        assert message.error() is None and len(message.value()) == 300_000
        consumer.commit(message, asynchronous=False)
    finally:
        consumer.close()


@pytest.mark.parametrize("protocol, mechanism", WAYS, ids=lambda one: str(one))
def test_the_proxy_logs_in_for_clients_that_do_not(secured, tmp_path, unique, protocol, mechanism):
    with servers.proxy(tmp_path, secured.address[protocol], **upstream_settings(secured, protocol, mechanism)) as bootstrap:
        works(bootstrap, unique("secured"))


@pytest.mark.parametrize("protocol, mechanism", [("SASL_PLAINTEXT", "PLAIN"), ("SASL_SSL", "SCRAM-SHA-512")])
def test_clients_log_in_through_the_proxy(secured, tmp_path, unique, protocol, mechanism):
    name, password = LOGINS[mechanism]
    login = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": mechanism, "sasl.username": name, "sasl.password": password}
    with servers.proxy(tmp_path, secured.address[protocol], **upstream_settings(secured, protocol, None)) as bootstrap:
        works(bootstrap, unique("passed"), **login)
        with WireClient(bootstrap) as client:
            assert client.call(SaslHandshake, 1, mechanism="PLAIN").error_code == 0
            told = client.call(SaslAuthenticate, 2, auth_bytes=b"\0alice\0wrong")
            assert (told.error_code, told.error_message) == (SASL_AUTHENTICATION_FAILED, "Authentication failed: Invalid username or password")
            assert client.socket.recv(1) == b""


@pytest.mark.parametrize("protocol, mechanism, changed, why", [
    ("SASL_PLAINTEXT", "PLAIN", {"password": "wrong"}, "Authentication failed: Invalid username or password"),
    ("SASL_SSL", "SCRAM-SHA-512", {"password": "wrong"}, "Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-512"),
    ("SSL", None, {"address": "127.0.0.1"}, "certificate is not valid for '127.0.0.1'"),
    ("SSL", None, {"ca": None}, "self-signed certificate"),
])
def test_why_there_is_no_connection_stands_in_the_log(secured, tmp_path, protocol, mechanism, changed, why):
    settings = upstream_settings(secured, protocol, mechanism, changed.get("password"))
    if "ca" in changed:
        del settings["upstream.ssl.truststore.location"]
    upstream = secured.address[protocol].replace("localhost", changed.get("address", "localhost"))
    with servers.proxy(tmp_path, upstream, **settings) as bootstrap:
        with WireClient(bootstrap) as client, pytest.raises((ConnectionError, AssertionError)):
            client.call(ApiVersions, 0)
        assert why in (tmp_path / "proxy.log").read_text()


# -- brokers that die, and others ------------------------------------------------------------------


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    with cluster(tmp_path_factory.mktemp("three"), real=True) as three:
        yield three


def addresses(bootstrap):
    """{broker id: "host:port"} as a client is told."""
    with WireClient(bootstrap) as client:
        return {one.node_id: f"{one.host}:{one.port}" for one in client.call(Metadata, 9, topics=[]).brokers}


def test_brokers_die_and_return_and_nothing_is_lost(three, tmp_path, unique):
    topic, sent, failed, done = unique("kept"), [], [], threading.Event()
    with servers.proxy(tmp_path, three.bootstrap) as bootstrap:
        here = addresses(bootstrap)
        assert here.keys() == {1, 2, 3} and not set(here.values()) & set(three.addresses.values())
        admin = AdminClient({"bootstrap.servers": bootstrap}, logger=None)
        admin.create_topics([NewTopic(topic, 6, 3)])[topic].result(TIMEOUT)
        producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 5, "log_level": 0}, logger=None)

        def produce():
            number = 0
            while not done.is_set():
                producer.produce(topic, str(number), on_delivery=lambda error, message: (failed if error else sent).append(error or message.value()))
                number += 1
                producer.poll(0.001)

        writer = threading.Thread(target=produce)
        writer.start()
        try:
            for broker in (2, 1):
                eventually(lambda: len(sent) > 500, TIMEOUT)
                three.kill(broker)
                survivor = here[3]
                eventually(lambda: broker not in addresses(survivor), TIMEOUT)
                before = len(sent)
                eventually(lambda: len(sent) > before + 500, TIMEOUT)
                three.start(broker)
                eventually(lambda: addresses(survivor) == here, TIMEOUT)  # at the ports of before
        finally:
            done.set()
            writer.join()
        assert producer.flush(TIMEOUT) == 0 and not failed
        assert sorted(values(bootstrap, topic)) == sorted(sent)


def test_what_is_recorded_of_kafka_answers_our_own_tests(tmp_path):
    """tests/api, which pass against Kafka, recorded there: they pass against the recording."""
    file = tmp_path / "api.jsonl"

    def passes(*command):
        control = str(tmp_path / "control")
        arguments = [sys.executable, "-m", "emulator", *command, "--listen", "127.0.0.1:0", "--control", control, "--log-level", "warning"]
        with subprocess.Popen(arguments, cwd=servers.HERE.parents[1], stdout=subprocess.PIPE, text=True) as process:
            bootstrap = process.stdout.readline().strip().partition("=")[2]
            tests = [f"tests/api/test_{name}.py" for name in ("topics", "configs", "transactions", "metadata")]
            ran = subprocess.run([sys.executable, "-m", "pytest", "-q", *tests], cwd=servers.HERE.parents[1], capture_output=True, text=True,
                                 env={**os.environ, "KAFKA_BOOTSTRAP": bootstrap, "KAFKA_RUN": "recorded", "CI": ""})
            ask(control, "POST", "/stop", {})
            assert process.wait(TIMEOUT) == 0 and ran.returncode == 0, ran.stdout[-3000:]
            return re.search(r"(\d+) passed", ran.stdout)[1]

    with servers.real_kafka(tmp_path) as upstream:
        passed = passes("record", str(file), "--upstream", upstream)
    assert passes("replay", str(file)) == passed


def test_a_cluster_of_ones_own_within_kafka(three, tmp_path, unique):
    """With rules for a prefix and against a topic: transactions, both group protocols, a regular expression."""
    (tmp_path / "proxy.yaml").write_text(f"listeners: PLAINTEXT://127.0.0.1:0\nupstream.bootstrap.servers: {three.bootstrap}\n"
                                         "rules:\n  - rule: deny\n    topic: secret*\n  - rule: prefix\n    prefix: own.\n")
    topic = unique("orders")
    with servers.proxy(tmp_path) as bootstrap:
        admin = AdminClient({"bootstrap.servers": bootstrap})
        admin.create_topics([NewTopic(topic, 3, 3)])[topic].result(TIMEOUT)
        eventually(lambda: topic in admin.list_topics(timeout=TIMEOUT).topics, TIMEOUT)
        producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": topic, "log_level": 0})  # a new cluster loads its coordinators
        producer.init_transactions(TIMEOUT)
        producer.begin_transaction()
        for number in range(100):
            producer.produce(topic, str(number))
        producer.commit_transaction(TIMEOUT)
        for protocol, subscribed in (("classic", topic), ("consumer", f"^{topic}")):
            consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": f"{topic}-{protocol}", "group.protocol": protocol, "auto.offset.reset": "earliest"})
            consumer.subscribe([subscribed])
            found = [eventually(lambda: consumer.poll(1), TIMEOUT).value() for _ in range(100)]
            assert sorted(found, key=int) == [b"%d" % number for number in range(100)]
            consumer.commit(asynchronous=False)
            assert sum(max(one.offset, 0) for one in consumer.committed([TopicPartition(topic, partition) for partition in range(3)], TIMEOUT)) >= 100
            consumer.close()
        failed = []
        refused = Producer({"bootstrap.servers": bootstrap, "log_level": 0})
        refused.produce("secret", b"", on_delivery=lambda error, _: failed.append(error.name()))
        refused.flush(TIMEOUT)
        assert failed == ["TOPIC_AUTHORIZATION_FAILED"]
    assert f"own.{topic}" in AdminClient({"bootstrap.servers": three.bootstrap}).list_topics(timeout=TIMEOUT).topics


def values(bootstrap, topic):
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "enable.partition.eof": True, "auto.offset.reset": "earliest"}, logger=None)
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(6)])
    ended, found = set(), []
    deadline = time.monotonic() + TIMEOUT
    while len(ended) < 6 and time.monotonic() < deadline:
        message = consumer.poll(1)
        if message is None:
            continue
        if message.error():
            ended.add(message.partition())
        else:
            found.append(message.value())
    consumer.close()
    return found


def test_all_that_names_a_node_names_one_here(three, tmp_path):
    with servers.proxy(tmp_path, three.bootstrap) as bootstrap:
        here = addresses(bootstrap)
        theirs = {int(address.rsplit(":", 1)[1]) for address in three.addresses.values()}
        for address in here.values():
            assert addresses(address) == here
            with WireClient(address) as client:
                assert {one.broker_id: f"{one.host}:{one.port}" for one in client.call(DescribeCluster, 1).brokers} == here
                for node in client.call(DescribeQuorum, 2, topics=[]).nodes:
                    assert all(one.host == "127.0.0.1" and one.port not in theirs for one in node.listeners) and node.listeners


def test_a_cluster_that_comes_goes_and_comes_again(tmp_path, unique):
    [port] = servers.free_ports(1)
    settings = {"listeners": f"PLAINTEXT://LISTENER,CONTROLLER://QUORUM,FIXED://127.0.0.1:{port}",
                "advertised_listeners": f"PLAINTEXT://LISTENER,FIXED://127.0.0.1:{port}",
                "listener_security_protocol_map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,FIXED:PLAINTEXT"}  # fmt: skip
    topic = unique("again")
    with servers.proxy(tmp_path, f"127.0.0.1:{port}") as bootstrap:
        for _ in range(2):
            with WireClient(bootstrap) as client, pytest.raises((ConnectionError, AssertionError)):
                client.call(ApiVersions, 0)
            with servers.real_kafka(tmp_path, **settings):
                works(bootstrap, topic)
