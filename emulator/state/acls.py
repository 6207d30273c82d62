"""Access control lists: kept and found again by Kafka's rules (KIP-290).

Whether a principal may do something is decided in authorizer.py.
Source: AclControlManager, StandardAuthorizer, ResourcePatternFilter and AccessControlEntryFilter of 4.3.1.
"""

from collections import namedtuple

from emulator.state.acl_index import LITERAL, PREFIXED, WILDCARD, AclIndex
from wire.errors import INVALID_REQUEST, POLICY_VIOLATION, KafkaError

UNKNOWN, ANY = 0, 1  # of each of the four enumerations
MATCH = 2  # PatternType, beside LITERAL and PREFIXED
RESOURCE_TYPES, PATTERN_TYPES, OPERATIONS, PERMISSIONS = range(8), range(5), range(16), range(4)

_MAX_CHANGES = 10_000  # of one request (QuorumController.MAX_RECORDS_PER_USER_OP)

_FIELDS = "resource_type resource_name pattern_type principal host operation permission_type"
Acl = namedtuple("Acl", _FIELDS)
Filter = namedtuple("Filter", _FIELDS)  # names may be None: any


def matches(wanted, acl):
    """Whether the Filter `wanted` finds the Acl `acl`."""
    if wanted.resource_type not in (ANY, acl.resource_type) or wanted.pattern_type not in (ANY, MATCH, acl.pattern_type):
        return False
    if wanted.resource_name is not None and not _names(wanted, acl):
        return False
    if wanted.principal not in (None, acl.principal) or wanted.host not in (None, acl.host):
        return False
    return wanted.operation in (ANY, acl.operation) and wanted.permission_type in (ANY, acl.permission_type)


def _names(wanted, acl):
    name = wanted.resource_name
    if wanted.pattern_type != MATCH:
        return name == acl.resource_name
    if acl.pattern_type == PREFIXED:
        return name.startswith(acl.resource_name)
    return acl.resource_name in (name, WILDCARD)


class Acls:
    """The ACLs of the cluster, in the metadata table `acls`: id -> fields. `index`: an AclIndex of them."""

    def __init__(self, metadata, random):
        self._metadata = metadata
        self._table = metadata.table("acls")
        self._random = random
        self._ids = {Acl(*fields): acl_id for acl_id, fields in self._table.items()}
        self.index = AclIndex(self._ids)

    def __len__(self):
        return len(self._ids)

    def find(self, wanted):
        """The Acls that the Filter matches, those of one resource together."""
        return sorted(acl for acl in self._ids if matches(wanted, acl))

    def create(self, acls):
        """None or the KafkaError for each; what is there already stays. Raises POLICY_VIOLATION for too many."""
        results, new = [], {}
        for acl in acls:
            try:
                _check(acl)
            except KafkaError as error:
                results.append(error)
                continue
            results.append(None)
            if acl not in self._ids:
                new[acl] = None
        if len(new) > _MAX_CHANGES:
            raise KafkaError(POLICY_VIOLATION, "Unable to perform excessively large batch operation.")
        new = {acl: self._random.randbytes(16).hex() for acl in new}
        with self._metadata:
            for acl, acl_id in new.items():
                self._table.put(acl_id, list(acl))
        self._ids.update(new)
        for acl in new:
            self.index.add(acl)
        return results

    def delete(self, filters):
        """For each Filter the Acls that it removed, or a KafkaError; one that several match is in the answer to each."""
        results, doomed = [], set()
        for wanted in filters:
            problem = _problem(wanted)
            if problem is not None:
                results.append(KafkaError(INVALID_REQUEST, problem))
                continue
            found = self.find(wanted)
            doomed.update(found)
            if len(doomed) > _MAX_CHANGES:
                raise KafkaError(INVALID_REQUEST, f"Cannot remove more than {_MAX_CHANGES} acls in a single delete operation.")
            results.append(found)
        with self._metadata:
            for acl in doomed:
                self._table.remove(self._ids[acl])
        for acl in doomed:
            del self._ids[acl]
            self.index.remove(acl)
        return results


def _check(acl):
    if acl.resource_type not in RESOURCE_TYPES:
        raise KafkaError(INVALID_REQUEST, "Invalid resourceType UNKNOWN")
    if acl.pattern_type not in PATTERN_TYPES:
        raise KafkaError(INVALID_REQUEST, "Invalid patternType UNKNOWN")
    if acl.operation not in OPERATIONS:
        raise KafkaError(INVALID_REQUEST, "Invalid operation UNKNOWN")
    if acl.permission_type not in PERMISSIONS:
        raise KafkaError(INVALID_REQUEST, "Invalid permissionType UNKNOWN")
    if ":" not in acl.principal:
        raise KafkaError(
            INVALID_REQUEST,
            f"Could not parse principal from `{acl.principal}` (no colon is present separating the principal type from the principal name)",
        )


def _problem(wanted):
    if wanted.resource_type not in RESOURCE_TYPES or wanted.pattern_type not in PATTERN_TYPES:
        return "Unknown patternFilter."
    if wanted.operation not in OPERATIONS or wanted.permission_type not in PERMISSIONS:
        return "Unknown entryFilter."
    return None
