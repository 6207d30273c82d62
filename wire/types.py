"""The words a message is declared with, and the errors that bytes can raise.

    "group_id" / string                                   a field in every version
    "rebalance_timeout_ms" / int32("1+", default=-1)      in versions 1 and above
    "protocols" / array("name" / string, ...)             an array of structures
    "replicas" / array(int32)                             an array of primitives

A word is cheap: nothing is parsed and construct is not imported until a message is really used
(`wire.schema`). How each type stands on the wire is in `wire.reference`.
"""

ZERO_UUID = bytes(16)
OPERATIONS_NOT_ASKED = -2**31  # authorized operations (KIP-430) of a request that did not ask for them
LATEST = 32767


class Malformed(ValueError):
    """Bytes that are no message of the expected type.

    `field` is the dotted path of the field, `offset` the position in the buffer (bytes), `reason` one line.
    """

    def __init__(self, field, offset, reason):
        super().__init__(f"{field} at offset {offset}: {reason}")
        self.field = field
        self.offset = offset
        self.reason = reason


class Unbuildable(ValueError):
    """A record whose field holds what its type cannot express (a null, a number too large, a wrong type)."""

    def __init__(self, field, reason):
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class UnsupportedField(Unbuildable):
    """A set, non-ignorable field that the version being built does not have, as Kafka's UnsupportedVersionException."""


class Versions:
    """A closed range of versions: `min`, `max`, `in`, iteration. Written "0-9", "3+", "4" or "none"."""

    __slots__ = ("min", "max")

    def __init__(self, low, high):
        self.min = low
        self.max = high

    @classmethod
    def parse(cls, text):
        if text == "none":
            return cls(0, -1)
        if text.endswith("+"):
            return cls(int(text[:-1]), LATEST)
        low, _, high = text.partition("-")
        return cls(int(low), int(high or low))

    def __contains__(self, version):
        return self.min <= version <= self.max

    def __iter__(self):
        return iter(range(self.min, self.max + 1))

    def __len__(self):
        return max(0, self.max + 1 - self.min)

    def __and__(self, other):
        return Versions(max(self.min, other.min), min(self.max, other.max))

    def __eq__(self, other):
        return isinstance(other, Versions) and (list(self) == list(other))

    def __hash__(self):
        return hash((self.min, self.max) if len(self) else None)

    def __repr__(self):
        if not len(self):
            return "none"
        if self.max == LATEST:
            return f"{self.min}+"
        return str(self.min) if self.min == self.max else f"{self.min}-{self.max}"


UNSET = object()

# What Kafka's generator gives a field without a declared default (FieldSpec.fieldDefault).
_ZERO = {
    "bool": False, "int8": 0, "int16": 0, "uint16": 0, "int32": 0, "int64": 0, "float64": 0.0,
    "string": "", "bytes": b"", "records": None, "uuid": ZERO_UUID, "array": (),
}


class Type:
    """A type with its options: the versions that have it, those in which it may be null, and so on.

    `fields` are those of a structure or of an array's structures, `element` the Type of an array of primitives.
    """

    __slots__ = ("kind", "element", "fields", "_versions", "_nullable", "_default", "ignorable", "tag")

    def __init__(self, kind, element=None, fields=None, versions="0+", nullable="none", default=UNSET,
                 ignorable=False, tag=None):
        self.kind = kind
        self.element = element
        self.fields = fields
        self._versions = versions
        self._nullable = nullable
        self._default = default
        self.ignorable = ignorable
        self.tag = tag

    def __call__(self, versions="0+", **options):
        return Type(self.kind, versions=versions, **options)

    def __rtruediv__(self, name):
        return Field(name, self)

    @property
    def versions(self):
        return Versions.parse(self._versions)

    @property
    def nullable(self):
        return Versions.parse(self._nullable)

    @property
    def default(self):
        """The value of a field that is not given; UNSET for a structure, whose fields have their own."""
        return _ZERO.get(self.kind, UNSET) if self._default is UNSET else self._default

    def __repr__(self):
        return f"array({self.element or '...'})" if self.kind == "array" else self.kind


class Field:
    """A name and its Type. `class_name` names the class of its structures: `topic_data` -> `TopicData`."""

    __slots__ = ("name", "type")

    def __init__(self, name, type):
        self.name = name
        self.type = type

    @property
    def class_name(self):
        return camel_case(self.name)

    def __repr__(self):
        return f"{self.name!r} / {self.type!r}"


def camel_case(name):
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


bool_ = Type("bool")
int8 = Type("int8")
int16 = Type("int16")
uint16 = Type("uint16")
int32 = Type("int32")
int64 = Type("int64")
float64 = Type("float64")
string = Type("string")
bytes_ = Type("bytes")
records = Type("records")
uuid = Type("uuid")


def array(*parts, **options):
    """array([versions,] element type) or array([versions,] field, field, ..., nullable=..., default=...)"""
    versions, parts = _leading_versions(parts)
    if len(parts) == 1 and isinstance(parts[0], Type):
        return Type("array", element=parts[0], versions=versions, **options)
    return Type("array", fields=parts, versions=versions, **options)


def struct(*parts, **options):
    """struct([versions,] field, field, ..., nullable=..., default=...)"""
    versions, fields = _leading_versions(parts)
    return Type("struct", fields=fields, versions=versions, **options)


def _leading_versions(parts):
    return (parts[0], parts[1:]) if isinstance(parts[0], str) else ("0+", parts)
