"""What ACLs allow, beside a plain reading of Kafka's rules that looks at every ACL."""

from random import Random
from types import SimpleNamespace

import pytest

from emulator.state.acls import Acl, Acls, Filter
from emulator.state.authorizer import EVERYTHING, OPERATIONS, RESOURCE_TYPES, Authorizer, authorizer_of, java_address
from emulator.state.metadata import Metadata
from emulator.state.principals import ANONYMOUS, Principal, parse_principal

LITERAL, PREFIXED = 3, 4
ALL, READ, WRITE, DESCRIBE, ALTER_CONFIGS = 2, 3, 4, 8, 11
DENY, ALLOW = 2, 3
TOPIC, GROUP = 2, 3
ALICE, BOB = Principal("User", "alice"), Principal("User", "bob")
HERE, THERE = "127.0.0.1", "10.0.0.9"


def acl(name="t", operation=READ, permission=ALLOW, principal="User:alice", pattern=LITERAL, kind=TOPIC, host="*"):
    return Acl(kind, name, pattern, principal, host, operation, permission)


def having(*acls, super_users=(), otherwise=False):
    known = Acls(Metadata(), Random(1))
    assert known.create(acls) == [None] * len(acls)
    return Authorizer(super_users, otherwise, known.index), known


def allows(acls, operation="read", name="t", principal=ALICE, host=HERE, kind="topic", **options):
    return having(*acls, **options)[0].allows(principal, host, operation, kind, name)


def test_nothing_is_allowed_that_no_acl_allows():
    assert not allows([])
    assert allows([], otherwise=True)
    assert allows([acl()])
    assert not allows([acl()], "write")
    assert not allows([acl()], name="tt")
    assert not allows([acl()], principal=BOB)
    assert not allows([acl()], kind="group")


def test_where_an_acl_is_about_a_resource_it_is_not_everybodys_any_more():
    for one in (acl(), acl("*"), acl("t", pattern=PREFIXED), acl("", pattern=PREFIXED), acl(principal="User:x", host="1.2.3.4", operation=WRITE)):
        assert not allows([one], "alter", otherwise=True)
    assert allows([acl("u"), acl("tt", pattern=PREFIXED), acl("t", kind=GROUP)], "alter", otherwise=True)


def test_a_denial_goes_before_what_allows():
    for pattern in (acl(permission=DENY), acl("*", permission=DENY), acl(permission=DENY, pattern=PREFIXED), acl("*", ALL, DENY, "User:*")):
        for allowing in (acl(), acl("*"), acl(operation=ALL), acl(principal="User:*")):
            assert not allows([allowing, pattern])
    assert allows([acl(), acl(permission=DENY, host=THERE), acl(permission=DENY, principal="User:bob"), acl(operation=WRITE, permission=DENY)])


def test_who_may_do_more_may_look():
    for operation in (READ, WRITE, 6, 7):
        assert allows([acl(operation=operation)], "describe")
        assert allows([acl(operation=operation, permission=DENY), acl(operation=DESCRIBE)], "describe")
    assert allows([acl(operation=ALTER_CONFIGS)], "describe_configs")
    assert not allows([acl(operation=ALTER_CONFIGS)], "describe")
    assert not allows([acl(operation=5)], "describe")


def test_super_users_may_do_all():
    for principal, may in ((ALICE, True), (Principal("User", "alice", by_token=True), True), (Principal("Group", "alice"), False), (BOB, False)):
        assert allows([acl("*", ALL, DENY, "User:*")], principal=principal, super_users=["User:alice"]) == may


def test_the_star_is_every_name_only_where_it_is_literal():
    assert allows([acl("*")], name="anything")
    assert not allows([acl("*", pattern=PREFIXED)], name="anything")
    assert allows([acl("*", pattern=PREFIXED)], name="*anything")
    assert not allows([acl(principal="Group:*")])
    assert not allows([acl(host="127.0.0.*")])


def test_what_changes_counts_at_once():
    authorizer, known = having()

    def may():
        return authorizer.allows(ALICE, HERE, "read", "topic", "t"), authorizer.allows_any(ALICE, HERE, "read", "topic")

    assert may() == (False, False)
    known.create([acl()])
    assert may() == (True, True)
    known.create([acl(permission=DENY)])
    assert may() == (False, False)
    known.delete([Filter(1, None, 1, None, None, 1, DENY)])
    assert may() == (True, True)
    known.delete([Filter(1, None, 1, None, None, 1, 1)])
    assert may() == (False, False)


def test_settings_say_who_is_super():
    acls = Acls(Metadata(), Random(1))
    settings = SimpleNamespace(authorizer_class_name="x", super_users=" User:alice; ;User:CN=a,O=b:c", allow_everyone_if_no_acl_found=False)
    authorizer = authorizer_of(settings, acls)
    assert authorizer.allows(ALICE, HERE, "alter", "cluster", "kafka-cluster")
    assert authorizer.allows(parse_principal("User:CN=a,O=b:c"), HERE, "alter", "cluster", "kafka-cluster")
    assert not authorizer.allows(ANONYMOUS, HERE, "alter", "cluster", "kafka-cluster")
    assert authorizer_of(SimpleNamespace(authorizer_class_name=""), acls) is None


@pytest.mark.parametrize("host, as_java", [
    ("127.0.0.1", "127.0.0.1"), ("::1", "0:0:0:0:0:0:0:1"), ("fe80::a:0b%eth0", "fe80:0:0:0:0:0:a:b%eth0"), ("::ffff:10.0.0.9", "10.0.0.9"),
])  # fmt: skip
def test_addresses_are_compared_as_java_writes_them(host, as_java):
    assert java_address(host) == as_java
    assert allows([acl(host=as_java)], host=host)


# -- beside a plain reading ------------------------------------------------------------------------

NAMES = ("*", "a", "ab", "abc", "abd", "b", "ba", "hardcode", "h", "*a")
IMPLIED = {"describe": {3, 4, 6, 7, 8}, "describe_configs": {10, 11}}


def plainly(acls, principal, host, operation, kind, name, otherwise):
    about = [
        one for one in acls
        if one.resource_type == kind and (
            one.resource_name in (name, "*") if one.pattern_type == LITERAL else name.startswith(one.resource_name)
        )
    ]  # fmt: skip
    if not about:
        return otherwise
    mine = [one for one in about if one.principal in (str(principal), "User:*") and one.host in (host, "*")]
    code = OPERATIONS[operation]
    if any(one.permission_type == DENY and one.operation in (code, ALL) for one in mine):
        return False
    return any(one.permission_type == ALLOW and one.operation in {ALL} | IMPLIED.get(operation, {code}) for one in mine)


def plainly_any(acls, principal, host, operation, kind, otherwise):
    if plainly(acls, principal, host, operation, kind, "hardcode", otherwise):
        return True
    mine = [
        one for one in acls
        if one.resource_type == kind and one.principal in (str(principal), "User:*") and one.host in (host, "*")
        and one.operation in (OPERATIONS[operation], ALL)
    ]  # fmt: skip
    denied = [one for one in mine if one.permission_type == DENY]

    def is_dominated(one):
        return any(
            each.pattern_type == PREFIXED and one.resource_name.startswith(each.resource_name)
            or each.pattern_type == one.pattern_type == LITERAL and each.resource_name == one.resource_name
            for each in denied
        )

    if any(one.pattern_type == LITERAL and one.resource_name == "*" for one in denied):
        return False
    return any(one[1:3] == ("*", LITERAL) or not is_dominated(one) for one in mine if one.permission_type == ALLOW)


def drawn(random):
    return Acl(
        random.choice((TOPIC, GROUP)), random.choice(NAMES), random.choice((LITERAL, PREFIXED)),
        random.choice(("User:alice", "User:alice", "User:bob", "User:*", "Group:alice")), random.choice(("*", "*", HERE, THERE)),
        random.choice((ALL, READ, WRITE, 5, 6, 7, DESCRIBE, 10, ALTER_CONFIGS)), random.choice((ALLOW, ALLOW, DENY)),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(60))
def test_it_decides_as_a_plain_reading_does(seed):
    random = Random(seed)
    otherwise = random.random() < 0.5
    authorizer, known = having(otherwise=otherwise)
    there = set()
    for _ in range(12):
        if there and random.random() < 0.4:
            gone = random.choice(sorted(there))
            there.discard(gone)
            assert known.delete([Filter(*gone)]) == [[gone]]
        else:
            new = {drawn(random) for _ in range(random.randrange(1, 4))}
            there |= new
            known.create(sorted(new))
        for _ in range(40):
            principal, host = random.choice((ALICE, BOB)), random.choice((HERE, THERE))
            operation, kind, name = random.choice(sorted(OPERATIONS)), random.choice(("topic", "group")), random.choice((*NAMES, "abcd", "bb"))
            asked = principal, host, operation, RESOURCE_TYPES[kind]
            assert authorizer.allows(principal, host, operation, kind, name) == plainly(there, *asked, name, otherwise)
            assert authorizer.allows_any(principal, host, operation, kind) == plainly_any(there, *asked, otherwise)


def test_a_client_that_asks_for_ever_new_names_does_not_fill_the_memory():
    authorizer, _ = having(otherwise=True)
    for i in range(120_000):
        assert authorizer.operations(ALICE, HERE, "topic", f"name-{i}") == EVERYTHING
    assert len(authorizer._known) <= 50_000
    authorizer.operations(ALICE, HERE, "group", "x" * 32_000)
    assert not any(len(name) > 249 for *_, name in authorizer._known)
