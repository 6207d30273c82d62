"""`kafka-emulator proxy`: from the command line and config.yaml to a proxy that serves, and what is said of mistakes."""

import pytest

from emulator.apps.errors import UsageError
from emulator.apps.proxy.settings import ProxySettings
from tests.in_thread import serving
from tests.wire_client import WireClient
from wire.apis.metadata import Metadata

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


@pytest.mark.parametrize("values, why", [
    ({}, "upstream.bootstrap.servers is missing: which cluster is behind the proxy? (--upstream HOST:PORT)"),
    ({"upstream.bootstrap.servers": "localhost"}, "upstream.bootstrap.servers localhost: expected HOST:PORT"),
    ({"upstream.bootstrap.servers": "localhost:9092"}, "upstream.bootstrap.servers localhost:9092: that is the proxy itself, see listeners"),
    ({**UPSTREAM, "num.partitions": "3"}, "num.partitions is none of a proxy's keys: the brokers behind have their own"),
    ({**UPSTREAM, "listeners": "SASL_PLAINTEXT://localhost:9092"}, "the proxy ends neither TLS nor SASL of theirs"),
    ({**UPSTREAM, "listeners": "PLAINTEXT://0.0.0.0:9092"}, "advertised.listeners: clients cannot connect to 0.0.0.0"),
    ({**UPSTREAM, "upstream.security.protocol": "KERBEROS"}, "upstream.security.protocol KERBEROS: expected PLAINTEXT or SSL or"),
    ({**UPSTREAM, "upstream.sasl.mechanism": "PLAIN"}, "upstream.sasl.mechanism: upstream.security.protocol is PLAINTEXT, which has no SASL"),
    ({**UPSTREAM, "upstream.ssl.truststore.location": "ca.pem"}, "upstream.ssl.truststore.location: upstream.security.protocol is PLAINTEXT, which has no TLS"),
    ({**UPSTREAM, "upstream.security.protocol": "SASL_PLAINTEXT", "upstream.sasl.mechanism": "GSSAPI"}, "upstream.sasl.mechanism GSSAPI: expected PLAIN or"),
    ({**UPSTREAM, "upstream.security.protocol": "SASL_PLAINTEXT", "upstream.sasl.mechanism": "PLAIN"}, "upstream.sasl.username is missing"),
    ({**UPSTREAM, "upstream.security.protocol": "SASL_PLAINTEXT", "upstream.sasl.username": "a"}, "upstream.sasl.username needs upstream.sasl.mechanism"),
    ({**UPSTREAM, "upstream.security.protocol": "SSL", "upstream.ssl.truststore.type": "JKS"}, "upstream.ssl.truststore.type JKS: expected PEM"),
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
    login = settings.login()
    assert (login._username, login._password) == ("it", 'a "b" c')
