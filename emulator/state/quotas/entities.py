"""Quotas by entity, as they are set and described.

An entity is a mapping of "user", "client-id" or "ip" to a name, None for the default. Checks and their words are those
of org.apache.kafka.controller.ClientQuotaControlManager, filters those of org.apache.kafka.image.ClientQuotasImage.
"""

from emulator.state.java import hash_order, string_hash
from wire.errors import INVALID_REQUEST, UNSUPPORTED_VERSION, KafkaError

USER, CLIENT_ID, IP = "user", "client-id", "ip"
EXACT, DEFAULT, SPECIFIED = range(3)  # match types of a filter

PRODUCER, CONSUMER = "producer_byte_rate", "consumer_byte_rate"
REQUEST, MUTATION, CONNECTION = "request_percentage", "controller_mutation_rate", "connection_creation_rate"
_LARGEST = {PRODUCER: ("a LONG", 2**63 - 1), CONSUMER: ("a LONG", 2**63 - 1), CONNECTION: ("an INT", 2**31 - 1)}
_OF_CLIENTS, _OF_IPS = (PRODUCER, CONSUMER, REQUEST, MUTATION), (CONNECTION,)


def entity_of(pairs):
    """The entity of (type, name) pairs as a sorted tuple; the last of a type counts."""
    return tuple(sorted(dict(pairs).items(), key=lambda pair: pair[0], reverse=True))


def _entity_hash(entity):
    return 31 + sum(string_hash(kind) ^ (0 if name is None else string_hash(name)) for kind, name in entity)


def in_order(entity, least=16):
    """Its (type, name) pairs in the order of Java's hash map; `least`: how many buckets that had to begin with."""
    return hash_order(entity, lambda pair: string_hash(pair[0]), least=least)


def as_requested(entity):
    """Its pairs in the order of the map that Kafka makes of a request."""
    return in_order(entity, 1 << max(len(entity) - 1, 0).bit_length())


def _shown(entity):
    pairs = ", ".join(f"{kind}={'null' if name is None else name}" for kind, name in as_requested(entity))
    return f"ClientQuotaEntity(entries={{{pairs}}})"


class ClientQuotas:
    """All quotas: {entity: {key: value}}, in the metadata table `client_quotas`.

    `resolve(host)` gives an IP address or None. `on_change` hooks are called with (entity, values) after a change.
    """

    def __init__(self, metadata, resolve):
        self._metadata = metadata
        self._table = metadata.table("client_quotas")
        self.resolve = resolve
        self.on_change = []
        self.values = {tuple(map(tuple, row["entity"])): row["values"] for _, row in self._table.items()}

    def describe(self, components, strict):
        """[(entity, [(key, value)])] that match all of (type, match type, name); raises KafkaError."""
        wanted = _check_filter(components)
        return [
            (entity, [(key, self.values[entity][key]) for key in hash_order(self.values[entity], string_hash, least=1)])
            for entity in hash_order(self.values, _entity_hash, least=1)
            if _matches(dict(entity), wanted, strict)
        ]

    def alter(self, alterations, validate_only=False):
        """[(entity, None or KafkaError)]; each alteration is (entity, [(key, value or None to remove)])."""
        results, changes = {}, []
        for entity, operations in alterations:
            wanted = dict(operations)
            if entity in results or len(wanted) < len(operations):
                results[entity] = KafkaError(INVALID_REQUEST, f"Ignoring duplicate entity {_shown(entity)}")
                continue
            try:
                self._check(entity, wanted)
            except KafkaError as error:
                results[entity] = error
            else:
                results[entity] = None
                changes.append((entity, wanted))
        if not validate_only:
            with self._metadata:
                changed = [entity for entity, wanted in changes if self._apply(entity, wanted)]
            for entity in changed:  # which may take a while: a host is looked up
                for hook in self.on_change:
                    hook(entity, self.values.get(entity, {}))
        return [(entity, results[entity]) for entity in hash_order(results, _entity_hash)]

    def _check(self, entity, wanted):
        allowed = self._keys(entity)
        for key in hash_order(wanted, string_hash):
            value = wanted[key]
            if value is None:
                continue
            if key not in allowed:
                raise KafkaError(INVALID_REQUEST, f"Invalid configuration key {key}")
            if value <= 0:
                raise KafkaError(INVALID_REQUEST, f"Quota {key} must be greater than 0")
            if key in _LARGEST:
                kind, largest = _LARGEST[key]
                if value > largest:
                    raise KafkaError(INVALID_REQUEST, f"Proposed value for {key} is too large for {kind}.")
                if value % 1.0 > 1e-6:
                    raise KafkaError(INVALID_REQUEST, f"{key} cannot be a fractional value.")

    def _keys(self, entity):
        """The keys that an entity of these types may have."""
        if not entity:
            raise KafkaError(INVALID_REQUEST, "Invalid empty client quota entity")
        for kind, name in as_requested(entity):
            if kind not in (USER, CLIENT_ID, IP):
                raise KafkaError(INVALID_REQUEST, f"Unhandled client quota entity type: {kind}")
            if name == "":
                raise KafkaError(INVALID_REQUEST, f"Empty {kind} not supported")
        kinds = dict(entity)
        if IP not in kinds:
            return _OF_CLIENTS
        if len(kinds) > 1:
            raise KafkaError(INVALID_REQUEST, "Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId")
        if kinds[IP] is not None and self.resolve(kinds[IP]) is None:
            raise KafkaError(INVALID_REQUEST, f"{kinds[IP]} is not a valid IP or resolvable host.")
        return _OF_IPS

    def _apply(self, entity, wanted):
        """Whether that changed anything."""
        values = dict(self.values.get(entity, {}))
        for key, value in wanted.items():
            if value is None:
                values.pop(key, None)
            else:
                values[key] = value
        if values == self.values.get(entity, {}):
            return False
        text = repr(entity)
        if values:
            self.values[entity] = values
            self._table.put(text, {"entity": entity, "values": values})
        else:
            del self.values[entity]
            self._table.remove(text)
        return True


def _check_filter(components):
    """{type: (match type, name)}; raises KafkaError."""
    wanted = {}
    for kind, match_type, name in components:
        if not kind:
            raise KafkaError(INVALID_REQUEST, "Invalid empty entity type.")
        if kind in wanted:
            raise KafkaError(INVALID_REQUEST, f"Entity type {kind} cannot appear more than once in the filter.")
        if kind not in (USER, CLIENT_ID, IP):
            raise KafkaError(UNSUPPORTED_VERSION, f"Unsupported entity type {kind}")
        if match_type == EXACT:
            if name is None:
                raise KafkaError(INVALID_REQUEST, "Request specified MATCH_TYPE_EXACT, but set match string to null.")
        elif match_type not in (DEFAULT, SPECIFIED):
            raise KafkaError(INVALID_REQUEST, f"Unknown match type {match_type}")
        elif name is not None:
            text = "MATCH_TYPE_DEFAULT" if match_type == DEFAULT else "MATCH_TYPE_SPECIFIED"
            raise KafkaError(INVALID_REQUEST, f"Request specified {text}, but also specified a match string.")
        wanted[kind] = match_type, name
    if IP in wanted and len(wanted) > 1:
        raise KafkaError(
            INVALID_REQUEST,
            "Invalid entity filter component combination. IP filter component should not be used with user or clientId filter component.",
        )
    return wanted


def _matches(entity, wanted, strict):
    if strict and len(entity) != len(wanted):
        return False
    return all(
        kind in entity and (match_type == SPECIFIED or entity[kind] == name) for kind, (match_type, name) in wanted.items()
    )
