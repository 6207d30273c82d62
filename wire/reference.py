"""How each type stands on the wire, as construct classes: the reference codec, which `wire.compiler` walks.

Numbers, booleans and uuids are construct's own; here is what Kafka adds. Lengths stand before contents as
int16 or int32 with -1 for null, or, in flexible versions, as an unsigned varint of length + 1 with 0 for null.
Sources: KIP-482 (flexible versions, tagged fields), KIP-893 (nullable structures), Kafka's MessageDataGenerator.
"""

import io

from construct import (
    Bytes, Construct, Flag, Float64b, Int8sb, Int16sb, Int16ub, Int32sb, Int64sb, Struct, stream_read, stream_write,
)

from .record import Record
from .types import Malformed, Unbuildable, UnsupportedField

FIXED = {
    "bool": Flag, "int8": Int8sb, "int16": Int16sb, "uint16": Int16ub, "int32": Int32sb, "int64": Int64sb,
    "float64": Float64b, "uuid": Bytes(16),
}
LONGEST_STRING = 32767  # also where the length is a varint


def dotted(path):
    """construct's "(parsing) -> topics -> name" as "topics.name"."""
    return ".".join(part for part in path.split(" -> ") if not part.startswith("(")) or "message"


def _malformed(stream, path, reason):
    return Malformed(dotted(path), stream.tell(), reason)


def _remaining(stream):
    here = stream.tell()
    end = stream.seek(0, io.SEEK_END)
    stream.seek(here)
    return end - here


class UnsignedVarint(Construct):
    """0 to 2^32-1 in groups of seven bits, lowest first, in at most five bytes."""

    def _parse(self, stream, context, path):
        value = 0
        for shift in (0, 7, 14, 21, 28):
            byte = stream_read(stream, 1, path)[0]
            value |= (byte & 127) << shift
            if byte < 128:
                break
        if byte >= 128 or value >= 1 << 32:
            raise _malformed(stream, path, "varint is too long")
        return value

    def _build(self, value, stream, context, path):
        while value > 127:
            stream_write(stream, bytes((value & 127 | 128,)), 1, path)
            value >>= 7
        stream_write(stream, bytes((value,)), 1, path)


varint = UnsignedVarint()


class Sized(Construct):
    """A length and contents. `length` is Int16sb, Int32sb or varint (which then counts from 1)."""

    def __init__(self, length, nullable):
        super().__init__()
        self.length = length
        self.nullable = nullable

    @property
    def compact(self):
        return self.length is varint

    def _parse(self, stream, context, path):
        size = self.length._parsereport(stream, context, path) - self.compact
        if size >= 0:
            return self._parse_contents(size, stream, context, path)
        if not self.nullable:
            raise _malformed(stream, path, "null in a field that has no null")
        return None

    def _build(self, value, stream, context, path):
        if value is None:
            if not self.nullable:
                raise Unbuildable(dotted(path), "null in a field that has no null")
            size, contents = -1, b""
        else:
            size, contents = self._contents(value, context, path)
        self.length._build(size + self.compact, stream, context, path)
        stream_write(stream, contents, len(contents), path)


class String(Sized):
    """UTF-8."""

    def _parse_contents(self, size, stream, context, path):
        if size > LONGEST_STRING:
            raise _malformed(stream, path, f"string of {size} bytes")
        try:
            return str(stream_read(stream, size, path), "utf-8")
        except UnicodeDecodeError as error:
            raise _malformed(stream, path, str(error)) from None

    def _contents(self, value, context, path):
        contents = value.encode()
        if len(contents) > LONGEST_STRING:
            raise Unbuildable(dotted(path), f"string of {len(contents)} bytes")
        return len(contents), contents


class Octets(Sized):
    """Any bytes."""

    def _parse_contents(self, size, stream, context, path):
        return stream_read(stream, size, path)

    def _contents(self, value, context, path):
        return len(value), value


class Records(Octets):
    """Record batches, kept as they came: bytes, a view of bytes, or a list of such pieces when building."""

    def _contents(self, value, context, path):
        value = b"".join(value) if isinstance(value, (list, tuple)) else bytes(value)
        return len(value), value


class Array(Sized):
    def __init__(self, length, nullable, element):
        super().__init__(length, nullable)
        self.element = element

    def _parse_contents(self, size, stream, context, path):
        if size * max(1, smallest(self.element)) > _remaining(stream):
            raise _malformed(stream, path, f"array of {size} elements in {_remaining(stream)} bytes")
        return [self.element._parsereport(stream, context, path) for _ in range(size)]

    def _contents(self, value, context, path):
        stream = io.BytesIO()
        for item in value:
            self.element._build(item, stream, context, path)
        return len(value), stream.getvalue()


class Nullable(Construct):
    """A structure that may be null: int8 -1 (null) or 1 before it; among tagged fields, 0 is null."""

    def __init__(self, structure, null=-1):
        super().__init__()
        self.structure = structure
        self.null = null

    def _parse(self, stream, context, path):
        present = Int8sb._parsereport(stream, context, path) > self.null
        return self.structure._parsereport(stream, context, path) if present else None

    def _build(self, value, stream, context, path):
        Int8sb._build(self.null if value is None else 1, stream, context, path)
        if value is not None:
            self.structure._build(value, stream, context, path)


class Absent(Construct):
    """A field that this version lacks: no bytes, its default when parsed, nothing but its default when built."""

    def __init__(self, default, ignorable):
        super().__init__()
        self.default = default
        self.ignorable = ignorable

    def _parse(self, stream, context, path):
        return self.default

    def _build(self, value, stream, context, path):
        if not self.ignorable and differs(value, self.default):
            raise UnsupportedField(dotted(path), "set, but this version does not have it")


class Tagged(Construct):
    """The tagged fields at the end of a structure: tag -> (name, type, default). Unknown tags are skipped."""

    def __init__(self, fields):
        super().__init__()
        self.fields = fields

    def _parse(self, stream, context, path):
        values = {name: default for name, _, default in self.fields.values()}
        for _ in range(varint._parsereport(stream, context, path)):
            tag = varint._parsereport(stream, context, path)
            size = varint._parsereport(stream, context, path)
            end = stream.tell() + size
            if size > _remaining(stream):
                raise _malformed(stream, path, f"tagged field of {size} bytes in {_remaining(stream)}")
            if tag in self.fields:
                name, type_, _ = self.fields[tag]
                values[name] = type_._parsereport(stream, context, f"{path} -> {name}")
                if stream.tell() != end:
                    raise _malformed(stream, f"{path} -> {name}", f"tagged field is not of the {size} bytes it claims")
            stream.seek(end)
        return values

    def _build(self, values, stream, context, path):
        present = [(tag, name, type_) for tag, (name, type_, default) in sorted(self.fields.items())
                   if differs(values[name], default)]
        varint._build(len(present), stream, context, path)
        for tag, name, type_ in present:
            contents = io.BytesIO()
            type_._build(values[name], contents, context, f"{path} -> {name}")
            varint._build(tag, stream, context, path)
            varint._build(len(contents.getvalue()), stream, context, path)
            stream_write(stream, contents.getvalue(), len(contents.getvalue()), path)


class Message(Struct):
    """A structure in one version: a construct Struct that knows its record class and where tagged fields go."""

    def __init__(self, *fields, record):
        super().__init__(*fields)
        self.record = record

    def _parse(self, stream, context, path):
        container = super()._parse(stream, context, path)
        container.update(container.pop("_tagged", {}))
        return container

    def _build(self, value, stream, context, path):
        if isinstance(value, Record):
            value = {name: getattr(value, name) for name in value.fields_in_order}
        return super()._build({**value, "_tagged": value}, stream, context, path)

    def __str__(self):
        return "\n".join(_lines(self))

    __repr__ = __str__


def differs(value, default):
    """Whether a value has to be sent; an empty list is as good as an empty tuple."""
    if isinstance(default, tuple):
        return value is None or len(value) > 0
    if isinstance(default, Record) and not isinstance(value, Record):
        return any(differs(value[name], getattr(default, name)) for name in default.fields_in_order)
    return value != default


def smallest(type_):
    """The fewest bytes that a value can take."""
    if isinstance(type_, Sized):
        return type_.length.sizeof() if not type_.compact else 1
    if isinstance(type_, Message):
        return sum(smallest(field.subcon) for field in type_.subcons)
    if isinstance(type_, (Nullable, Tagged, UnsignedVarint)):
        return 1
    return 0 if isinstance(type_, Absent) else type_.sizeof()


def _lines(type_, indent=""):
    for field in type_.subcons:
        yield from _field_lines(field.name, field.subcon, indent)


def _field_lines(name, type_, indent):
    if isinstance(type_, Absent):
        return
    if isinstance(type_, Tagged):
        for tag, (tagged_name, tagged_type, _) in sorted(type_.fields.items()):
            yield from _field_lines(f"[{tag}] {tagged_name}", tagged_type, indent)
        return
    null = " or null" if isinstance(type_, Nullable) or getattr(type_, "nullable", False) else ""
    inner = getattr(type_, "element", getattr(type_, "structure", type_))
    what = "structure" if isinstance(inner, Message) else _word(inner)
    yield f"{indent}{name}: {'array of ' if isinstance(type_, Array) else ''}{what}{null}"
    if isinstance(inner, Message):
        yield from _lines(inner, indent + "    ")


def _word(type_):
    for word, fixed in FIXED.items():
        if fixed is type_:
            return word
    return ("compact " if type_.compact else "") + type(type_).__name__.lower()
