"""Jute, how ZooKeeper puts records into bytes: a vocabulary, record classes with straight-line codecs, construct as reference.

    Stat = record("Stat", "czxid" / long, ...)
    Stat.parse(buffer, position) -> (record, end), raises Malformed;   record.build() -> bytes
    reference(Stat)                                                    the same as a construct Struct

Numbers are big-endian; strings (UTF-8), buffers and vectors have an int32 in front, -1 for null.
"""

from struct import Struct as Packed
from struct import error as _StructError

from .types import Malformed, Unbuildable

_INT = Packed(">i")
MAX_COUNT = 0xFFFFF * 2


class Kind:
    """A type: `name` and, of a vector or a nested record, `of`."""

    __slots__ = ("name", "of")

    def __init__(self, name, of=None):
        self.name = name
        self.of = of

    def __rtruediv__(self, field):
        return field, self


int32 = Kind("int32")
long = Kind("long")
boolean = Kind("boolean")
string = Kind("string")
buffer = Kind("buffer")


def vector(of):
    """Of a Kind or of a record class; null is None."""
    return Kind("vector", of)


_FIXED = {"int32": Packed(">i"), "long": Packed(">q"), "boolean": Packed(">?")}


class Record:
    """What `record` makes: fields by position or name; those not given are 0, False, None or ()."""

    __slots__ = ()
    fields = ()

    def __init__(self, *values, **named):
        for (name, kind), value in zip(self.fields, values):
            setattr(self, name, value)
        for name, kind in self.fields[len(values):]:
            setattr(self, name, named[name] if name in named else _DEFAULTS.get(kind.name))

    def __eq__(self, other):
        return type(self) is type(other) and all(getattr(self, name) == getattr(other, name) for name, _ in self.fields)

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name, _ in self.fields)})"

    def build(self):
        """Its bytes; raises Unbuildable."""
        out = []
        self._build(out)
        return b"".join(out)

    def _build(self, out):
        for name, write in self._writers:
            try:
                write(getattr(self, name), out)
            except (_StructError, TypeError, AttributeError) as error:
                raise Unbuildable(f"{type(self).__name__}.{name}", str(error)) from None

    @classmethod
    def parse(cls, octets, position=0):
        made = cls.__new__(cls)
        for name, read in cls._readers:
            try:
                value, position = read(octets, position)
            except _StructError:
                raise Malformed(f"{cls.__name__}.{name}", position, "more bytes are needed") from None
            setattr(made, name, value)
        return made, position


_DEFAULTS = {"int32": 0, "long": 0, "boolean": False, "vector": ()}


def record(name, *fields):
    """A record class of ("name" / kind) pairs."""
    return type(name, (Record,), {
        "__slots__": tuple(field for field, _ in fields), "fields": fields,
        "_readers": tuple((field, _reader(kind)) for field, kind in fields),
        "_writers": tuple((field, _writer(kind)) for field, kind in fields),
        "__hash__": None,
    })


def reference(kind):
    """The construct of a record class or a Kind."""
    import construct as c

    if isinstance(kind, type):
        return c.Struct(*(name / reference(of) for name, of in kind.fields))
    if kind.name in _FIXED:
        return {"int32": c.Int32sb, "long": c.Int64sb, "boolean": c.Flag}[kind.name]
    if kind.name == "vector":
        return c.Struct("count" / c.Int32sb, "items" / c.Array(lambda this: max(0, this.count), reference(kind.of)))
    length = c.Rebuild(c.Int32sb, lambda this: -1 if this.octets is None else len(this.octets))
    octets = c.Struct("length" / length, "octets" / c.If(lambda this: this.length >= 0, c.Bytes(lambda this: this.length)))
    return octets


def _reader(kind):
    if isinstance(kind, type):
        return kind.parse
    if kind.name in _FIXED:
        unpack, size = _FIXED[kind.name].unpack_from, _FIXED[kind.name].size

        def read(octets, position):
            return unpack(octets, position)[0], position + size
    elif kind.name == "vector":
        element = _reader(kind.of)

        def read(octets, position):
            count, position = read_int(octets, position)
            if count < 0:
                return None if count == -1 else [], position  # as the original reads it
            # Every element takes at least one byte: a hostile count fails before anything is made of it.
            if count > min(MAX_COUNT, len(octets) - position):
                raise Malformed("vector", position, f"a count of {count}")
            found = []
            for _ in range(count):
                value, position = element(octets, position)
                found.append(value)
            return found, position
    elif kind.name == "string":
        def read(octets, position):
            value, position = read_octets(octets, position)
            return value if value is None else value.decode(errors="replace"), position  # as Java reads what is no UTF-8
    else:
        read = read_octets
    return read


def read_int(octets, position):
    return _INT.unpack_from(octets, position)[0], position + 4


def read_octets(octets, position):
    length = _INT.unpack_from(octets, position)[0]
    position += 4
    if length == -1:
        return None, position
    if not 0 <= length <= len(octets) - position:
        raise Malformed("buffer", position, f"a length of {length}")
    return bytes(octets[position:position + length]), position + length


def _writer(kind):
    if isinstance(kind, type):
        return lambda value, out: value._build(out)
    if kind.name in _FIXED:
        pack = _FIXED[kind.name].pack
        return lambda value, out: out.append(pack(value))
    if kind.name == "vector":
        element = _writer(kind.of)

        def write(value, out):
            if value is None:
                out.append(b"\xff\xff\xff\xff")
                return
            out.append(_INT.pack(len(value)))
            for item in value:
                element(item, out)
        return write

    def write(value, out):
        if value is None:
            out.append(b"\xff\xff\xff\xff")
            return
        octets = value.encode() if isinstance(value, str) else value
        out.append(_INT.pack(len(octets)))
        out.append(octets)
    return write
