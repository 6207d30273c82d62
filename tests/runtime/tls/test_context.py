"""What a listener's ssl. configs make of its handshakes, and what is said of those that cannot be."""

import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12 as store

from emulator.runtime.tls.context import make_context, openssl_name
from emulator.runtime.tls.reload import Stores
from emulator.state.configs import ConfigError, parse_broker_settings
from emulator.state.configs.listener import ListenerConfigs
from tests.certificates import certificates, server_configs


def context(**more):
    return made(server_configs(**more))


def made(texts):
    configs = ListenerConfigs(parse_broker_settings(texts), "SSL")
    return make_context(configs, Stores(configs), configs.value("ssl.client.auth"))


def read(name):
    return (certificates() / name).read_text()


def versions(made):
    """Of TLS that are spoken."""
    names = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    return [one.name for one in names if made.minimum_version <= one <= made.maximum_version]


def test_by_default_two_versions_and_nobody_is_asked():
    default = context()
    assert versions(default) == ["TLSv1_2", "TLSv1_3"] and default.verify_mode == ssl.CERT_NONE


@pytest.mark.parametrize("auth, mode", [("requested", ssl.CERT_OPTIONAL), ("required", ssl.CERT_REQUIRED)])
def test_who_is_asked_for_a_certificate(auth, mode):
    assert context(ssl_client_auth=auth).verify_mode == mode


def test_protocols_and_suites():
    assert versions(context(ssl_enabled_protocols="TLSv1.2")) == ["TLSv1_2"]
    older = context(ssl_cipher_suites="TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")
    assert versions(older) == ["TLSv1_2"] and "ECDHE-ECDSA-AES128-GCM-SHA256" in [one["name"] for one in older.get_ciphers()]
    assert versions(context(ssl_cipher_suites="TLS_AES_256_GCM_SHA384,TLS_AES_128_GCM_SHA256,TLS_CHACHA20_POLY1305_SHA256")) == ["TLSv1_3"]


@pytest.mark.parametrize("java, openssl", [
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"), ("TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA"),
    ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"), ("TLS_DHE_RSA_WITH_AES_256_CBC_SHA256", "DHE-RSA-AES256-SHA256"),
])  # fmt: skip
def test_suites_have_javas_names(java, openssl):
    assert openssl_name(java) == openssl


def test_stores_may_be_pkcs12_or_text():
    p12 = {"ssl_keystore_type": "PKCS12", "ssl_keystore_location": str(certificates() / "server.p12"), "ssl_keystore_password": "changeit",
           "ssl_truststore_type": "PKCS12", "ssl_truststore_location": str(certificates() / "truststore.p12"), "ssl_truststore_password": "changeit"}  # fmt: skip
    assert context(**p12, ssl_client_auth="required").cert_store_stats()["x509_ca"] == 1
    text = {"ssl.keystore.type": "PEM", "ssl.keystore.key": read("server.pem").split("-----BEGIN CERT")[0], "ssl.truststore.type": "PEM",
            "ssl.keystore.certificate.chain": read("server.pem")[read("server.pem").index("-----BEGIN CERT") :], "ssl.client.auth": "required",
            "ssl.truststore.certificates": read("ca.pem")}  # fmt: skip
    assert made(text).cert_store_stats()["x509_ca"] == 1


def test_a_store_in_one_line_is_read_too():
    """As a value of server.properties has it, or a folded one of YAML."""
    key, chain = read("server.pem").split("-----BEGIN CERT", 1)
    text = {"ssl.keystore.type": "PEM", "ssl.keystore.key": " ".join(key.split("\n")), "ssl.keystore.certificate.chain": " ".join(f"-----BEGIN CERT{chain}".split("\n"))}
    assert versions(made(text)) == ["TLSv1_2", "TLSv1_3"]


def test_pkcs12_may_be_called_jks():
    """By default it is, and what keytool makes is PKCS12 all the same."""
    text = {"ssl.keystore.location": str(certificates() / "server.p12"), "ssl.keystore.password": "changeit"}
    for kind in ({}, {"ssl.keystore.type": "jks"}, {"ssl.keystore.type": "pkcs12"}):
        assert versions(made({**text, **kind})) == ["TLSv1_2", "TLSv1_3"]


def pkcs12(path, key_of, others, password=b"changeit"):
    """Writes a store with the key and certificate of server.pem of that authority, and `others` [(alias, certificate)]."""
    pem = (certificates(key_of) / "server.pem").read_bytes()
    protection = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    named = [store.PKCS12Certificate(one, alias) for alias, one in others]
    path.write_bytes(store.serialize_key_and_certificates(
        b"Server", serialization.load_pem_private_key(pem, None), x509.load_pem_x509_certificate(pem), named, protection))  # fmt: skip
    return {"ssl.keystore.type": "PKCS12", "ssl.keystore.location": str(path), "ssl.keystore.password": password.decode()}


def test_of_a_store_what_leads_to_its_authority_is_shown(tmp_path):
    own, other = (x509.load_pem_x509_certificates((certificates(name) / "ca.pem").read_bytes()) for name in "ab")
    configs = ListenerConfigs(parse_broker_settings(pkcs12(tmp_path / "s.p12", "a", [(b"CARoot", *other), (None, *own)])), "SSL")
    keys = Stores(configs).keys
    assert [one.subject.rfc4514_string() for one in x509.load_pem_x509_certificates(keys.pem)] == ["CN=127.0.0.1", "CN=kafka-emulator development CA"]
    assert [alias for alias, _ in keys.entries] == ["server", "caroot"]
    assert repr(keys) == "Keys of ['server', 'caroot']"  # and nothing of the key


def test_an_empty_password_is_one(tmp_path):
    assert versions(made(pkcs12(tmp_path / "s.p12", "a", [], b""))) == ["TLSv1_2", "TLSv1_3"]


def test_a_key_may_have_a_password():
    pem = (certificates() / "server.pem").read_bytes()
    key = serialization.load_pem_private_key(pem, None)
    encrypted = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret"))
    text = {"ssl.keystore.type": "PEM", "ssl.keystore.key": encrypted.decode(), "ssl.keystore.certificate.chain": pem[pem.index(b"-----BEGIN CERT") :].decode()}
    assert versions(made({**text, "ssl.key.password": "secret"})) == ["TLSv1_2", "TLSv1_3"]
    for more, said in (({}, "the key is encrypted"), ({"ssl.key.password": "other"}, "a wrong password")):
        with pytest.raises(ConfigError, match=f"Invalid PEM keystore configs: .*{said}"):
            made({**text, **more})


def test_javas_own_names_change_nothing():
    said = {"ssl_protocol": "TLS", "ssl_provider": "SunJSSE", "ssl_keymanager_algorithm": "pkix", "ssl_trustmanager_algorithm": "SunX509",
            "ssl_secure_random_implementation": "SHA1PRNG", "ssl_engine_factory_class": "org.apache.kafka.common.security.ssl.DefaultSslEngineFactory",
            "ssl_endpoint_identification_algorithm": ""}  # fmt: skip
    assert versions(context(**said)) == ["TLSv1_2", "TLSv1_3"]


@pytest.mark.parametrize("more, said", [
    ({"ssl_keystore_location": "/nowhere.pem"}, "Failed to load PEM SSL keystore /nowhere.pem: ssl.keystore.location: No such file"),
    ({"ssl_keystore_location": ""}, "Failed to load PEM SSL keystore : ssl.keystore.location: No such file"),
    ({"ssl_keystore_type": "PKCS12", "ssl_keystore_location": "/nowhere.p12", "ssl_keystore_password": "x"},
     "Failed to load SSL keystore /nowhere.p12 of type PKCS12: ssl.keystore.location: No such file"),
    ({"ssl_keystore_type": "PKCS12"}, "key store is specified, but key store password is not"),
    ({"ssl_keystore_type": "PKCS12", "ssl_keystore_password": "x"}, "not PKCS12, or ssl.keystore.password is not its password"),
    ({"ssl_keystore_type": "BKS", "ssl_keystore_password": "x"}, "of type BKS: .* ssl.keystore.type should be PEM, PKCS12, or JKS"),
    ({"ssl_keystore_password": "x"}, "SSL key store password cannot be specified with PEM format"),
    ({"ssl_key_password": "x"}, "the key is not encrypted, and there is an ssl.key.password"),
    ({"ssl_truststore_password": "x"}, "SSL trust store password cannot be specified for PEM format"),
    ({"ssl_truststore_location": "/nowhere.pem"}, "Failed to load PEM SSL keystore /nowhere.pem: ssl.truststore.location: No such file"),
    ({"ssl_enabled_protocols": "SSLv3"}, "SSLv3 for configuration ssl.enabled.protocols"),
    ({"ssl_cipher_suites": "TLS_WITH_LOVE"}, "TLS_WITH_LOVE for configuration ssl.cipher.suites: there is no such suite"),
    ({"ssl_cipher_suites": "TLS_AES_256_GCM_SHA384"}, "of TLS 1.3 all suites can be had or none"),
    ({"ssl_protocol": "DTLS"}, "Invalid value DTLS for configuration ssl.protocol: expected TLS or"),
    ({"ssl_provider": "BC"}, "Invalid value BC for configuration ssl.provider: expected SunJSSE"),
    ({"ssl_keymanager_algorithm": "BC"}, "for configuration ssl.keymanager.algorithm"),
    ({"ssl_trustmanager_algorithm": "BC"}, "for configuration ssl.trustmanager.algorithm"),
    ({"ssl_secure_random_implementation": "BC"}, "for configuration ssl.secure.random.implementation"),
    ({"ssl_engine_factory_class": "org.example.Own"}, "ssl.engine.factory.class: Class org.example.Own could not be found"),
])  # fmt: skip
def test_what_cannot_be_is_said(more, said):
    with pytest.raises(ConfigError, match=said):
        context(**more)


@pytest.mark.parametrize("inner", ["AAAA", "MA==", "%%%", "MIACAQA="])
def test_what_is_no_certificate_is_refused(inner):
    text = {"ssl.keystore.type": "PEM", "ssl.keystore.key": read("server.pem").split("-----BEGIN CERT")[0],
            "ssl.keystore.certificate.chain": f"-----BEGIN CERTIFICATE-----\n{inner}\n-----END CERTIFICATE-----"}  # fmt: skip
    with pytest.raises(ConfigError, match="Invalid PEM keystore configs: its certificate is none"):
        made(text)


def test_javas_own_format_is_called_by_its_name(tmp_path):
    (tmp_path / "server.jks").write_bytes(b"\xfe\xed\xfe\xed\0\0\0\2")
    with pytest.raises(ConfigError, match="JKS, cannot be read here; `keytool -importkeystore"):
        made({"ssl.keystore.location": str(tmp_path / "server.jks"), "ssl.keystore.password": "changeit"})


def test_the_key_of_a_pkcs12_store_has_its_password():
    text = {"ssl.keystore.type": "PKCS12", "ssl.keystore.location": str(certificates() / "server.p12"), "ssl.keystore.password": "changeit"}
    assert versions(made({**text, "ssl.key.password": "changeit"})) == ["TLSv1_2", "TLSv1_3"]
    with pytest.raises(ConfigError, match="ssl.key.password is not ssl.keystore.password"):
        made({**text, "ssl.key.password": "other"})


def test_a_key_of_another_certificate_is_refused():
    key = (certificates("b") / "server.pem").read_text().split("-----BEGIN CERT")[0]
    texts = {"ssl.keystore.type": "PEM", "ssl.keystore.key": key, "ssl.keystore.certificate.chain": read("ca.pem")}
    with pytest.raises(ConfigError, match="the key does not go with the certificate"):
        made(texts)
