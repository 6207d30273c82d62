"""A construct Struct -> straight-line Python functions that parse and build it (the fast path).

Both walk the Struct that `wire.schema` makes (its vocabulary is `wire.reference`), so nothing is declared twice.
What makes the functions fast: neighbouring fields of fixed size, the length of what follows included, share one
precompiled struct.Struct; arrays and structures are written out in place; a varint's first byte is read with its
neighbours and is rarely followed by another. Errors cost nothing until they happen: the number of the line that
failed leads to the field.

`compile_parser(message).source` and `compile_builder(message).source` is the text, for the curious.
"""

from codecs import utf_8_decode
from struct import Struct as Layout, calcsize, error as struct_error

from . import reference
from .types import Malformed, Unbuildable, UnsupportedField
from .varint import pack_varint, rest_of_varint, skip_tagged_fields


def compile_parser(message):
    """f(buffer, position=0) -> (record, end position) for bytes-like buffers; raises Malformed, and only that."""
    return _Parser(message).function


def compile_builder(message):
    """f(record, out) -> None, appending bytes-like pieces to the list `out`; raises Unbuildable.

    Record batches longer than a few kB are appended as they are, uncopied; everything else is joined. After an error
    `out` may hold some of the pieces: throw it away.
    """
    return _Builder(message).function


class _Source:
    """Lines of Python with the field that each is about, and the objects they name."""

    def __init__(self, **names):
        self.lines = []
        self.fields = []       # by line: ((path, offset, size), ...) of the fields it reads or writes
        self.indent = 1
        self.names = names
        self.known = {}        # layout or object -> the name it has in the source

    def line(self, text, path="message"):
        self.lines.append("    " * self.indent + text)
        self.fields.append(path if isinstance(path, tuple) else ((path, 0, 0),))

    def name(self, prefix, value, key=None):
        """The name of a constant in the generated source."""
        key = (prefix, id(value) if key is None else key)
        if key not in self.known:
            self.known[key] = f"{prefix}{len(self.known)}"
            self.names[self.known[key]] = value
        return self.known[key]

    def compile(self, function, path):
        source = "\n".join(self.lines) + "\n"
        exec(compile(source, f"<{path} {function}>", "exec"), self.names)
        made = self.names[function]
        made.source = source
        return made


def _format(type_):
    """The struct format of a type of fixed size, or None."""
    if type_ is reference.FIXED["bool"]:
        return "?"
    if type_ is reference.FIXED["uuid"]:
        return "16s"
    return getattr(type_, "fmtstr", " ")[1:].strip() or None


_TOO_LONG = f"if n > {reference.LONGEST_STRING + 1}: raise ValueError(f'string of {{n - 1}} bytes')"  # n: length + 1


def _constant(source, value):
    """An expression for a default."""
    simple = value is None or isinstance(value, (bool, int, float, str, bytes, tuple))
    return repr(value) if simple else source.name("default", value)


# ---------------------------------------------------------------------------------------------- parsing

def _malformed(error, position, end, fields):
    """Malformed for an error raised by generated code: the line that failed knows its fields."""
    line = error.__traceback__.tb_lineno
    path, offset, _ = next((field for field in fields[line - 1] if position + field[1] + field[2] > end),
                           fields[line - 1][0])
    reason = str(error) if isinstance(error, ValueError) else "the buffer ends before the field does"
    return Malformed(path, position + offset, reason)


_SMALL = 64
_layouts = {}


def _layouts_of(code):
    """f(n): the Layout of n values of a format; those of short arrays are kept."""
    if code not in _layouts:
        def layout(n):
            return Layout(f">{n}{code}" if len(code) == 1 else ">" + code * n)

        short = [layout(n) for n in range(_SMALL)]
        _layouts[code] = lambda n: short[n] if n < _SMALL else layout(n)
    return _layouts[code]


class _Parser:
    def __init__(self, message):
        self.source = s = _Source(
            new=object.__new__, long=rest_of_varint, skip=skip_tagged_fields, text=utf_8_decode, malformed=_malformed,
            failures=(ValueError, IndexError, struct_error))
        self.pending = []      # (target, format, path): fixed-size reads not written out yet
        # Slicing bytes is much faster than slicing a view, which only records are worth.
        self.views = _has_records(message)
        s.indent = 0
        s.line("def parse(b, p=0):")
        s.indent = 1
        if not self.views:
            s.line("if type(b) is not bytes: b = bytes(b)")
        s.line("end = len(b)")
        s.line("try:")
        s.indent = 2
        self.structure(message, 0, "")
        self.flush()
        s.line("return o0, p")
        s.indent = 1
        s.line("except failures as error:")
        s.line("    raise malformed(error, p, end, fields) from None")
        s.names["fields"] = s.fields
        self.function = s.compile("parse", message.record.__qualname__)

    def read(self, target, code, path):
        self.pending.append((target, code, path))

    def flush(self):
        if not self.pending:
            return
        s, pending, self.pending = self.source, self.pending, []
        codes = "".join(code for _, code, _ in pending)
        size = calcsize(">" + codes)
        if codes == "B":
            s.line(f"{pending[0][0]} = b[p]", pending[0][2])
        else:
            where, offset = [], 0
            for _, code, path in pending:
                where.append((path, offset, calcsize(">" + code)))
                offset += calcsize(">" + code)
            unpack = s.name("unpack", Layout(">" + codes).unpack_from, codes)
            s.line(f"{', '.join(target for target, _, _ in pending)}, = {unpack}(b, p)", tuple(where))
        s.line(f"p += {size}")

    def structure(self, message, depth, path):
        s, o = self.source, f"o{depth}"
        self.flush()  # what is pending may name an earlier structure of this depth
        s.line(f"{o} = new({s.name('cls', message.record)})")
        absent = {}
        for field in message.subcons:
            if isinstance(field.subcon, reference.Absent):
                absent.setdefault(_constant(s, field.subcon.default), []).append(field.name)
        for default, names in absent.items():
            s.line("".join(f"{o}.{name} = " for name in names) + default)
        for field in message.subcons:
            self.value(field.subcon, f"{o}.{field.name}", depth, path + field.name)

    def value(self, type_, target, depth, path):
        if isinstance(type_, reference.Absent):
            return
        code = _format(type_)
        if code:
            self.read(target, code, path)
        elif isinstance(type_, reference.Tagged):
            self.tagged(type_, depth, path.rpartition("_tagged")[0])
        elif isinstance(type_, reference.Message):
            self.structure(type_, depth + 1, path + ".")
            self.source.line(f"{target} = o{depth + 1}")
        elif isinstance(type_, reference.Nullable):
            self.nullable(type_, target, depth, path)
        else:
            self.sized(type_, target, depth, path)

    def nullable(self, type_, target, depth, path):
        s = self.source
        self.read("n", "b", path)
        self.flush()
        s.line("if n < 0:")
        s.line(f"    {target} = None")
        s.line("else:")
        s.indent += 1
        self.value(type_.structure, target, depth, path)
        self.flush()
        s.indent -= 1

    def varint(self, name, path):
        self.read(name, "B", path)
        self.flush()
        self.source.line(f"if {name} > 127:")
        self.source.line(f"    {name}, p = long(b, p, {name})", path)

    def sized(self, type_, target, depth, path):
        """A string, bytes, records or an array: n is its length, or with a varint its length + 1."""
        s = self.source
        is_string = isinstance(type_, reference.String)
        if type_.compact:
            self.varint("n", path)
            if is_string:
                s.line("    " + _TOO_LONG, path)
        else:
            self.read("n", _format(type_.length), path)
            self.flush()
        s.line("if not n:" if type_.compact else "if n < 0:")
        if type_.nullable:
            s.line(f"    {target} = None")
        else:
            s.line("    raise ValueError('null in a field that has no null')", path)
        s.line("else:")
        s.indent += 1
        if isinstance(type_, reference.Array):
            if type_.compact:
                s.line("n -= 1")
            self.array(type_, target, depth, path)
        else:
            s.line("e = p + n - 1" if type_.compact else "e = p + n")
            s.line("if e > end: raise IndexError", path)
            if is_string:
                s.line(f"{target} = " + ("text(b[p:e], 'strict', True)[0]" if self.views else "b[p:e].decode()"), path)
            elif isinstance(type_, reference.Records) or not self.views:
                s.line(f"{target} = b[p:e]")
            else:
                s.line(f"{target} = bytes(b[p:e])")
            s.line("p = e")
        s.indent -= 1

    def array(self, type_, target, depth, path):
        s = self.source
        least = max(1, reference.smallest(type_.element))
        s.line(f"if n{f' * {least}' if least > 1 else ''} > end - p: "
               "raise ValueError(f'array of {n} elements in {end - p} bytes')", path)
        code = _format(type_.element)
        if code:
            s.line(f"{target} = list({s.name('many', _layouts_of(code))}(n).unpack_from(b, p))", path)
            s.line(f"p += n * {calcsize('>' + code)}")
            return
        s.line(f"r{depth} = []")
        s.line(f"{target} = r{depth}")
        s.line("for _ in range(n):")
        s.indent += 1
        if isinstance(type_.element, reference.Message):
            self.structure(type_.element, depth + 1, path + ".")
            self.flush()
            s.line(f"r{depth}.append(o{depth + 1})")
        else:
            self.value(type_.element, "v", depth, path)
            s.line(f"r{depth}.append(v)")
        s.indent -= 1

    def tagged(self, type_, depth, path):
        s = self.source
        for name, _, default in type_.fields.values():
            s.line(f"o{depth}.{name} = {_constant(s, default)}")
        t, e, where = f"t{depth}", f"e{depth}", path + "(tagged fields)"
        self.read(t, "B", where)
        self.flush()
        if not type_.fields:
            s.line(f"if {t}: p = skip(b, p, {t}, end)", where)
            return
        s.line(f"if {t}:")
        s.indent += 1
        s.line(f"if {t} > 127: {t}, p = long(b, p, {t})", where)
        s.line(f"for _ in range({t}):")
        s.indent += 1
        self.varint("k", where)
        self.varint("n", where)
        s.line(f"{e} = p + n")
        s.line(f"if {e} > end: raise ValueError(f'tagged field of {{n}} bytes in {{end - p}}')", where)
        for tag, (name, tagged_type, _) in type_.fields.items():
            s.line(f"if k == {tag}:")
            s.indent += 1
            self.value(tagged_type, f"o{depth}.{name}", depth, path + name)
            self.flush()
            s.line(f"if p != {e}: raise ValueError('tagged field is not of the size it claims')", path + name)
            s.line("continue")
            s.indent -= 1
        s.line(f"p = {e}")
        s.indent -= 2


def _has_records(type_):
    if isinstance(type_, reference.Message):
        return any(_has_records(field.subcon) for field in type_.subcons)
    if isinstance(type_, reference.Tagged):
        return any(_has_records(tagged) for _, tagged, _ in type_.fields.values())
    inner = getattr(type_, "element", getattr(type_, "structure", None))
    return isinstance(type_, reference.Records) or (inner is not None and _has_records(inner))


# --------------------------------------------------------------------------------------------- building

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


class _Builder:
    def __init__(self, message):
        self.source = s = _Source(
            join=b"".join, varint=pack_varint, unbuildable=_unbuildable, unsupported=_unsupported,
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
        return f"{value} != {_constant(self.source, default)}"

    def value(self, type_, value, depth, path):
        s = self.source
        if isinstance(type_, reference.Absent):
            return
        code = _format(type_)
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
            s.line("    add(b'\\xff')")
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
            self.write("n", _format(type_.length), path)
            self.flush()
            return
        before, self.pending = self.pending, []
        where = tuple((path, 0, 0) for _, _, path in before) + ((path, 0, 0),)
        s.line(f"if n < 128: add({self.packed(before + [('n', 'B', path)])})", where)
        s.line("else:")
        if isinstance(type_, reference.String):
            s.line("    " + _TOO_LONG, path)
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
        s, code = self.source, _format(type_.element)
        if code:
            s.line(f"add({s.name('many', _layouts_of(code))}(len(r{depth})).pack(*r{depth}))", path)
            return
        item = f"o{depth + 1}" if isinstance(type_.element, reference.Message) else "v"
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
            shared = f"{value} is not {_constant(s, default)} and " if isinstance(default, reference.Record) else ""
            s.line(f"if {shared}{self.differs(value, default)}:", path + name)
            s.indent += 1
            s.line(f"a{depth} = add; q{depth} = []; add = q{depth}.append")
            self.value(tagged_type, value, depth, path + name)
            self.flush()
            s.line(f"add = a{depth}; v = join(q{depth}); {t} += {pack_varint(tag)!r}, varint(len(v)), v")
            s.indent -= 1
        s.line(f"if {t}: add(varint(len({t}) // 3)); parts_of_tags = join({t}); add(parts_of_tags)")
        s.line("else: add(b'\\0')")
