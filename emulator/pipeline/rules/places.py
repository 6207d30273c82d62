"""Where messages name topics, read off the declarations of wire/apis."""

from copy import copy
from functools import lru_cache
from typing import NamedTuple

from wire.apis.quorum import DescribeQuorum

_FIELDS = ("topic", "topic_name")
_ARRAYS = ("subscribed_topic_names", "topic_names", "source_topics", "repartition_sink_topics")
_REGEXES = ("subscribed_topic_regex", "source_topic_regex")
_RESOURCES = {"resource_name": "resource_type", "resource_name_filter": "resource_type_filter"}
_TOPIC_RESOURCE = 2  # of configs and of ACLs
# Arrays of structures whose `name` is a topic's; and those of an API where others have the same name.
_OF_TOPICS = (
    "topics", "topic_data", "v3_and_below_topics", "topic_results", "results_by_topic_v3_and_below", "state_changelog_topics",
    "repartition_source_topics",
)  # fmt: skip
_OF_TOPICS_IN = {("Produce", "responses"), ("DeleteTopics", "responses"), ("AlterPartitionReassignments", "responses"), ("CreatePartitions", "results")}
_TEXTS = ("error_message", "status_detail")  # which may name a topic


class Places(NamedTuple):
    """In a structure: fields that are a topic's name, arrays of such, regular expressions, (type, name) of a resource; structures below."""

    names: tuple
    arrays: tuple
    regexes: tuple
    resource: tuple | None
    below: tuple

    def __bool__(self):
        return any(self)


@lru_cache(None)
def places_of(message):
    """The Places of a wire.schema.Message; empty where it names no topic."""
    if message.api is DescribeQuorum:  # __cluster_metadata is nobody's topic
        return Places((), (), (), None, ())
    return _places(message.api.name, None, message.fields)


def _places(api, array, fields):
    of_topic = array in _OF_TOPICS or (api, array) in _OF_TOPICS_IN
    there = {field.name for field in fields}
    names = tuple(field.name for field in fields if field.type.kind == "string" and (field.name in _FIELDS or of_topic and field.name == "name"))
    texts = [field.name for field in fields if (field.type.element or field.type).kind == "string"]  # elsewhere they are places in another list
    regexes = tuple(name for name in _REGEXES if name in texts)
    arrays = tuple(name for name in _ARRAYS if name in texts)
    resource = next(((kind, name) for name, kind in _RESOURCES.items() if name in there and kind in there), None)
    below = []
    for field in fields:
        if field.type.fields and (found := _places(api, field.name, field.type.fields)):
            below.append((field.name, found))
    return Places(names, arrays, regexes, resource, tuple(below))


def renamed(record, places, name_of, regex_of):
    """A copy of `record` with `name_of(name)` in place of each topic; structures of topics of which it gives None are left out.

    `regex_of`: likewise, of regular expressions. None where the record itself is left out.
    """
    record = copy(record)
    for field in places.names:
        if name := getattr(record, field):
            value = name_of(name)
            if value is None:
                return None
            setattr(record, field, value)
    for field in places.arrays:
        if values := getattr(record, field):
            setattr(record, field, [name for value in values if (name := name_of(value)) is not None])
    for field in places.regexes:
        if value := getattr(record, field):
            setattr(record, field, regex_of(value) if isinstance(value, str) else [regex_of(one) for one in value])
    if places.resource is not None:
        kind, field = places.resource
        if getattr(record, kind) == _TOPIC_RESOURCE and (name := getattr(record, field)) and name != "*":
            value = name_of(name)
            if value is None:
                return None
            setattr(record, field, value)
    for field, inner in places.below:
        value = getattr(record, field)
        if isinstance(value, (list, tuple)):
            setattr(record, field, [one for each in value if (one := renamed(each, inner, name_of, regex_of)) is not None])
        elif value is not None and value is not type(value).DEFAULT:  # a structure that is not the one of all that have none
            setattr(record, field, renamed(value, inner, name_of, regex_of))
    return record


@lru_cache(None)
def texts_of(message):
    """Where a message has texts for people: (fields, ((field, the same of the structures there), ...)); None where it has none."""
    return _texts(message.fields)


def _texts(fields):
    own = tuple(field.name for field in fields if field.name in _TEXTS)
    below = tuple((field.name, found) for field in fields if field.type.fields and (found := _texts(field.type.fields)))
    return (own, below) if own or below else None


def retold(record, texts, text_of):
    """A copy of `record` with `text_of(text)` in place of each text."""
    record = copy(record)
    own, below = texts
    for field in own:
        if text := getattr(record, field):
            setattr(record, field, text_of(text))
    for field, inner in below:
        if value := getattr(record, field):
            setattr(record, field, [retold(each, inner, text_of) for each in value])
    return record
