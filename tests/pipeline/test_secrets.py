"""The list of secrets, held against all that messages and configs declare: what is new there must be judged here."""

import pytest

from emulator.pipeline.requests import _WITH_SECRETS
from emulator.pipeline.secrets import FIELDS, is_secret_config
from emulator.state.configs.broker import all_names, key_of
from wire.apis import BY_KEY
from wire.apis.configs import IncrementalAlterConfigs

PUBLIC_BYTES = {"metadata", "assignment", "member_metadata", "member_assignment", "metrics"}  # what members tell each other, and counts
PUBLIC_WORDS = {
    "token_id", "token_requester_principal_name", "token_requester_principal_type", "tokens",  # a token is proved by its hmac
    "credential_infos",  # mechanisms and iterations
}  # fmt: skip
WORDS = ("auth_", "hmac", "salt", "password", "passphrase", "secret", "token", "credential", "proof", "nonce", "private", "certificate")


def fields_of(fields):
    for field in fields:
        yield field
        if field.type.fields:
            yield from fields_of(field.type.fields)


def configs_in(fields):
    """Whether there are structures of a config's name and its value, in texts."""
    for field in fields:
        inner = {one.name: one.type.kind for one in field.type.fields or ()}
        if inner.get("name") == inner.get("value") == "string" or configs_in(field.type.fields or ()):
            return True
    return False


def test_every_field_is_judged():
    declared = [field for api in BY_KEY.values() for message in (api.request, api.response) for field in fields_of(message.fields)]
    assert {field.name for field in declared if field.type.kind == "bytes"} == FIELDS | PUBLIC_BYTES
    assert {field.name for field in declared if any(word in field.name for word in WORDS)} - FIELDS == PUBLIC_WORDS


def test_histories_look_into_every_message_that_has_some():
    """Answers to DescribeConfigs have no secret: brokers leave them out."""
    found = set()
    for api in BY_KEY.values():
        declared = [*fields_of(api.request.fields), *fields_of(api.response.fields)]
        if any(field.name in FIELDS for field in declared) or configs_in(api.request.fields):
            found.add(api.key)
    assert set(_WITH_SECRETS) == found


@pytest.mark.parametrize("prefix", ["", "listener.name.outside.", "listener.name.outside.plain."])
def test_every_sensitive_config_is_secret(prefix):
    Configs = IncrementalAlterConfigs.Request.Resources.Configs
    secret = {name for name in all_names() if is_secret_config(Configs(name=prefix + name, value="x"))}
    assert secret - {name for name in all_names() if key_of(name).sensitive} <= {"sasl.oauthbearer.client.credentials.client.id"}
    assert {name for name in all_names() if key_of(name).sensitive} <= secret
