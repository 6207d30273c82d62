"""Stock clients at listeners with TLS and SASL: who is let in, and what who is not is told. tests/api/test_sasl_listener.py has the wire below."""
import asyncio
import base64
import contextlib
import hashlib
import json
import os
import socket
import ssl
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import servers
import tools
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from helpers import TIMEOUT, eventually

from emulator.apps.certs import Certificates
from tests.wire_client import WireClient
from wire import errors
from wire.apis.configs import IncrementalAlterConfigs
from wire.apis.metadata import Metadata
from wire.apis.sasl import AlterUserScramCredentials
from wire.apis.topics import CreateTopics

HERE = Path(__file__).resolve().parent
MODULES = HERE / ".cache/node/node_modules"
GO = HERE / ".cache/go/compat"
PROTOCOLS = ("SSL", "SASL_PLAINTEXT", "SASL_SSL")
PASSWORDS = {"PLAIN": ("alice", "of PLAIN"), "SCRAM-SHA-256": ("bob", "of SCRAM"), "SCRAM-SHA-512": ("bob", "of SCRAM")}
WAYS = [("SSL", None), ("SASL_PLAINTEXT", "PLAIN"), ("SASL_PLAINTEXT", "SCRAM-SHA-256"), ("SASL_SSL", "SCRAM-SHA-512")]
_MODULE = "org.apache.kafka.common.security"

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def secured(own_server, tmp_path_factory):
    """address[protocol], and `path` of the certificates."""
    if own_server is None:
        pytest.skip("the listeners of a cluster that runs already are as they are")
    directory, path = tmp_path_factory.mktemp("secured"), tmp_path_factory.mktemp("certificates")
    made = Certificates(path)
    made.server(["localhost", "127.0.0.1"])
    made.client("carol")
    ports = dict(zip(("PLAINTEXT", *PROTOCOLS), servers.free_ports(4)))
    listeners = ",".join(f"{name.replace('_', '')}://127.0.0.1:{port}" for name, port in ports.items())
    protocols = ",".join(f"{name.replace('_', '')}:{name}" for name in ports)
    settings = {
        "ssl.keystore.type": "PEM", "ssl.keystore.location": path / "server.pem", "ssl.truststore.type": "PEM", "ssl.truststore.location": path / "ca.pem",
        "listener.name.ssl.ssl.client.auth": "requested", "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        "connection.failed.authentication.delay.ms": "10", "listener.name.saslssl.connections.max.reauth.ms": "3600000",
        "listener.name.saslplaintext.scram-sha-512.connections.max.reauth.ms": "1500",
    }
    for name in ("saslplaintext", "saslssl"):
        settings[f"listener.name.{name}.plain.sasl.jaas.config"] = f'{_MODULE}.plain.PlainLoginModule required user_alice="of PLAIN" user_dave="his";'
        for mechanism in ("256", "512"):
            settings[f"listener.name.{name}.scram-sha-{mechanism}.sasl.jaas.config"] = f"{_MODULE}.scram.ScramLoginModule required;"
    if own_server is servers.real_kafka:
        settings |= {"listeners": f"{listeners},CONTROLLER://QUORUM", "advertised.listeners": listeners,
                     "listener.security.protocol.map": f"{protocols},CONTROLLER:PLAINTEXT", "inter.broker.listener.name": "PLAINTEXT"}
        settings["listeners"] = settings["listeners"].replace(f"127.0.0.1:{ports['PLAINTEXT']}", "LISTENER")
        settings["advertised.listeners"] = settings["advertised.listeners"].replace(f"127.0.0.1:{ports['PLAINTEXT']}", "LISTENER")
    else:
        settings |= {"listeners": listeners, "listener.security.protocol.map": protocols}
    with own_server(directory, **settings) as plaintext:
        Upsertion = AlterUserScramCredentials.Request.Upsertions
        made = [Upsertion(name="bob", mechanism=number, iterations=4096, salt=b"salt", salted_password=hashlib.pbkdf2_hmac(digest, b"of SCRAM", b"salt", 4096))
                for number, digest in ((1, "sha256"), (2, "sha512"))]
        with WireClient(plaintext) as client:
            for one in made:
                [told] = client.call(AlterUserScramCredentials, 0, deletions=[], upsertions=[one]).results
                assert not told.error_code
        yield SimpleNamespace(address={name: f"127.0.0.1:{port}" for name, port in ports.items()} | {"PLAINTEXT": plaintext}, path=path)


def login(mechanism, password=None):
    name, right = PASSWORDS[mechanism]
    return name, password or right


@pytest.fixture
def topic(secured, unique):
    with WireClient(secured.address["PLAINTEXT"]) as client:
        name = unique("t")
        made = client.call(CreateTopics, 7, topics=[CreateTopics.Request.Topics(name=name, num_partitions=1, replication_factor=1)], timeout_ms=10_000)
        assert not made.topics[0].error_code
        return name


# -- librdkafka --------------------------------------------------------------------------------------


def librdkafka(secured, protocol, mechanism=None, password=None, client=None, **more):
    settings = {"bootstrap.servers": secured.address[protocol], "security.protocol": protocol, "ssl.ca.location": str(secured.path / "ca.pem"), **more}
    if client:
        settings |= {"ssl.certificate.location": str(secured.path / f"client-{client}.pem"), "ssl.key.location": str(secured.path / f"client-{client}.pem")}
    if mechanism:
        name, password = login(mechanism, password)
        settings |= {"sasl.mechanism": mechanism, "sasl.username": name, "sasl.password": password}
    return settings


@pytest.mark.parametrize("protocol, mechanism", WAYS, ids=str)
@pytest.mark.parametrize("size", [10, 900_000])
def test_librdkafka(secured, topic, protocol, mechanism, size):
    settings, failed = librdkafka(secured, protocol, mechanism, client="carol"), []
    producer = Producer(settings)
    for number in range(5):
        producer.produce(topic, bytes([number]) * size, on_delivery=lambda error, _: failed.append(error))
    assert producer.flush(TIMEOUT) == 0 and failed == [None] * 5
    consumer = Consumer({**settings, "group.id": topic, "auto.offset.reset": "earliest"})
    with contextlib.closing(consumer):
        consumer.subscribe([topic])
        found = []
        eventually(lambda: found.extend(consumer.consume(5, 0.2)) or len(found) >= 5)
        assert [one.value() for one in found] == [bytes([number]) * size for number in range(5)]


@pytest.mark.parametrize("mechanism, said", [
    ("PLAIN", "Authentication failed: Invalid username or password"),
    ("SCRAM-SHA-256", "Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-256"),
])
def test_librdkafka_is_told_of_a_wrong_password(secured, mechanism, said):
    told = []
    admin = AdminClient(librdkafka(secured, "SASL_PLAINTEXT", mechanism, "wrong", error_cb=told.append, log_level=0), logger=None)
    with pytest.raises(KafkaException):
        admin.list_topics(timeout=0.5)
    eventually(lambda: admin.poll(0.1) or told)
    assert any(said in one.str() for one in told)


def test_librdkafka_stays_beyond_the_end_of_its_sessions(secured, topic):
    told, failed, connects = [], [], []

    def seen(text):
        connects.append([broker["connects"] for broker in json.loads(text)["brokers"].values() if broker["nodeid"] >= 0])

    settings = librdkafka(secured, "SASL_PLAINTEXT", "SCRAM-SHA-512", **{"statistics.interval.ms": 100})
    producer = Producer({**settings, "error_cb": told.append, "stats_cb": seen})

    def send():
        producer.produce(topic, b"v", on_delivery=lambda error, _: failed.append(error))
        assert producer.flush(TIMEOUT) == 0
        return time.monotonic() > end

    end = time.monotonic() + 3.3  # two more of them
    eventually(send)
    assert set(failed) == {None} and not told and connects[-1] == [1]


# -- clients in Python -------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol, mechanism", WAYS, ids=str)
def test_kafka_python(secured, topic, protocol, mechanism):
    from kafka import KafkaConsumer, KafkaProducer

    settings = {"bootstrap_servers": secured.address[protocol], "security_protocol": protocol}
    if protocol.endswith("SSL"):
        settings["ssl_cafile"] = str(secured.path / "ca.pem")
    if mechanism:
        name, password = login(mechanism)
        settings |= {"sasl_mechanism": mechanism, "sasl_plain_username": name, "sasl_plain_password": password}
    with contextlib.closing(KafkaProducer(**settings)) as producer:
        producer.send(topic, b"v").get(TIMEOUT)
    with contextlib.closing(KafkaConsumer(topic, auto_offset_reset="earliest", consumer_timeout_ms=TIMEOUT * 1000, **settings)) as consumer:
        assert next(consumer).value == b"v"


@pytest.mark.parametrize("protocol, mechanism", WAYS[1:], ids=str)
def test_aiokafka(secured, topic, protocol, mechanism):
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

    name, password = login(mechanism)
    settings = {"bootstrap_servers": secured.address[protocol], "security_protocol": protocol, "sasl_mechanism": mechanism,
                "sasl_plain_username": name, "sasl_plain_password": password}
    if protocol.endswith("SSL"):
        settings["ssl_context"] = ssl.create_default_context(cafile=secured.path / "ca.pem")

    async def there_and_back():
        async with AIOKafkaProducer(**settings) as producer:
            await producer.send_and_wait(topic, b"v")
        async with AIOKafkaConsumer(topic, auto_offset_reset="earliest", **settings) as consumer:
            return (await asyncio.wait_for(consumer.getone(), TIMEOUT)).value

    assert asyncio.run(there_and_back()) == b"v"


# -- kafkajs -----------------------------------------------------------------------------------------


@pytest.mark.needs("node", str(MODULES / "kafkajs"))
@pytest.mark.parametrize("protocol, mechanism", [("SSL", None), ("SASL_PLAINTEXT", "PLAIN"), ("SASL_SSL", "SCRAM-SHA-512")])
def test_kafkajs(secured, topic, protocol, mechanism):
    options = {}
    if mechanism:
        name, password = login(mechanism)
        options["sasl"] = {"mechanism": mechanism.lower(), "username": name, "password": password}
    if protocol.endswith("SSL"):
        options["ssl"] = {"ca": [(secured.path / "ca.pem").read_text()]}
    asked = {"command": "produce", "topic": topic, "messages": [{"value": "v"}]}
    told = subprocess.run(["node", HERE / "js/kafka.js", secured.address[protocol]], input=json.dumps(asked) + "\n", capture_output=True, text=True,
                          timeout=TIMEOUT, env={**os.environ, "NODE_PATH": str(MODULES), "KAFKA_OPTIONS": json.dumps(options)})
    answer = json.loads(told.stdout)
    assert "error" not in answer and answer["answer"][0]["errorCode"] == 0


# -- Go ----------------------------------------------------------------------------------------------


@pytest.mark.needs(str(GO))
@pytest.mark.parametrize("client", ["franz", "sarama"])
def test_go(secured, topic, client):
    """With a certificate of its own."""
    asked = {"command": "produce", "topic": topic, "records": [{"value": base64.b64encode(b"v").decode()}]}
    told = subprocess.run([GO, client, secured.address["SSL"]], input=json.dumps(asked) + "\n", capture_output=True, text=True, timeout=TIMEOUT,
                          env={**os.environ, "KAFKA_CA": str(secured.path / "ca.pem"), "KAFKA_CERTIFICATE": str(secured.path / "client-carol.pem")})
    assert "error" not in json.loads(told.stdout), told.stderr


# -- kcat --------------------------------------------------------------------------------------------


@pytest.mark.needs("kcat")
def test_kcat(secured, topic):
    settings = librdkafka(secured, "SSL", client="carol")
    at = ["kcat", "-b", settings.pop("bootstrap.servers"), *(word for key, value in settings.items() for word in ("-X", f"{key}={value}"))]
    subprocess.run([*at, "-P", "-t", topic], input=b"one\ntwo\n", check=True, timeout=TIMEOUT)
    assert subprocess.run([*at, "-C", "-t", topic, "-e", "-q"], capture_output=True, check=True, timeout=TIMEOUT).stdout == b"one\ntwo\n"


# -- Kafka's own tools -------------------------------------------------------------------------------


def properties(secured, tmp_path, protocol, mechanism, password=None):
    lines = [f"security.protocol={protocol}"]
    if protocol.endswith("SSL"):
        lines += ["ssl.truststore.type=PKCS12", f"ssl.truststore.location={secured.path}/truststore.p12", "ssl.truststore.password=changeit",
                  "ssl.keystore.type=PKCS12", f"ssl.keystore.location={secured.path}/client-carol.p12", "ssl.keystore.password=changeit"]
    if mechanism:
        name, password = login(mechanism, password)
        module = "plain.PlainLoginModule" if mechanism == "PLAIN" else "scram.ScramLoginModule"
        lines += [f"sasl.mechanism={mechanism}", f'sasl.jaas.config={_MODULE}.{module} required username="{name}" password="{password}";']
    file = tmp_path / "client.properties"
    file.write_text("\n".join(lines) + "\n")
    return file


@pytest.mark.needs("java")
@pytest.mark.parametrize("protocol, mechanism", WAYS, ids=str)
def test_kafkas_tools(secured, tmp_path, unique, protocol, mechanism):
    config, topic = properties(secured, tmp_path, protocol, mechanism), unique("t")
    at = ["--bootstrap-server", secured.address[protocol]]
    made = tools.run(["kafka-topics.sh", *at, "--command-config", config, "--create", "--topic", topic, "--partitions", "2"])
    assert made.stdout == f"Created topic {topic}.\n"
    sent = tools.run(["kafka-console-producer.sh", *at, "--command-config", config, "--topic", topic], stdin="one\ntwo\n")
    assert sent.returncode == 0, sent.stderr
    read = tools.run(["kafka-console-consumer.sh", *at, "--command-config", config, "--topic", topic, "--from-beginning", "--max-messages", "2"])
    assert sorted(read.stdout.split()) == ["one", "two"]


@pytest.mark.needs("java")
def test_kafkas_tools_are_told_of_a_wrong_password(secured, tmp_path):
    config = properties(secured, tmp_path, "SASL_SSL", "PLAIN", "wrong")
    told = tools.run(["kafka-topics.sh", "--bootstrap-server", secured.address["SASL_SSL"], "--command-config", config, "--list"])
    assert told.returncode == 1 and "Authentication failed: Invalid username or password" in told.stderr + told.stdout


# -- other stores ------------------------------------------------------------------------------------


def alter(secured, **configs):
    """(error code, message) of setting the ssl. configs of the listener SASLSSL; what is None becomes what it was at the start."""
    Resource = IncrementalAlterConfigs.Request.Resources
    made = [Resource.Configs(name=f"listener.name.saslssl.ssl.{name.replace('_', '.')}", config_operation=int(value is None), value=value and str(value))
            for name, value in configs.items()]
    with WireClient(secured.address["PLAINTEXT"]) as client:
        [broker] = client.call(Metadata, 9, topics=[]).brokers
        [told] = client.call(IncrementalAlterConfigs, 1, resources=[Resource(resource_type=4, resource_name=str(broker.node_id), configs=made)]).responses
    return told.error_code, told.error_message


def is_met_with_one_of(secured, path):
    """Whether a new connection is met with a certificate of the authority in `path`."""
    host, port = secured.address["SASL_SSL"].split(":")
    context = ssl.create_default_context(cafile=path / "ca.pem")
    with socket.create_connection((host, int(port)), TIMEOUT) as sock, contextlib.suppress(ssl.SSLCertVerificationError):
        return bool(context.wrap_socket(sock, server_hostname="localhost").version())


def test_a_store_is_changed_while_it_serves(secured, tmp_path):
    (tmp_path / "other").mkdir()
    Certificates(tmp_path / "other").server(["localhost", "127.0.0.1"])
    assert alter(secured, client_auth="required", keystore_location=tmp_path / "other/server.pem") == (errors.NONE, None)
    eventually(lambda: is_met_with_one_of(secured, tmp_path / "other"))  # who needs no certificate: that would count from the next start
    assert alter(secured, client_auth=None, keystore_location=None) == (errors.NONE, None)
    eventually(lambda: is_met_with_one_of(secured, secured.path))


@pytest.mark.parametrize("configs, why", [
    ({"keystore_location": "/nowhere.pem"}, "errors.InvalidConfigurationException: Failed to load PEM SSL keystore /nowhere.pem"),
    ({"truststore_location": "/nowhere.pem"}, "errors.InvalidConfigurationException: Failed to load PEM SSL keystore /nowhere.pem"),
    ({"keystore_type": "BKS"}, "errors.InvalidConfigurationException: SSL key store is specified, but key store password is not specified."),
    ({"keystore_type": "BKS", "keystore_password": "x", "keystore_location": "/nowhere"}, "KafkaException: Failed to load SSL keystore /nowhere of type BKS"),
    ({"key_password": "x"}, "errors.InvalidConfigurationException: Failed to load PEM SSL keystore {0}/server.pem"),
    ({"keystore_location": "{0}/ca.pem"}, "errors.InvalidConfigurationException: Failed to load PEM SSL keystore {0}/ca.pem"),
    ({"keystore_location": "{0}/client-carol.pem"}, "config.ConfigException: Keystore DistinguishedName does not match: "
     " existing={{alias=kafka, DN=CN=localhost}}, new={{alias=kafka, DN=CN=carol}}"),
    ({"keystore_type": "PKCS12", "keystore_location": "{0}/client-carol.p12", "keystore_password": "changeit"}, "config.ConfigException:"
     " Keystore DistinguishedName does not match:  existing={{alias=kafka, DN=CN=localhost}}, new={{alias=client-carol, DN=CN=carol}}"),
    ({"keystore_type": "PKCS12", "keystore_location": "{0}/server.p12", "keystore_password": "wrong"}, "KafkaException: Failed to load SSL keystore {0}/server.p12 of type PKCS12"),
])  # fmt: skip
def test_a_store_that_cannot_be_is_refused(secured, configs, why):
    expected = f"Validation of dynamic config update of SSLFactory failed: org.apache.kafka.common.{why.format(secured.path)}"
    error, said = alter(secured, **{key: value.format(secured.path) for key, value in configs.items()})
    assert said == f"Invalid value org.apache.kafka.common.config.ConfigException: {expected} for configuration Invalid dynamic configuration"
    assert error == errors.INVALID_REQUEST and is_met_with_one_of(secured, secured.path)
