"""Random records of any message and version, drawn from the construct Struct; and a plain form to compare codecs in."""

import string as letters

from wire import reference
from wire.record import Record

EDGES = {"b": (-128, -1, 0, 1, 127), "h": (-32768, -1, 0, 1, 32767), "H": (0, 1, 32768, 65535),
         "l": (-2**31, -1, 0, 1, 2**31 - 1), "q": (-2**63, -1, 0, 1, 2**63 - 1)}
WORDS = "", "a", "grp", "tópico", "日本", "x" * 126, "y" * 127, "z" * 300


def every_version(apis):
    return [(api, version) for api in apis for version in api.versions]


class Draw:
    """Values for a Struct: `random` is a random.Random or anything with its choice, randint, random and randbytes."""

    def __init__(self, random, most=3):
        self.random = random
        self.most = most

    def message(self, struct):
        values = {}
        for field in struct.subcons:
            if isinstance(field.subcon, reference.Tagged):
                for name, type_, default in field.subcon.fields.values():
                    values[name] = default if self.random.random() < 0.4 else self.value(type_)
            elif isinstance(field.subcon, reference.Absent):
                values[field.name] = field.subcon.default
            else:
                values[field.name] = self.value(field.subcon)
        return struct.record(**values)

    def value(self, type_):
        random = self.random
        if isinstance(type_, reference.Message):
            return self.message(type_)
        if isinstance(type_, reference.Nullable):
            return None if random.random() < 0.3 else self.message(type_.structure)
        if isinstance(type_, reference.Sized) and type_.nullable and random.random() < 0.25:
            return None
        if isinstance(type_, reference.Array):
            most = 130 if random.random() < 0.02 and not isinstance(type_.element, reference.Message) else self.most
            return [self.value(type_.element) for _ in range(random.randint(0, most))]
        if isinstance(type_, reference.String):
            return random.choice(WORDS) if random.random() < 0.5 else \
                "".join(random.choice(letters.ascii_letters) for _ in range(random.randint(0, 12)))
        if isinstance(type_, reference.Octets):
            return random.randbytes(random.choice((0, 1, 10, 127, 128, 5000)) if random.random() < 0.2
                                    else random.randint(0, 9))
        if type_ is reference.FIXED["bool"]:
            return random.random() < 0.5
        if type_ is reference.FIXED["uuid"]:
            return random.randbytes(16)
        if type_ is reference.FIXED["float64"]:
            return random.choice((0.0, -1.5, 1e300, 0.1))
        code = type_.fmtstr[1:]
        return random.choice(EDGES[code]) if random.random() < 0.4 else random.randint(*EDGES[code][::4]) \
            if len(EDGES[code]) == 5 else random.randint(0, 65535)


def plain(value):
    """Records and construct's containers alike as dicts and lists."""
    if isinstance(value, Record):
        return {name: plain(getattr(value, name)) for name in sorted(value.fields_in_order)}
    if isinstance(value, dict):
        return {name: plain(item) for name, item in sorted(value.items()) if not name.startswith("_")}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return bytes(value) if isinstance(value, memoryview) else value


def built(api_message, version, record):
    pieces = []
    api_message.builder(version)(record, pieces)
    return b"".join(pieces)
