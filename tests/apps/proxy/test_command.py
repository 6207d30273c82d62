"""`kafka-emulator proxy`: from the command line and config.yaml to a proxy that serves, and what is said of mistakes."""

import json
import resource
import subprocess
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from emulator.apps.errors import UsageError
from emulator.apps.proxy.settings import ProxySettings
from tests.in_thread import serving
from tests.wire_client import WireClient
from wire.apis.metadata import ApiVersions, Metadata

IDLE, MOST_BYTES = 1000, 40_000
UPSTREAM = {"upstream.bootstrap.servers": "localhost:9091"}


def test_it_serves_says_how_it_does_and_stops(serve, run):
    with serving() as upstream:
        server = serve("proxy", "--upstream", upstream.bootstrap, "--listen", "127.0.0.1:0", listen=None)
        assert server.told == f"upstream.bootstrap.servers={upstream.bootstrap}\n"
        with WireClient(server.bootstrap) as client:
            [broker] = client.call(Metadata, 9, topics=[]).brokers
            status = dict(line.split("=", 1) for line in run("status").stdout.splitlines())
        assert status["nodes"] == f"broker 1 at 127.0.0.1:{broker.port} for {upstream.bootstrap}"
        assert (status["bootstrap"], status["upstream_answers"], status["connections"]) == (server.bootstrap, "True", "1")
        assert run("stop").returncode == 0


def test_an_overlay_and_a_control_port(serve, home):
    """The token is drawn where others than this machine's users may come; who has none learns nothing."""
    with serving() as upstream:
        (home / "secret").write_text("of-the-port-of-a-proxy")
        (home / "secret").chmod(0o600)
        (home / "proxy.yaml").write_text(f"listeners: PLAINTEXT://127.0.0.1:0\nupstream.bootstrap.servers: {upstream.bootstrap}\n"
                                         f"control.listen: 127.0.0.1:0\ncontrol.token.file: {home}/secret\n")  # fmt: skip
        server = serve("proxy", "--config", home / "proxy.yaml", "--overlay", "orders", listen=None)
        port = server.process.stdout.readline().strip().removeprefix("control=").rstrip("/")
        with WireClient(server.bootstrap) as client:
            client.call(Metadata, 9, topics=[Metadata.Request.Topics(name="orders")])
            assert [one.name for one in client.call(Metadata, 9, topics=None).topics] == ["orders"]
        assert "orders" not in upstream.cluster.topics
        with pytest.raises(HTTPError, match="401"):
            urlopen(f"{port}/status", timeout=10)
        with urlopen(Request(f"{port}/status", headers={"Authorization": "Bearer of-the-port-of-a-proxy"}), timeout=10) as answer:
            assert json.load(answer)["upstream_answers"] is True


@pytest.fixture
def many_files():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    least = 4 * IDLE
    if before[0] != resource.RLIM_INFINITY and before[0] < least:
        resource.setrlimit(resource.RLIMIT_NOFILE, (least if before[1] == resource.RLIM_INFINITY else min(least, before[1]), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def resident(process):
    """Bytes."""
    return 1024 * int(subprocess.run(["ps", "-o", "rss=", "-p", str(process.pid)], capture_output=True, check=True).stdout)


def test_an_idle_connection_costs_little_memory(serve, run, many_files):
    """Each has asked once, and so has one of its own behind."""
    with serving() as upstream:
        server = serve("proxy", "--upstream", upstream.bootstrap, "--listen", "127.0.0.1:0", listen=None)
        clients = []

        def connect(count):
            for _ in range(count):
                clients.append(WireClient(server.bootstrap))
                assert clients[-1].call(ApiVersions, 0).error_code == 0
        try:
            connect(10)  # what is imported for the first is not theirs
            before = resident(server.process)
            connect(IDLE)
            assert resident(server.process) - before < IDLE * MOST_BYTES
            assert f"connections={IDLE + 10}\n" in run("status").stdout
        finally:
            for one in clients:
                one.socket.close()


@pytest.mark.parametrize("values, why", [
    ({}, "upstream.bootstrap.servers is missing: which cluster is behind the proxy? (--upstream HOST:PORT)"),
    ({"upstream.bootstrap.servers": "localhost"}, "upstream.bootstrap.servers localhost: expected HOST:PORT"),
    ({"upstream.bootstrap.servers": "localhost:9092"}, "upstream.bootstrap.servers localhost:9092: that is the proxy itself, see listeners"),
    ({**UPSTREAM, "num.partitions": "3"}, "num.partitions is none of a proxy's keys: the brokers behind have their own"),
    ({**UPSTREAM, "listeners": "SASL_PLAINTEXT://localhost:9092"}, "sasl.enabled.mechanisms"),
    ({**UPSTREAM, "listeners": "PLAINTEXT://0.0.0.0:9092"}, "advertised.listeners: clients cannot connect to 0.0.0.0"),
    ({**UPSTREAM, "upstream.security.protocol": "KERBEROS"}, "upstream.security.protocol KERBEROS: expected PLAINTEXT or SSL or"),
    ({**UPSTREAM, "upstream.sasl.mechanism": "PLAIN"}, "upstream.sasl.mechanism: upstream.security.protocol is PLAINTEXT, which has no SASL"),
    ({**UPSTREAM, "upstream.ssl.truststore.location": "ca.pem"}, "upstream.ssl.truststore.location: upstream.security.protocol is PLAINTEXT, which has no TLS"),
    ({**UPSTREAM, "upstream.security.protocol": "SASL_PLAINTEXT", "upstream.sasl.mechanism": "GSSAPI"}, "upstream.sasl.mechanism GSSAPI: expected PLAIN or"),
    ({**UPSTREAM, "upstream.security.protocol": "SASL_PLAINTEXT", "upstream.sasl.mechanism": "PLAIN"}, "upstream.sasl.username is missing"),
    ({**UPSTREAM, "upstream.security.protocol": "SASL_PLAINTEXT", "upstream.sasl.username": "a"}, "upstream.sasl.username needs upstream.sasl.mechanism"),
    ({**UPSTREAM, "upstream.security.protocol": "SSL", "upstream.ssl.truststore.type": "JKS", "upstream.ssl.truststore.location": __file__}, f"upstream.ssl.truststore.location {__file__}: not PKCS12"),
    ({**UPSTREAM, "upstream.security.protocol": "SSL", "upstream.ssl.truststore.location": __file__}, f"upstream.ssl.truststore.location {__file__}: no certificate in it"),
    ({**UPSTREAM, "upstream.security.protocol": "SSL", "upstream.ssl.keystore.type": "JKS", "upstream.ssl.keystore.location": "a.jks"}, "upstream.ssl.keystore.location a.jks: SSL key store is specified, but key store password is not specified."),
    ({**UPSTREAM, "upstream.security.protocol": "SSL", "upstream.ssl.truststore.location": "/nowhere.pem"}, "upstream.ssl.truststore.location /nowhere.pem: No such file"),
    ({**UPSTREAM, "upstream.metadata.max.age.ms": "soon"}, "upstream.metadata.max.age.ms soon: expected milliseconds, one or more"),
])  # fmt: skip
def test_mistakes_are_named(values, why):
    with pytest.raises(UsageError) as error:
        ProxySettings(values)
    assert why in str(error.value)


def test_a_jaas_config_is_read_as_kafka_writes_it():
    jaas = 'org.apache.kafka.common.security.scram.ScramLoginModule required username="it" password="a \\"b\\" c";'
    settings = ProxySettings({**UPSTREAM, "upstream.security.protocol": "SASL_PLAINTEXT", "upstream.sasl.mechanism": "SCRAM-SHA-256",
                              "upstream.sasl.jaas.config": jaas})
    login = settings.upstream.login
    assert (login._username, login._password) == ("it", 'a "b" c')
