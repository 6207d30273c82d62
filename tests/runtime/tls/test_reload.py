"""Another certificate for a listener that serves, by IncrementalAlterConfigs; what Kafka refuses in place of one."""

import shutil

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from emulator import Emulator
from emulator.apps.certs import Certificates
from tests.certificates import certificates, client_context
from tests.wire_client import WireClient
from wire import errors
from wire.apis.configs import IncrementalAlterConfigs
from wire.apis.metadata import ApiVersions

_BROKER, _SET = 4, 0


@pytest.fixture
def kafka(tmp_path):
    shutil.copy(certificates() / "server.pem", tmp_path / "server.pem")
    config = {"listeners": "PLAINTEXT://127.0.0.1:0,SSL://127.0.0.1:0", "ssl.keystore.type": "PEM", "ssl.keystore.location": str(tmp_path / "server.pem")}
    with Emulator(config=config) as kafka:
        kafka.file = tmp_path / "server.pem"
        yield kafka


def alter(kafka, **configs):
    """(error code, message) of setting the broker's listener.name.ssl.ssl. configs."""
    Resource = IncrementalAlterConfigs.Request.Resources
    made = [Resource.Configs(name=f"listener.name.ssl.ssl.{name.replace('_', '.')}", config_operation=_SET, value=str(value)) for name, value in configs.items()]
    with WireClient(kafka.bootstrap) as client:
        [told] = client.call(IncrementalAlterConfigs, 1, resources=[Resource(resource_type=_BROKER, resource_name="1", configs=made)], validate_only=False).responses
    return told.error_code, told.error_message


def serves(kafka, authority):
    """Whether a client is served that trusts this authority."""
    _, host, port = kafka.server.bound[1]
    try:
        with WireClient(f"{host}:{port}", tls=client_context(authority)) as client:
            return not client.call(ApiVersions, 0).error_code
    except OSError:
        return False


def test_a_store_at_another_place(kafka):
    assert serves(kafka, "a") and not serves(kafka, "b")
    assert alter(kafka, keystore_type="PEM", keystore_location=certificates("b") / "server.pem")[0] == errors.NONE
    assert serves(kafka, "b") and not serves(kafka, "a")


def test_a_file_that_has_changed_is_read_again(kafka):
    shutil.copy(certificates("b") / "server.pem", kafka.file)
    assert serves(kafka, "a")
    assert alter(kafka, keystore_location=kafka.file)[0] == errors.NONE
    assert serves(kafka, "b")


def refused(why):
    """As Kafka's broker says it."""
    reason = f"Validation of dynamic config update of SSLFactory failed: {why}"
    return errors.INVALID_REQUEST, f"Invalid value org.apache.kafka.common.config.ConfigException: {reason} for configuration Invalid dynamic configuration"


@pytest.mark.parametrize("configs, why", [
    ({"keystore_location": "/nowhere.pem"}, "errors.InvalidConfigurationException: Failed to load PEM SSL keystore /nowhere.pem"),
    ({"keystore_password": "x"}, "errors.InvalidConfigurationException: SSL key store password cannot be specified with PEM format, only key password may be specified"),
    ({"keystore_type": "PKCS12", "keystore_location": "/nowhere.p12", "keystore_password": "x"}, "KafkaException: Failed to load SSL keystore /nowhere.p12 of type PKCS12"),
    ({"keystore_location": certificates("b") / "client-alice.pem"},
     "config.ConfigException: Keystore DistinguishedName does not match:  existing={alias=kafka, DN=CN=127.0.0.1}, new={alias=kafka, DN=CN=alice}"),
    ({"truststore_type": "PEM", "truststore_location": certificates() / "ca.pem"},
     "config.ConfigException: Cannot add SSL truststore to an existing listener for which no truststore was configured."),
])  # fmt: skip
def test_what_cannot_be_changes_nothing(kafka, configs, why):
    assert alter(kafka, **configs) == refused(f"org.apache.kafka.common.{why}")
    assert serves(kafka, "a")


def test_a_certificate_has_all_names_of_the_one_before(kafka, tmp_path):
    (tmp_path / "c").mkdir()
    Certificates(tmp_path / "c").server(["127.0.0.1"])
    shown = "existing={alias=kafka, SAN=[[7, 127.0.0.1], [2, localhost]]}, new={alias=kafka, SAN=[[7, 127.0.0.1]]}"
    expected = refused(f"org.apache.kafka.common.config.ConfigException: Keystore SubjectAltNames do not match:  {shown}")
    assert alter(kafka, keystore_location=tmp_path / "c/server.pem") == expected


def test_a_store_has_as_many_entries_as_the_one_before(kafka, tmp_path):
    """Each key is one, and so is each certificate that was put there by itself."""
    pem = (certificates() / "server.pem").read_bytes()
    key, (own, authority) = serialization.load_pem_private_key(pem, None), x509.load_pem_x509_certificates(pem)
    alone = [pkcs12.PKCS12Certificate(authority, b"CARoot")]
    (tmp_path / "two.p12").write_bytes(pkcs12.serialize_key_and_certificates(b"server", key, own, alone, serialization.BestAvailableEncryption(b"changeit")))
    expected = "org.apache.kafka.common.config.ConfigException: Keystore entries do not match, existing store contains 1 entries, new store contains 2 entries"
    assert alter(kafka, keystore_type="PKCS12", keystore_location=tmp_path / "two.p12", keystore_password="changeit") == refused(expected)


@pytest.mark.parametrize("name", ["client-alice.pem", "ca.pem"])
def test_a_changed_file_that_cannot_be_is_not_asked_for_again(kafka, name):
    """Nobody has said anything else, so nobody is told: the log is."""
    shutil.copy(certificates("b") / name, kafka.file)
    assert alter(kafka, keystore_location=kafka.file) == (errors.NONE, None)
    assert serves(kafka, "a")


def test_all_but_the_stores_stays_until_the_next_start(kafka):
    assert alter(kafka, client_auth="required", enabled_protocols="TLSv1.2", keystore_location=certificates("b") / "server.pem") == (errors.NONE, None)
    assert serves(kafka, "b")
    error, said = alter(kafka, cipher_suites="TLS_WITH_LOVE")  # with which there would be no next start
    assert error == errors.INVALID_REQUEST and "there is no such suite here" in said


def test_a_file_that_is_gone_is_in_nobodys_way(kafka):
    kafka.file.unlink()
    Resource = IncrementalAlterConfigs.Request.Resources
    made = [Resource.Configs(name="log.cleaner.threads", config_operation=_SET, value="2")]
    with WireClient(kafka.bootstrap) as client:
        [told] = client.call(IncrementalAlterConfigs, 1, resources=[Resource(resource_type=_BROKER, resource_name="1", configs=made)], validate_only=False).responses
    assert told.error_code == errors.NONE and serves(kafka, "a")


def test_of_the_broker_as_a_whole_it_cannot_be_set(kafka):
    Resource = IncrementalAlterConfigs.Request.Resources
    made = [Resource.Configs(name="ssl.keystore.location", config_operation=_SET, value="/other.pem")]
    with WireClient(kafka.bootstrap) as client:
        [told] = client.call(IncrementalAlterConfigs, 1, resources=[Resource(resource_type=_BROKER, resource_name="1", configs=made)], validate_only=False).responses
    assert told.error_code == errors.INVALID_REQUEST and "only per-listener using the listener prefix" in told.error_message
