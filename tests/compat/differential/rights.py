"""ACLs drawn anew now and then for a user without rights: both servers then refuse, hide and allow the same."""

from differential.values import GROUPS, TOPICS, TRANSACTIONAL_IDS
from wire.apis.acls import CreateAcls, DeleteAcls

USER = "User:alice"
_TOPIC, _GROUP, _CLUSTER, _TRANSACTIONAL_ID, _DELEGATION_TOKEN, _USER = range(2, 8)
_LITERAL, _PREFIXED = 3, 4
_DENY, _ALLOW = 2, 3
_ALL, _ANY = 2, 1
_OPERATIONS = {_TOPIC: (3, 4, 5, 6, 7, 8, 10, 11), _GROUP: (3, 6, 8, 10, 11), _CLUSTER: (5, 7, 8, 9, 10, 11, 12), _TRANSACTIONAL_ID: (4, 8), _USER: (13, 14)}
_NAMES = {
    _TOPIC: (*((name, _LITERAL) for name in (*TOPICS, *TOPICS, "duel-new", "nowhere", "*", "*")), ("duel-", _PREFIXED), ("d", _PREFIXED), ("__", _PREFIXED)),
    _GROUP: (*((name, _LITERAL) for name in (*GROUPS.values(), *GROUPS.values(), "*", "*")), ("c", _PREFIXED), ("s", _PREFIXED)),
    _CLUSTER: (("kafka-cluster", _LITERAL),),
    _TRANSACTIONAL_ID: (*((name, _LITERAL) for name in (*TRANSACTIONAL_IDS, "*")), ("tx-", _PREFIXED)),
    _USER: (("User:bob", _LITERAL), ("*", _LITERAL)),
}  # fmt: skip


def draw(random):
    """Some CreateAcls creations for the user: few rights, or nearly all."""
    few = random.random() < 0.5
    acls = [_acl(random, denied=0.15 if few else 0.5) for _ in range(random.choice((0, 1, 2, 3, 4, 6, 8)))]
    if not few:
        for kind in random.sample((_TOPIC, _GROUP, _CLUSTER, _TRANSACTIONAL_ID), random.choice((2, 3, 4))):
            name = "kafka-cluster" if kind == _CLUSTER else "*"
            acls.append(_made(kind, name, _LITERAL, USER, "*", _ALL, _ALLOW))
    return acls


def _acl(random, denied):
    kind = random.choice((_TOPIC, _TOPIC, _TOPIC, _GROUP, _GROUP, _GROUP, _CLUSTER, _CLUSTER, _TRANSACTIONAL_ID, _USER))
    name, pattern = random.choice(_NAMES[kind])
    return _made(
        kind, name, pattern, random.choice((USER, USER, USER, "User:*", "User:bob")), random.choice(("*", "*", "127.0.0.1", "10.0.0.1")),
        random.choice((_ALL, *_OPERATIONS[kind], *_OPERATIONS[kind])), _DENY if random.random() < denied else _ALLOW,
    )  # fmt: skip


def _made(kind, name, pattern, principal, host, operation, permission):
    return CreateAcls.Request.Creations(
        resource_type=kind, resource_name=name, resource_pattern_type=pattern,
        principal=principal, host=host, operation=operation, permission_type=permission,
    )  # fmt: skip


def give(side, acls):
    """Those and no others are in force at one server."""
    everything = DeleteAcls.Request.Filters(resource_type_filter=_ANY, pattern_type_filter=_ANY, operation=_ANY, permission_type=_ANY,
                                            resource_name_filter=None, principal_filter=None, host_filter=None)  # fmt: skip
    side.call(DeleteAcls, 3, filters=[everything])
    side.call(CreateAcls, 3, creations=acls)
