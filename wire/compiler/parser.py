"""The function that parses a message."""

from codecs import utf_8_decode
from struct import Struct as Layout, calcsize, error as struct_error

from .. import reference
from ..types import Malformed
from ..varint import rest_of_varint, skip_tagged_fields
from .source import TOO_LONG, Source, constant, format_of, layouts_of


def _malformed(error, position, end, fields):
    """Malformed for an error raised by generated code: the line that failed knows its fields."""
    line = error.__traceback__.tb_lineno
    path, offset, _ = next((field for field in fields[line - 1] if position + field[1] + field[2] > end),
                           fields[line - 1][0])
    reason = str(error) if isinstance(error, ValueError) else "the buffer ends before the field does"
    return Malformed(path, position + offset, reason)


class Parser:
    def __init__(self, message):
        self.source = s = Source(
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
                absent.setdefault(constant(s, field.subcon.default), []).append(field.name)
        for default, names in absent.items():
            s.line("".join(f"{o}.{name} = " for name in names) + default)
        for field in message.subcons:
            self.value(field.subcon, f"{o}.{field.name}", depth, path + field.name)

    def value(self, type_, target, depth, path):
        if isinstance(type_, reference.Absent):
            return
        code = format_of(type_)
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
        s.line(f"if n <= {type_.null}:")
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
                s.line("    " + TOO_LONG, path)
        else:
            self.read("n", format_of(type_.length), path)
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
        code = format_of(type_.element)
        if code:
            s.line(f"{target} = list({s.name('many', layouts_of(code))}(n).unpack_from(b, p))", path)
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
            s.line(f"o{depth}.{name} = {constant(s, default)}")
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
