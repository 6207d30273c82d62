"""The function that builds a message."""

from struct import Struct as Layout, calcsize, error as struct_error

from .. import reference
from ..record import Built
from ..types import Unbuildable, UnsupportedField
from ..varint import pack_varint
from .source import TOO_LONG, Source, constant, format_of, layouts_of


def _unbuildable(error, fields):
    """Unbuildable for an error raised by generated code."""
    if isinstance(error, UnsupportedField):
        return error
    path = ", ".join(path for path, _, _ in fields[error.__traceback__.tb_lineno - 1])
    return Unbuildable(path, f"{type(error).__name__}: {error}")


def _unsupported(record, path, defaults):
    for name, default in defaults:
        if reference.differs(getattr(record, name), default):
            return UnsupportedField(path + name, "set, but this version does not have it")
    raise AssertionError(f"{path or 'message'}: no field differs")


_UNCOPIED = 4096  # bytes; below, copying costs less than one more piece to send


class Builder:
    def __init__(self, message):
        self.source = s = Source(
            join=b"".join, varint=pack_varint, unbuildable=_unbuildable, unsupported=_unsupported, built=Built,
            failures=(ValueError, TypeError, AttributeError, struct_error, OverflowError))
        self.pending = []      # (expression, format, path): fixed-size writes not written out yet
        s.indent = 0
        s.line("def build(o0, out):")
        s.indent = 1
        s.line("parts = []; add = parts.append")
        s.line("try:")
        s.indent = 2
        self.structure(message, 0, "")
        self.flush()
        s.line("if parts: out.append(join(parts))")
        s.indent = 1
        s.line("except failures as error:")
        s.line("    raise unbuildable(error, fields) from None")
        s.names["fields"] = s.fields
        self.function = s.compile("build", message.record.__qualname__)

    def write(self, expression, code, path):
        if code == "16s":  # struct would pad or cut what is not of that size
            size = f"len({expression})"
            self.source.line(f"if {size} != 16: raise ValueError(f'uuid of {{{size}}} bytes')", path)
        self.pending.append((expression, code, path))

    def flush(self):
        if self.pending:
            pending, self.pending = self.pending, []
            self.source.line(f"add({self.packed(pending)})", tuple((path, 0, 0) for _, _, path in pending))

    def packed(self, pending):
        s = self.source
        codes = "".join(code for _, code, _ in pending)
        values = [expression for expression, _, _ in pending if expression]
        if not values:
            return repr(bytes(calcsize(">" + codes)))
        return f"{s.name('pack', Layout('>' + codes).pack, codes)}({', '.join(values)})"

    def structure(self, message, depth, path):
        s, o = self.source, f"o{depth}"
        missing = [(field.name, field.subcon.default) for field in message.subcons
                   if isinstance(field.subcon, reference.Absent) and not field.subcon.ignorable]
        if missing:
            tests = " or ".join(self.differs(f"{o}.{name}", default) for name, default in missing)
            s.line(f"if {tests}: raise unsupported({o}, {path!r}, {s.name('missing', missing)})", path + missing[0][0])
        for field in message.subcons:
            self.value(field.subcon, f"{o}.{field.name}", depth, path + field.name)

    def differs(self, value, default):
        """An expression: is the value other than the default? (reference.differs, written out)"""
        if default is None:
            return f"{value} is not None"
        if default is False:
            return value
        if isinstance(default, tuple):
            return f"({value} is None or len({value}))"
        name = constant(self.source, default)
        if isinstance(default, reference.Record):
            # Mostly the one shared default: no need to compare field by field.
            return f"({value} is not {name} and {value} != {name})"
        return f"{value} != {name}"

    def value(self, type_, value, depth, path):
        s = self.source
        if isinstance(type_, reference.Absent):
            return
        code = format_of(type_)
        if code:
            self.write(value, code, path)
        elif isinstance(type_, reference.Tagged):
            self.tagged(type_, depth, path.rpartition("_tagged")[0])
        elif isinstance(type_, reference.Message):
            self.flush()  # what is pending may name an earlier structure of this depth
            s.line(f"o{depth + 1} = {value}")
            self.structure(type_, depth + 1, path + ".")
        elif isinstance(type_, reference.Nullable):
            self.flush()
            s.line(f"if {value} is None:")
            s.line(f"    add({bytes([type_.null & 0xFF])!r})")
            s.line("else:")
            s.indent += 1
            self.write("1", "b", path)
            self.value(type_.structure, value, depth, path)
            self.flush()
            s.indent -= 1
        else:
            self.sized(type_, value, depth, path)

    def length(self, type_, path):
        """Writes what is pending and the length n (already counting from 1 when it is a varint)."""
        s = self.source
        if not type_.compact:
            self.write("n", format_of(type_.length), path)
            self.flush()
            return
        before, self.pending = self.pending, []
        where = tuple((path, 0, 0) for _, _, path in before) + ((path, 0, 0),)
        s.line(f"if n < 128: add({self.packed(before + [('n', 'B', path)])})", where)
        s.line("else:")
        if isinstance(type_, reference.String):
            s.line("    " + TOO_LONG, path)
        s.line("    add(" + (f"{self.packed(before)} + " if before else "") + "varint(n))", where)

    def sized(self, type_, value, depth, path):
        s = self.source
        is_array = isinstance(type_, reference.Array)
        content = f"r{depth}" if is_array else "v"
        s.line(f"{content} = {value}", path)
        if type_.nullable:
            s.line(f"if {content} is None:")
            s.line(f"    n = {0 if type_.compact else -1}; {content} = {'()' if is_array else repr(b'')}")
            s.line("else:")
            s.indent += 1
        if isinstance(type_, reference.String):
            s.line(f"{content} = {content}.encode()", path)
        elif isinstance(type_, reference.Records):
            s.line("if type(v) is list or type(v) is tuple: n = sum(map(len, v))", path)
            s.line("else: n = len(v); v = v,", path)
            if type_.compact:
                s.line("n += 1")
        if not isinstance(type_, reference.Records):
            s.line(f"n = len({content})" + (" + 1" if type_.compact else ""), path)
        if type_.nullable:
            s.indent -= 1
        self.length(type_, path)
        if is_array:
            self.elements(type_, depth, path)
        elif isinstance(type_, reference.Records):
            s.line(f"if n > {_UNCOPIED}: out.append(join(parts)); out += v; parts.clear()", path)
            s.line("else: parts += v", path)
        else:
            s.line("add(v)", path)

    def elements(self, type_, depth, path):
        s, code = self.source, format_of(type_.element)
        if code:
            s.line(f"add({s.name('many', layouts_of(code))}(len(r{depth})).pack(*r{depth}))", path)
            return
        item = f"o{depth + 1}" if isinstance(type_.element, reference.Message) else "v"
        if item != "v":
            s.line(f"if type(r{depth}) is built: add(join(r{depth})); r{depth} = ()")
        s.line(f"for {item} in r{depth}:", path)
        s.indent += 1
        if item == "v":
            self.value(type_.element, item, depth, path)
        else:
            self.structure(type_.element, depth + 1, path + ".")
        self.flush()
        s.indent -= 1

    def tagged(self, type_, depth, path):
        s = self.source
        if not type_.fields:
            self.write("", "x", path)
            return
        self.flush()
        t = f"t{depth}"
        s.line(f"{t} = []")
        for tag, (name, tagged_type, default) in sorted(type_.fields.items()):
            value = f"o{depth}.{name}"
            s.line(f"if {self.differs(value, default)}:", path + name)
            s.indent += 1
            s.line(f"a{depth} = add; q{depth} = []; add = q{depth}.append")
            self.value(tagged_type, value, depth, path + name)
            self.flush()
            s.line(f"add = a{depth}; v = join(q{depth}); {t} += {pack_varint(tag)!r}, varint(len(v)), v")
            s.indent -= 1
        s.line(f"if {t}: add(varint(len({t}) // 3)); parts_of_tags = join({t}); add(parts_of_tags)")
        s.line("else: add(b'\\0')")
