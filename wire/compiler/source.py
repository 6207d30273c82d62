"""The generated source: its lines, the field that each is about, the objects it names; and how types are packed."""

from struct import Struct as Layout

from .. import reference


class Source:
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


def format_of(type_):
    """The struct format of a type of fixed size, or None."""
    if type_ is reference.FIXED["bool"]:
        return "?"
    if type_ is reference.FIXED["uuid"]:
        return "16s"
    return getattr(type_, "fmtstr", " ")[1:].strip() or None


TOO_LONG = f"if n > {reference.LONGEST_STRING + 1}: raise ValueError(f'string of {{n - 1}} bytes')"  # n: length + 1


def constant(source, value):
    """An expression for a default."""
    simple = value is None or isinstance(value, (bool, int, float, str, bytes, tuple))
    return repr(value) if simple else source.name("default", value)


_SMALL = 64
_layouts = {}


def layouts_of(code):
    """f(n): the Layout of n values of a format; those of short arrays are kept."""
    if code not in _layouts:
        def layout(n):
            return Layout(f">{n}{code}" if len(code) == 1 else ">" + code * n)

        short = [layout(n) for n in range(_SMALL)]
        _layouts[code] = lambda n: short[n] if n < _SMALL else layout(n)
    return _layouts[code]
