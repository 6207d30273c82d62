"""Which ACLs are about a resource, found without looking at the others (StandardAuthorizerData.checkSection)."""

from bisect import insort

from emulator.state.principals import EVERY_USER

LITERAL, PREFIXED = 3, 4  # PatternType
WILDCARD = "*"  # the name of every resource, where it is literal; and every host


class AclIndex:
    """ACLs by resource, and there by principal and host: `changes` says how often it has changed."""

    def __init__(self, acls=()):
        self.changes = 0
        self._types = {}  # resource type: its _Patterns
        for acl in acls:
            self.add(acl)

    def add(self, acl):
        self.changes += 1
        patterns = self._types.setdefault(acl.resource_type, _Patterns())
        entries = patterns.entries(acl)
        entries.setdefault((acl.principal, acl.host), set()).add((acl.operation, acl.permission_type))

    def remove(self, acl):
        self.changes += 1
        patterns, who = self._types[acl.resource_type], (acl.principal, acl.host)
        entries = patterns.entries(acl)
        entries[who].discard((acl.operation, acl.permission_type))
        if not entries[who]:
            del entries[who]
        if not entries:
            patterns.forget(acl)

    def about(self, resource_type, name, principal, host):
        """(whether any ACL is about that resource, [(operation, permission type)] of those that are for the principal on the host)."""
        patterns = self._types.get(resource_type)
        found = [] if patterns is None else patterns.of(name)
        return bool(found), _rules(found, principal, host)

    def of_type(self, resource_type, principal, host):
        """(pattern type, name, [(operation, permission type)]) of each pattern of that type, for the principal on the host."""
        patterns = self._types.get(resource_type) or _Patterns()
        for pattern_type, by_name in ((LITERAL, patterns.literal), (PREFIXED, patterns.prefixed)):
            for name, entries in by_name.items():
                if rules := _rules((entries,), principal, host):
                    yield pattern_type, name, rules


class _Patterns:
    """Of one resource type: {name: {(principal, host): {(operation, permission type)}}}, and how long prefixes are."""

    def __init__(self):
        self.literal, self.prefixed = {}, {}
        self._lengths = []  # sorted
        self._counts = {}  # length: how many prefixes have it

    def entries(self, acl):
        """Those of the ACL's pattern, which is there from now on."""
        name = acl.resource_name
        if acl.pattern_type != PREFIXED:
            return self.literal.setdefault(name, {})
        if name not in self.prefixed:
            self.prefixed[name] = {}
            if len(name) not in self._counts:
                insort(self._lengths, len(name))
            self._counts[len(name)] = self._counts.get(len(name), 0) + 1
        return self.prefixed[name]

    def forget(self, acl):
        name = acl.resource_name
        if acl.pattern_type != PREFIXED:
            del self.literal[name]
            return
        del self.prefixed[name]
        self._counts[len(name)] -= 1
        if not self._counts[len(name)]:
            del self._counts[len(name)]
            self._lengths.remove(len(name))

    def of(self, name):
        """The entries of every pattern that matches."""
        literal, prefixed = self.literal, self.prefixed
        found = [literal[one] for one in (name, WILDCARD) if one in literal]
        for length in self._lengths:
            if length > len(name):
                break
            if (prefix := name[:length]) in prefixed:
                found.append(prefixed[prefix])
        return found


def _rules(patterns, principal, host):
    rules = []
    whos = (principal, host), (principal, WILDCARD), (EVERY_USER, host), (EVERY_USER, WILDCARD)
    for entries in patterns:
        for who in whos:
            if who in entries:
                rules += entries[who]
    return rules
