"""ACLs as Apache Kafka 4.3.1 answered: with an authorizer they are kept and found again, without there is no security."""

import pytest

from tests.api.conftest import becomes
from tests.wire_client import WireClient
from wire import errors
from wire.apis.acls import CreateAcls, DeleteAcls, DescribeAcls

ANY, MATCH, LITERAL, PREFIXED = 1, 2, 3, 4
TOPIC, GROUP, CLUSTER, USER = 2, 3, 4, 7
ALL, READ, WRITE, CREATE_TOKENS = 2, 3, 4, 13
DENY, ALLOW = 2, 3
NO_COLON = "Could not parse principal from `{}` (no colon is present separating the principal type from the principal name)"


@pytest.fixture
def guarded(bootstrap_acls):
    with WireClient(bootstrap_acls) as client:
        yield client


def acl(name, kind=TOPIC, pattern=LITERAL, principal="User:alice", host="*", operation=READ, permission=ALLOW):
    return CreateAcls.Request.Creations(
        resource_type=kind, resource_name=name, resource_pattern_type=pattern,
        principal=principal, host=host, operation=operation, permission_type=permission,
    )  # fmt: skip


def create(client, *acls, version=3):
    return [(one.error_code, one.error_message) for one in client.call(CreateAcls, version, creations=list(acls)).results]


def wanted(kind=ANY, name=None, pattern=ANY, principal=None, host=None, operation=ANY, permission=ANY):
    return dict(
        resource_type_filter=kind, resource_name_filter=name, pattern_type_filter=pattern,
        principal_filter=principal, host_filter=host, operation=operation, permission_type=permission,
    )  # fmt: skip


def find(client, version=3, **fields):
    """{(type, name, pattern, principal, host, operation, permission)} of what a filter finds."""
    answer = client.call(DescribeAcls, version, **wanted(**fields))
    assert (answer.error_code, answer.error_message) == (0, "")
    found = [
        (one.resource_type, one.resource_name, one.pattern_type, each.principal, each.host, each.operation, each.permission_type)
        for one in answer.resources
        for each in one.acls
    ]
    assert len(set(found)) == len(found)
    return set(found)


def delete(client, *filters, version=3):
    """For each filter the error and its message, and the names that were removed."""
    asked = [DeleteAcls.Request.Filters(**wanted(**fields)) for fields in filters]
    return [
        (one.error_code, one.error_message, sorted(each.resource_name for each in one.matching_acls))
        for one in client.call(DeleteAcls, version, filters=asked).filter_results
    ]


def names(client, **fields):
    return sorted(name for _, name, *_ in find(client, **fields))


@pytest.mark.parametrize("version", [1, 2, 3])
def test_without_an_authorizer_there_is_no_security(client, version):
    answer = client.call(DescribeAcls, version, **wanted())
    assert (answer.error_code, answer.error_message) == (errors.SECURITY_DISABLED, "No Authorizer is configured on the broker")
    disabled = (errors.SECURITY_DISABLED, "No Authorizer is configured.")
    assert create(client, acl("a"), acl(""), version=version) == [disabled, disabled]
    assert delete(client, {}, {}, version=version) == [(*disabled, [])] * 2


def test_the_four_kinds_of_pattern(guarded, fresh):
    base = fresh("orders")
    assert create(guarded, acl(base), acl(base, pattern=PREFIXED), acl(base + "-eu"), acl("*", principal=f"User:{base}")) == [(0, "")] * 4
    assert becomes(lambda: names(guarded, name=base), [base, base])
    assert names(guarded, name=base, pattern=LITERAL) == [base]
    assert names(guarded, name=base, pattern=PREFIXED) == [base]
    matching = find(guarded, name=base + "-eu", pattern=MATCH)
    assert {(name, pattern) for _, name, pattern, *_ in matching} >= {(base + "-eu", LITERAL), (base, PREFIXED), ("*", LITERAL)}
    assert (TOPIC, base, LITERAL, "User:alice", "*", READ, ALLOW) not in matching
    assert names(guarded, name="*", principal=f"User:{base}") == ["*"]
    assert names(guarded, name=base + "-us") == []
    delete(guarded, {"name": base}, {"name": base + "-eu"}, {"principal": f"User:{base}"})


def test_what_a_filter_names_must_be_so(guarded, fresh):
    name = fresh("t")
    alice = (TOPIC, name, LITERAL, "User:alice", "*", READ, ALLOW)
    bob = (TOPIC, name, LITERAL, "User:bob", "10.0.0.1", WRITE, DENY)
    group = (GROUP, name, LITERAL, "User:alice", "*", READ, ALLOW)
    create(guarded, acl(name), acl(name, principal="User:bob", host="10.0.0.1", operation=WRITE, permission=DENY), acl(name, kind=GROUP))
    assert becomes(lambda: find(guarded, name=name), {alice, bob, group})
    assert find(guarded, name=name, kind=GROUP) == {group}
    assert find(guarded, name=name, principal="User:bob") == {bob}
    assert find(guarded, name=name, host="*") == {alice, group}
    assert find(guarded, name=name, operation=WRITE) == find(guarded, name=name, permission=DENY) == {bob}
    assert find(guarded, name=name, operation=ALL) == set()
    for unknown in ({"kind": 99}, {"pattern": 99}, {"operation": 99}, {"permission": 99}):
        assert find(guarded, name=name, **unknown) == set()
    delete(guarded, {"name": name})


def test_each_is_there_once(guarded, fresh):
    name = fresh("twice")
    assert create(guarded, acl(name), acl(name)) == [(0, ""), (0, "")]
    assert create(guarded, acl(name), version=1) == [(0, "")]
    assert becomes(lambda: names(guarded, name=name), [name])
    assert delete(guarded, {"name": name}) == [(0, None, [name])]
    assert delete(guarded, {"name": name}) == [(0, None, [])]
    assert becomes(lambda: names(guarded, name=name), [])


def test_what_may_not_be_is_refused_alone(guarded, fresh):
    name = fresh("some")
    bad = errors.INVALID_REQUEST
    assert create(
        guarded, acl(name), acl(""), acl(name, kind=CLUSTER), acl(name, kind=99), acl(name, pattern=77), acl(name, operation=88),
        acl(name, permission=9), acl(name, principal="alice"), acl(name, principal=""), acl(name, kind=USER, operation=CREATE_TOKENS),
    ) == [
        (0, ""), (bad, "Invalid empty resource name"), (bad, "The only valid name for the CLUSTER resource is kafka-cluster"),
        (bad, "Invalid resourceType UNKNOWN"), (bad, "Invalid patternType UNKNOWN"), (bad, "Invalid operation UNKNOWN"),
        (bad, "Invalid permissionType UNKNOWN"), (bad, NO_COLON.format("alice")), (bad, NO_COLON.format("")), (0, ""),
    ]  # fmt: skip
    assert becomes(lambda: names(guarded, name=name), [name, name])
    delete(guarded, {"name": name})


@pytest.mark.parametrize("odd", [{"kind": ANY}, {"pattern": ANY}, {"pattern": MATCH}, {"operation": ANY}, {"permission": ANY}])
def test_an_acl_for_any_breaks_the_whole_request(guarded, fresh, odd):
    name = fresh("any")
    assert create(guarded, acl(name), acl(name, **odd)) == [(errors.UNKNOWN_SERVER_ERROR, None)] * 2
    assert names(guarded, name=name) == []


def test_a_filter_that_nobody_knows_removes_nothing(guarded):
    bad = errors.INVALID_REQUEST
    assert delete(guarded, {"kind": 99}, {"operation": 99}, {"pattern": 99}, {"permission": 88}) == [
        (bad, "Unknown patternFilter.", []), (bad, "Unknown entryFilter.", []),
        (bad, "Unknown patternFilter.", []), (bad, "Unknown entryFilter.", []),
    ]  # fmt: skip


def test_two_filters_may_remove_the_same(guarded, fresh):
    name = fresh("both")
    create(guarded, acl(name), acl(name + "-2"))
    assert becomes(lambda: names(guarded, name=name), [name])
    answers = delete(guarded, {"name": name}, {"name": name, "kind": TOPIC}, {"name": "no such"})
    assert answers == [(0, None, [name]), (0, None, [name]), (0, None, [])]
    assert delete(guarded, {"name": name + "-2"}) == [(0, None, [name + "-2"])]


@pytest.mark.parametrize("api, fields", [
    (DescribeAcls, wanted(kind=0)),
    (DescribeAcls, wanted(permission=0)),
    (CreateAcls, {"creations": [acl("t", pattern=0)]}),
    (CreateAcls, {"creations": [acl("t", operation=0)]}),
    (DeleteAcls, {"filters": [DeleteAcls.Request.Filters(**wanted(kind=0))]}),
])  # fmt: skip
def test_unknown_by_its_number_ends_the_connection(bootstrap_acls, api, fields):
    with WireClient(bootstrap_acls) as client, pytest.raises(ConnectionError):
        client.call(api, 2, **fields)


def test_too_many_at_once_are_all_refused(guarded, fresh):
    name = fresh("many")
    policy = (errors.POLICY_VIOLATION, "Unable to perform excessively large batch operation.")
    answers = create(guarded, acl(""), *(acl(f"{name}-{i}") for i in range(10_001)))
    assert answers[0] == (errors.INVALID_REQUEST, "Invalid empty resource name")
    assert set(answers[1:]) == {policy}
    assert names(guarded, name=f"{name}-0") == []
