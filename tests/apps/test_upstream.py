"""How a proxy and a mirror are told to reach a cluster: what makes no sense is named by its key, and no secret is told."""

import pytest

from emulator.apps.errors import UsageError
from emulator.apps.upstream import Upstream
from emulator.runtime.upstream.sasl import BearerLogin, PlainLogin, ScramLogin

BEARER = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required"
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required"
URL = "sasl.oauthbearer.token.endpoint.url"
ID, SECRET = "sasl.oauthbearer.client.credentials.client.id", "sasl.oauthbearer.client.credentials.client.secret"


def upstream(mechanism, **values):
    return Upstream({"bootstrap.servers": "kafka:9092", "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": mechanism, **values}, "it.")


@pytest.mark.parametrize("mechanism, values, kind", [
    (None, {}, type(None)),
    ("PLAIN", {"sasl.username": "a", "sasl.password": "b"}, PlainLogin),
    ("SCRAM-SHA-256", {"sasl.jaas.config": f"{SCRAM} username=a password='b';"}, ScramLogin),
    ("OAUTHBEARER", {"sasl.jaas.config": f"{BEARER} unsecuredLoginStringClaim_sub=a;"}, BearerLogin),
    ("OAUTHBEARER", {URL: "https://issuer/token", ID: "it", SECRET: "its"}, BearerLogin),
    ("OAUTHBEARER", {URL: "https://issuer/token", "sasl.jaas.config": f"{BEARER} clientId=it clientSecret=its scope=kafka extension_trace='7';"}, BearerLogin),
])  # fmt: skip
def test_logins(mechanism, values, kind):
    assert type(upstream(mechanism, **values).login) is kind


@pytest.mark.parametrize("mechanism, values, why", [
    (None, {"sasl.jaas.config": f"{SCRAM} username=a password=secret;"}, "it.sasl.jaas.config needs it.sasl.mechanism"),
    ("PLAIN", {"sasl.username": "a", "sasl.password": "secret", URL: "https://secret"}, f"it.{URL}: it.sasl.mechanism is PLAIN"),
    ("PLAIN", {"sasl.jaas.config": f"{SCRAM} username=a password=secret"}, "it.sasl.jaas.config: JAAS config entry not terminated by semi-colon"),
    ("PLAIN", {"sasl.jaas.config": f"{SCRAM} username=a password=secret; {SCRAM} username=b;"}, "it.sasl.jaas.config: JAAS config property contains 2 login modules, should be 1 module"),
    ("PLAIN", {"sasl.jaas.config": f"{SCRAM} password=secret;"}, 'it.sasl.username is missing (or username="..." in it.sasl.jaas.config)'),
    ("OAUTHBEARER", {}, f'it.sasl.jaas.config: unsecuredLoginStringClaim_sub="..." has to say who it is; tokens that somebody has signed need it.{URL}'),
    ("OAUTHBEARER", {"sasl.password": "secret"}, "it.sasl.password: OAUTHBEARER has tokens"),
    ("OAUTHBEARER", {SECRET: "secret"}, f"it.{SECRET} needs it.{URL}"),
    ("OAUTHBEARER", {URL: "ftp://issuer/secret"}, f"it.{URL}: expected file:///PATH of a token, or https:// or http:// of an issuer"),
    ("OAUTHBEARER", {URL: "https://a:secret@issuer/token"}, f"it.{URL}: "),
    ("OAUTHBEARER", {URL: "https://[::secret"}, f"it.{URL}: Invalid IPv6 URL"),
    ("OAUTHBEARER", {URL: "file:///nowhere"}, f"it.{URL}: /nowhere: No such file or directory"),
    ("OAUTHBEARER", {URL: "https://issuer/token", SECRET: "secret"}, f'it.{ID} is missing (or clientId="..." in it.sasl.jaas.config)'),
    ("OAUTHBEARER", {URL: "https://issuer/token", ID: "it"}, f'it.{SECRET} is missing (or clientSecret="..." in it.sasl.jaas.config)'),
    ("OAUTHBEARER", {URL: "https://issuer/token", "sasl.jaas.config": f"{BEARER} ssl.truststore.location=a;"}, "it.sasl.jaas.config: ssl.truststore.location is not supported here"),
    ("OAUTHBEARER", {URL: "https://issuer/token", "sasl.jaas.config": f"{BEARER} extension_a1=secret;"}, "it.sasl.jaas.config: extension_a1 is no extension"),
    ("OAUTHBEARER", {"sasl.jaas.config": f"{BEARER} unsecuredLoginStringClaim_sub=a unsecuredLoginExtension_auth=secret;"}, "it.sasl.jaas.config: unsecuredLoginExtension_auth is no extension"),
])  # fmt: skip
def test_mistakes_are_named(mechanism, values, why):
    with pytest.raises(UsageError) as error:
        upstream(mechanism, **values)
    assert str(error.value).startswith(why) and "secret" not in str(error.value).removeprefix(why)
