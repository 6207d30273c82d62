"""Who may do what: super users everything, others what ACLs allow and none denies.

Source: StandardAuthorizerData and Authorizer.authorizeByResourceType of 4.3.1; KIP-679.
"""

from emulator.state.acl_index import LITERAL, PREFIXED, WILDCARD
from emulator.state.principals import parse_principal

# AclOperation; a set of them is a bit field.
OPERATIONS = {
    "read": 3, "write": 4, "create": 5, "delete": 6, "alter": 7, "describe": 8, "cluster_action": 9, "describe_configs": 10,
    "alter_configs": 11, "idempotent_write": 12, "create_tokens": 13, "describe_tokens": 14, "two_phase_commit": 15,
}  # fmt: skip
RESOURCE_TYPES = {"topic": 2, "group": 3, "cluster": 4, "transactional_id": 5, "delegation_token": 6, "user": 7}
EVERYTHING = sum(1 << code for code in OPERATIONS.values())

_ALL, _DENY, _ALLOW = 2, 2, 3
# Who may do one of these may look, too; who may not, may look all the same.
_IMPLIES = {"read": "describe", "write": "describe", "delete": "describe", "alter": "describe", "alter_configs": "describe_configs"}
_DENIED = {_ALL: EVERYTHING, **{code: 1 << code for code in OPERATIONS.values()}}
_ALLOWED = {**_DENIED, **{OPERATIONS[name]: 1 << OPERATIONS[name] | 1 << OPERATIONS[other] for name, other in _IMPLIES.items()}}

_MOST_KNOWN = 50_000
_LONGEST_KNOWN = 249  # names are the client's: longer ones than topics may have are not remembered
_ANY_NAME = "hardcode"  # what Kafka asks about when it means any: super users may do it, and everybody where no ACL is
_EVERY_NAME = LITERAL, WILDCARD


def authorizer_of(settings, acls):
    """The Authorizer that a broker's Settings ask for, over the Acls of its cluster; None without one."""
    if not settings.authorizer_class_name:
        return None
    return Authorizer(super_users(settings.super_users), settings.allow_everyone_if_no_acl_found, acls.index)


def super_users(text):
    """The principals, as texts, that super.users names. Raises ValueError."""
    users = [user.strip() for user in (text or "").split(";") if user.strip()]
    for user in users:
        parse_principal(user)
    return users


class Authorizer:
    """Of one broker: `super_users` are their principals as texts, `otherwise` is whether a resource that no ACL is about is everybody's.

    `index`: the AclIndex of the cluster.
    """

    def __init__(self, super_users, otherwise, index):
        self._super_users = frozenset(super_users)
        self._otherwise = EVERYTHING if otherwise else 0
        self._index = index
        self._known = {}
        self._changes = index.changes

    def allows(self, principal, host, operation, resource_type, name):
        """Whether the Principal, on a host, may do the operation on the resource of that name."""
        return self.operations(principal, host, resource_type, name) >> OPERATIONS[operation] & 1 == 1

    def operations(self, principal, host, resource_type, name):
        """All operations that it may do there, as a bit field."""
        if self._changes != self._index.changes:
            self._forget()
        asked = principal, host, resource_type, name
        found = self._known.get(asked)
        if found is None:
            found = self._find(principal, host, resource_type, name)
            if len(name) <= _LONGEST_KNOWN:
                self._keep(asked, found)
        return found

    def allows_any(self, principal, host, operation, resource_type):
        """Whether it may do the operation on some resource of that type, be there any or not (KIP-679)."""
        if self._changes != self._index.changes:
            self._forget()
        asked = principal, host, resource_type, (operation,)
        found = self._known.get(asked)
        if found is None:
            found = self.allows(principal, host, operation, resource_type, _ANY_NAME)
            found = found or self._allows_some(principal, host, OPERATIONS[operation], resource_type)
            self._keep(asked, found)
        return found

    def _forget(self):
        self._known.clear()
        self._changes = self._index.changes

    def _keep(self, asked, found):
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[asked] = found

    def _find(self, principal, host, resource_type, name):
        if str(principal) in self._super_users:
            return EVERYTHING
        has_any, rules = self._index.about(RESOURCE_TYPES[resource_type], name, str(principal), java_address(host))
        if not has_any:
            return self._otherwise
        allowed = denied = 0
        for operation, permission in rules:
            if permission == _ALLOW:
                allowed |= _ALLOWED[operation]
            else:
                denied |= _DENIED[operation]
        return allowed & ~denied

    def _allows_some(self, principal, host, operation, resource_type):
        """Whether a pattern allows it of which no other denies all that it matches; here no operation implies another."""
        allowed, denied = set(), set()
        for pattern_type, name, rules in self._index.of_type(RESOURCE_TYPES[resource_type], str(principal), java_address(host)):
            permissions = {permission for code, permission in rules if code in (operation, _ALL)}
            if _ALLOW in permissions:
                allowed.add((pattern_type, name))
            if _DENY in permissions:
                denied.add((pattern_type, name))
        if _EVERY_NAME in denied:
            return False
        return _EVERY_NAME in allowed or any(not _is_dominated(*pattern, denied) for pattern in allowed)


def _is_dominated(pattern_type, name, denied):
    if pattern_type != PREFIXED and (pattern_type, name) in denied:
        return True
    return any((PREFIXED, name[:length]) in denied for length in range(1, len(name) + 1))


def java_address(host):
    """A client's address as ACLs have it: Java writes those of IPv6 in full."""
    if ":" not in host:
        return host
    from ipaddress import IPv6Address

    address, percent, zone = host.partition("%")
    address = IPv6Address(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return ":".join(f"{int(group, 16):x}" for group in address.exploded.split(":")) + percent + zone
