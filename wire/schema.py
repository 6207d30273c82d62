"""api(): one declaration per API, and what is made of it on demand.

    JoinGroup = api(11, "JoinGroup", "0-9", flexible="6+", request=[...], response=[...])

    JoinGroup.Request(group_id="g")             record classes with Kafka's defaults
    JoinGroup.request[9]                        the construct Struct of version 9 (the reference codec)
    JoinGroup.parse_request(9)(buffer)          -> (record, end): compiled from that Struct
    JoinGroup.build_request(9)(record, out)     appends bytes-like pieces to the list `out`
"""

from functools import cached_property

from .record import default_of, make_class
from .types import Versions


class Api:
    """One Kafka API. `versions.min`, `versions.max`; `flexible_from` is None where no version is flexible.

    `latest_unstable`: the last version is not final in this Kafka; brokers offer it only when told to.
    """

    def __init__(self, key, name, versions, request, response, flexible=None, latest_unstable=False):
        self.key = key
        self.name = name
        self.versions = Versions.parse(versions)
        self.flexible = Versions.parse(flexible or "none")
        self.flexible_from = self.flexible.min if flexible else None
        self.latest_unstable = latest_unstable
        self.request = Message(self, "Request", request)
        self.response = Message(self, "Response", response)
        self.parse_request = self.request.parser
        self.parse_response = self.response.parser
        self.build_request = self.request.builder
        self.build_response = self.response.builder

    @cached_property
    def Request(self):
        return self.request.record

    @cached_property
    def Response(self):
        return self.response.record

    @cached_property
    def reply(self):
        """reply(**fields): a Response."""
        return self.Response

    def __repr__(self):
        return f"<{self.name} {self.versions!r}>"


api = Api


class Message:
    """One direction of an API: its fields, its record class, and its codecs by version."""

    def __init__(self, api, direction, fields):
        self.api = api
        self.direction = direction
        self.fields = fields
        self._structs = {}
        self._parsers = {}
        self._builders = {}
        self._element_builders = {}

    @cached_property
    def record(self):
        return make_class(f"{self.api.name}.{self.direction}", self.fields, __name__)

    def __getitem__(self, version):
        """The construct Struct of a version; LookupError where Kafka has none."""
        found = self._structs.get(version)
        if found is None:
            if version not in self.api.versions:
                raise LookupError(f"{self.api.name} has no version {version}, only {self.api.versions!r}")
            found = self._structs[version] = _message(self.fields, self.record, version, version in self.api.flexible)
        return found

    def parser(self, version):
        """f(buffer, position=0) -> (record, end position); raises Malformed."""
        found = self._parsers.get(version)
        if found is None:
            from .compiler import compile_parser
            found = self._parsers[version] = compile_parser(self[version])
        return found

    def builder(self, version):
        """f(record, out) -> None: appends bytes-like pieces to the list `out`; raises Unbuildable."""
        found = self._builders.get(version)
        if found is None:
            from .compiler import compile_builder
            found = self._builders[version] = compile_builder(self[version])
        return found

    def element_builder(self, version, *path):
        """f(record) -> bytes, of an element of the array at `path` (field names); what it makes may stand in a `Built`."""
        found = self._element_builders.get((version, path))
        if found is None:
            from .compiler import compile_builder
            element = self[version]
            for name in path:
                element = next(field.subcon for field in element.subcons if field.name == name).element
            build = compile_builder(element)

            def found(record):
                out = []
                build(record, out)
                return b"".join(out)
            self._element_builders[version, path] = found
        return found


def _message(fields, record, version, flexible):
    # construct costs some 30 ms to import: whoever only names an API should not pay that.
    from . import reference

    plain, tagged = [], {}
    for field in fields:
        type_ = field.type
        default = default_of(field, vars(record))
        if version not in type_.versions:
            plain.append(field.name / reference.Absent(default, type_.ignorable))
            continue
        nested = getattr(record, field.class_name) if type_.fields else None
        made = _type(type_, nested, version, flexible)
        if type_.tag is None:
            plain.append(field.name / made)
        else:
            tagged[type_.tag] = (field.name, made, default)
    if flexible:
        plain.append("_tagged" / reference.Tagged(tagged))
    return reference.Message(*plain, record=record)


def _type(type_, nested, version, flexible):
    from . import reference

    if type_.kind in reference.FIXED:
        return reference.FIXED[type_.kind]
    nullable = version in type_.nullable
    if type_.kind == "struct":
        made = _message(type_.fields, nested, version, flexible)
        return reference.Nullable(made, -1 if type_.tag is None else 0) if nullable else made
    if type_.kind == "string":
        return reference.String(reference.varint if flexible else reference.Int16sb, nullable)
    length = reference.varint if flexible else reference.Int32sb
    if type_.kind == "bytes":
        return reference.Octets(length, nullable)
    if type_.kind == "records":
        return reference.Records(length, nullable)
    element = _message(type_.fields, nested, version, flexible) if type_.fields \
        else _type(type_.element, None, version, flexible)
    return reference.Array(length, nullable, element)
