"""Where a message of some API and version names topics, partitions, groups ... and where its answer has room for errors.

All of it is found in the declarations of wire/apis: an array whose structures have a `partition_index` lists partitions, a field
`error_code` in them is the error of each. The few words that Kafka does not use alike everywhere are in the tables below.
"""

from functools import lru_cache
from typing import NamedTuple

from wire.types import ZERO_UUID

TOP = "top"

# What says which one it is, by kind; the first kind of which a structure has a field is its kind.
_IDENTITY = {
    "partition": ("partition_index", "partition", "index", "partition_id"),
    "transaction": ("transactional_id",),
    "group": ("group_id",),
    "member": ("member_id", "group_instance_id"),
    "resource": ("resource_name", "resource_type"),
    "feature": ("feature",),
    "entity": ("entity",),
    "log_dir": ("log_dir", "path"),
    "producer": ("producer_id",),
    "user": ("user",),
    "topic": ("topic", "topic_name", "topic_id"),
}
# Where that says something else, or nothing.
_KIND_OF = {"users": "user", "deletions": "user", "upsertions": "user", "coordinators": "coordinator", "filters": "filter"}
_NAME_OF = {"user": ("user", "name"), "coordinator": ("key",), "topic": ("topic", "topic_name", "topic_id", "name")}
_PLAIN = {  # arrays of mere names and numbers
    "partitions": "partition", "partition_indexes": "partition", "topic_names": "topic", "subscribed_topic_names": "topic",
    "groups": "group", "groups_names": "group", "group_ids": "group", "coordinator_keys": "coordinator",
    "transactional_ids": "transaction",
}  # fmt: skip
_SCALARS = {
    "group_id": "group", "member_id": "member", "transactional_id": "transaction", "v3_and_below_transactional_id": "transaction",
    "key": "coordinator",
}  # fmt: skip
# Not what is asked about: what is so no more, or what comes with it.
_LEFT_OUT = {"forgotten_topics_data", "assignments", "ops", "client_tags", "task_offsets", "task_end_offsets", "protocols"}
_ERROR = "error_code"
# Errors of something else than the structure that they stand in.
_PARTIAL = {"acknowledge_error_code": "acknowledge", "topic_config_error_code": "topic_config"}
_TEXT_KINDS = ("topic", "group", "member", "transaction", "coordinator", "resource", "user", "feature", "log_dir")
KINDS = ("partition", *_TEXT_KINDS)  # that a fault can be about


class Node(NamedTuple):
    """An array: `fields` are those that identify one of it, () where the items are the names themselves; `cls` their record class."""

    field: str
    kind: str
    fields: tuple
    cls: type | None
    children: tuple

    def identify(self, item):
        """What an item is called: {field or kind: value}, without those fields that this version leaves empty."""
        if self.cls is None:
            return {self.kind: item}
        named = {name: getattr(item, name) for name in self.fields}
        return {name: value for name, value in named.items() if value not in (None, "", ZERO_UUID)} if len(named) > 1 else named

    def key(self, item):
        """Equal for the items of a request and of its answer that are the same."""
        named = self.identify(item)
        if self.kind == "entity":
            return tuple(sorted((one.entity_type, one.entity_name or "") for one in named["entity"]))
        if self.kind == "resource" and len(named) > 1:
            return named["resource_type"], named["resource_name"]
        if "topic_id" in named and len(named) == 1:
            return named["topic_id"]
        return next(iter(named.values()), None)


class Level(NamedTuple):
    """A place for errors in an answer: `path` are the Nodes down to it, `error` and `message` its fields (None: there is no room for one).

    `asked`: the ways to the same things in the request, () where it does not name them; several where it has several lists of them.
    """

    name: str
    path: tuple
    error: str
    message: str | None
    asked: tuple

    @property
    def is_main(self):
        """Whether an error here means that nothing is done for what has it."""
        return self.error not in _PARTIAL

    @property
    def kinds(self):
        return tuple(node.kind for node in self.path)


class Shape(NamedTuple):
    """Of one API and version. `scalars`: {kind: field} at the top of the request; `items`: the Nodes of its lists; `levels`: by name.

    `pairs`: (Node of the request, Node of the answer) of lists at the top that are about the same things.
    """

    scalars: dict
    items: tuple
    pairs: tuple
    levels: dict
    throttles: bool

    @property
    def kinds(self):
        """What a request names."""
        return {*self.scalars, *self.item_kinds}

    @property
    def all_kinds(self):
        """What a request or its answer names."""
        return self.kinds.union(*(level.kinds for level in self.levels.values()))

    @property
    def item_kinds(self):
        return {node.kind for chain in chains(self.items) for node in chain}


@lru_cache(None)
def shape_of(api, version):
    scalars, items = {}, []
    for field in api.request.fields:
        if version in field.type.versions:
            if field.type.kind == "string" and field.name in _SCALARS:
                scalars[_SCALARS[field.name]] = field.name
            elif (node := _node(field, api.request.record, version, of_request=True)) is not None:
                items.append(node)
    levels, asked = {}, chains(items)
    for path, error, message in _errors(api.response.fields, api.response.record, version, (), items):
        name = _PARTIAL.get(error) or (path[-1].kind if path else TOP)
        level = Level(name, path, error, message, ())
        level = level._replace(asked=tuple(chain for chain in asked if path and kinds_of(chain)[-len(path) :] == level.kinds))
        # What Kafka finds by itself while it changes something cannot be kept from being changed.
        if not path or level.asked or reads(api):
            levels.setdefault(name, level)
    there = [field for field in api.response.fields if version in field.type.versions]
    answered = [node for field in there if (node := _list_of_answer(field, api.response.record, version, items)) is not None]
    pairs = tuple((one, node) for node in answered for one in items if one.kind == node.kind)
    return Shape(scalars, tuple(items), pairs, levels, any(field.name == "throttle_time_ms" for field in there))


def reads(api):
    """Whether an answer may be changed afterwards, as nothing has been done for it."""
    return api.name.startswith(("Describe", "List")) or api.name in ("Metadata", "OffsetFetch")


def kinds_of(chain):
    return tuple(node.kind for node in chain)


def chains(nodes):
    """Each way from a list at the top down: (topics,), (topics, partitions) ..."""
    found = []
    for node in nodes:
        found.append((node,))
        found += [(node, *rest) for rest in chains(node.children)]
    return found


def _node(field, parent, version, of_request):
    """The Node of a field, or None where it lists nothing that has a name."""
    type_ = field.type
    if type_.kind != "array" or field.name in _LEFT_OUT:
        return None
    if not type_.fields:
        kind = _PLAIN.get(field.name)
        return Node(field.name, kind, (), None, ()) if kind and type_.element.kind == ("int32" if kind == "partition" else "string") else None
    there = [one for one in type_.fields if version in one.type.versions]
    names = {one.name for one in there}
    kind = _KIND_OF.get(field.name) or next((kind for kind, fields in _IDENTITY.items() if not names.isdisjoint(fields)), None)
    if kind is None and "name" in names and (not of_request or "topic" in field.name):
        kind = "topic"
    if kind is None:
        return None
    cls = getattr(parent, field.class_name)
    children = (_node(one, cls, version, of_request) for one in there)
    fields = tuple(name for name in _NAME_OF.get(kind) or _IDENTITY.get(kind, ()) if name in names)
    return Node(field.name, kind, fields, cls, tuple(child for child in children if child is not None))


def _errors(fields, cls, version, path, items):
    """(path, name, name of the field for what is said of it) of each field for an error in an answer, outermost first."""
    there = [field for field in fields if version in field.type.versions]
    for field in there:
        if field.type.kind == "int16" and field.name.endswith(_ERROR):
            message = field.name.replace("code", "message")
            yield path, field.name, message if any(one.name == message for one in there) else None
    for field in there:
        if field.type.kind == "array" and field.type.fields:
            node = _list_of_answer(field, cls, version, () if path else items)
            if node is not None:
                yield from _errors(field.type.fields, node.cls, version, (*path, node), items)


def _list_of_answer(field, parent, version, items):
    node = _node(field, parent, version, of_request=False)
    if node is None and len(items) == 1 and field.type.kind == "array" and any(one.name == _ERROR for one in field.type.fields or ()):
        node = Node(field.name, items[0].kind, (), getattr(parent, field.class_name), ())  # they are told by their place alone
    return node
