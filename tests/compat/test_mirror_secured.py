"""A mirror that logs in: from a Kafka with TLS and SASL, and to it."""

import pytest
import servers
from test_mirror import mirror
from test_proxy import WAYS, secured, upstream_settings  # noqa: F401

from emulator import Emulator
from tests.certificates import certificates, server_configs

pytestmark = [pytest.mark.soak, pytest.mark.needs("java")]


@pytest.mark.parametrize("protocol, mechanism", WAYS, ids=lambda one: str(one))
def test_there_and_back(secured, tmp_path, unique, protocol, mechanism):  # noqa: F811
    settings = {key.removeprefix("upstream."): value for key, value in upstream_settings(secured, protocol, mechanism).items()}
    copy_there_and_back(settings, secured.address[protocol], unique("t"), tmp_path)


def test_a_certificate_of_its_own(tmp_path, unique):
    [port] = servers.free_ports(1)
    listener = f",KNOWN://localhost:{port}"
    settings = {
        "listeners": f"PLAINTEXT://LISTENER,CONTROLLER://QUORUM{listener}", "advertised.listeners": f"PLAINTEXT://LISTENER{listener}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,KNOWN:SSL", "listener.name.known.ssl.client.auth": "required",
    }  # fmt: skip
    with servers.real_kafka(tmp_path, **settings, **server_configs()):
        own = {"security.protocol": "SSL", "ssl.truststore.location": certificates() / "ca.pem"}
        copy_there_and_back({**own, "ssl.keystore.location": certificates() / "client-alice.pem"}, f"localhost:{port}", unique("t"), tmp_path)
        with pytest.raises(AssertionError, match="certificate"):
            copy_there_and_back(own, f"localhost:{port}", unique("t"), tmp_path)


def copy_there_and_back(settings, address, topic, tmp_path):
    with Emulator() as first, Emulator() as last:
        for number in range(10):
            first.produce(topic, b"%d" % number)
        for side, one in (("to", first), ("from", last)):
            config = tmp_path / f"{side}.yaml"
            config.write_text("".join(f"mirror.{side}.{key}: '{value}'\n" for key, value in settings.items()))
            ends = (one.bootstrap, address)
            mirror(*(ends if side == "to" else reversed(ends)), "--config", str(config), "--topics", topic, "--exactly-once")
        assert [one.value for one in last.records(topic)] == [b"%d" % number for number in range(10)]
