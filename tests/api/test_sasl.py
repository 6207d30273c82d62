"""SCRAM credentials, and what a plaintext listener refuses: handshakes."""

import pytest

from tests.api.conftest import becomes
from wire import errors
from wire.apis.sasl import AlterUserScramCredentials, DescribeUserScramCredentials, SaslAuthenticate, SaslHandshake

SHA_256, SHA_512 = 1, 2
TWICE = (errors.DUPLICATE_RESOURCE, "A user credential cannot be altered twice in the same request")
NOT_THERE = (errors.RESOURCE_NOT_FOUND, "Attempt to delete a user credential that does not exist")


def upsert(name, mechanism=SHA_256, iterations=4096, salt=b"salt", salted_password=b"x" * 32):
    return AlterUserScramCredentials.Request.Upsertions(
        name=name, mechanism=mechanism, iterations=iterations, salt=salt, salted_password=salted_password
    )


def remove(name, mechanism=SHA_256):
    return AlterUserScramCredentials.Request.Deletions(name=name, mechanism=mechanism)


def alter(client, *alterations):
    """[(user, error, message)] as it came."""
    upsertions = [one for one in alterations if isinstance(one, AlterUserScramCredentials.Request.Upsertions)]
    deletions = [one for one in alterations if one not in upsertions]
    answer = client.call(AlterUserScramCredentials, 0, deletions=deletions, upsertions=upsertions)
    return [(one.user, one.error_code, one.error_message) for one in answer.results]


def describe(client, *users):
    """{user: [(mechanism, iterations)], or (error, message)}; of everybody without `users`."""
    asked = [DescribeUserScramCredentials.Request.Users(name=name) for name in users] or None
    answer = client.call(DescribeUserScramCredentials, 0, users=asked)
    assert (answer.error_code, answer.error_message) == (0, "")
    return {
        one.user: (one.error_code, one.error_message) if one.error_code else sorted((each.mechanism, each.iterations) for each in one.credential_infos)
        for one in answer.results
    }


def test_a_user_may_have_one_credential_of_each_mechanism(client, fresh):
    user = fresh("alice")
    assert alter(client, upsert(user)) == [(user, 0, None)]
    assert becomes(lambda: describe(client, user), {user: [(SHA_256, 4096)]})
    assert alter(client, upsert(user, SHA_512, 16384)) == [(user, 0, None)]
    assert becomes(lambda: describe(client, user), {user: [(SHA_256, 4096), (SHA_512, 16384)]})
    assert alter(client, upsert(user, SHA_256, 8192)) == [(user, 0, None)]
    assert becomes(lambda: describe(client)[user], [(SHA_256, 8192), (SHA_512, 16384)])
    assert alter(client, remove(user, SHA_256)) == [(user, 0, None)]
    assert becomes(lambda: describe(client, user), {user: [(SHA_512, 16384)]})
    assert alter(client, remove(user, SHA_256)) == [(user, *NOT_THERE)]
    alter(client, remove(user, SHA_512))
    gone = (errors.RESOURCE_NOT_FOUND, f"Attempt to describe a user credential that does not exist: {user}")
    assert becomes(lambda: describe(client, user), {user: gone})


def test_a_user_is_described_once(client, fresh):
    user = fresh("bob")
    twice = (errors.DUPLICATE_RESOURCE, f"Cannot describe SCRAM credentials for the same user twice in a single request: {user}")
    assert describe(client, user, user) == {user: twice}


def test_what_no_credential_can_be(client, fresh):
    user = fresh("carol")
    unacceptable, unsupported = errors.UNACCEPTABLE_CREDENTIAL, errors.UNSUPPORTED_SASL_MECHANISM
    assert alter(client, upsert("")) == [("", unacceptable, "Username must not be empty")]
    assert alter(client, upsert(user, iterations=4095)) == [(user, unacceptable, "Too few iterations")]
    assert alter(client, upsert(user, iterations=16385)) == [(user, unacceptable, "Too many iterations")]
    for mechanism in (0, 3, 99):
        assert alter(client, upsert(user, mechanism)) == [(user, unsupported, "Unknown SCRAM mechanism")]
    assert alter(client, remove(user, 9)) == [(user, unsupported, "Unknown SCRAM mechanism")]
    assert alter(client, upsert(user, salted_password=b"")) == [(user, errors.UNKNOWN_SERVER_ERROR, None)]
    assert describe(client, user)[user][0] == errors.RESOURCE_NOT_FOUND


def test_nobody_is_altered_twice(client, fresh):
    user, other = fresh("dave"), fresh("erin")
    assert alter(client, upsert(user), upsert(user, SHA_512)) == [(user, *TWICE)]
    assert alter(client, upsert(user)) == [(user, 0, None)]
    assert alter(client, remove(user), upsert(user, SHA_512), upsert(other)) == [(other, 0, None), (user, *TWICE)]
    assert alter(client, remove(user), remove(user)) == [(user, *TWICE)]
    assert becomes(lambda: describe(client, user, other), {user: [(SHA_256, 4096)], other: [(SHA_256, 4096)]})
    alter(client, remove(user), remove(other))


def test_answers_come_in_the_order_of_kafkas_tables(client):
    users = [f"order{i}" for i in range(14)]
    altered = alter(client, *map(upsert, users))
    assert [user for user, *_ in altered] == [
        "order10", "order11", "order12", "order9", "order8", "order7", "order6", "order5",
        "order4", "order3", "order2", "order1", "order13", "order0",
    ]  # fmt: skip
    alter(client, *map(remove, users))


@pytest.mark.parametrize("version", [0, 1])
def test_a_handshake_comes_too_late(client, version):
    answer = client.call(SaslHandshake, version, mechanism="PLAIN")
    assert (answer.error_code, answer.mechanisms) == (errors.ILLEGAL_SASL_STATE, [])


@pytest.mark.parametrize("version", [0, 1, 2])
def test_everybody_is_authenticated_already(client, version):
    answer = client.call(SaslAuthenticate, version, auth_bytes=b"\0alice\0secret")
    assert answer == SaslAuthenticate.reply(
        error_code=errors.ILLEGAL_SASL_STATE, error_message="SaslAuthenticate request received after successful authentication", auth_bytes=b""
    )
