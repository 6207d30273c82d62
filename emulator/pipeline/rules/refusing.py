"""Answers that refuse: an error for each thing that was asked for, where the answer has one for each, else one for all.

Which list of an answer is about which list of the request is read off the declarations: the one of the same name, else the first.
"""

from wire.apis.quotas import AlterClientQuotas
from wire.apis.sasl import AlterUserScramCredentials
from wire.apis.replication import AlterReplicaLogDirs
from wire.record import Record

_NAMES = ("name", "topic", "topic_name")
_INDEXES = ("partition_index", "partition", "index", "partition_id", "partitions")
_IDS = ("group_id", "transactional_id", "key", *_NAMES)  # what stands in a list of plain texts
_ERRORS = ("error_code", "partition_error_code")
# What is -1 where there is none, though that is not its default.
_NONE = {"base_offset", "high_watermark", "committed_offset", "low_watermark", "node_id", "port", "producer_id", "producer_epoch", "generation_id", "leader_id"}
_SAME = (_NAMES, _INDEXES, ("user", "name"))


def refuse(api, version, request, error, message):
    """A response of `api` in which all that `request` asks for has `error`."""
    response = api.Response()
    if api is AlterReplicaLogDirs:  # asked by directory, answered by topic
        Results = api.Response.Results
        response.results = [Results(topic_name=topic.name, partitions=[Results.Partitions(partition_index=one, error_code=error) for one in topic.partitions])
                            for directory in request.dirs for topic in directory.topics]
        return response
    pairs = pairs_of(api, version)
    for asked, answered in pairs:
        put(response, answered, refusals(api, version, asked, answered, getattr(request, asked.name) or (), error, message))
    if not any(getattr(response, answered.name) for _, answered in pairs):
        _mark(api.response.fields, response, version, error, message)
    return response


def pairs_of(api, version):
    """[(field of the request, field of the answer)]: lists of which each thing has an error of its own."""
    asked = [field for field in api.request.fields if field.type.kind == "array" and version in field.type.versions]
    found = []
    for field in api.response.fields:
        if field.type.kind == "array" and field.type.fields and _has_error(field.type.fields, version) and version in field.type.versions:
            if api is AlterUserScramCredentials:
                found += [(one, field) for one in asked]
            elif asked:
                found.append((next((one for one in asked if one.name == field.name), asked[0]), field))
    return [] if api is AlterReplicaLogDirs else found


def refusals(api, version, asked, answered, items, error, message):
    """What the list `answered` has of `items`, some of the list `asked`."""
    cls = getattr(api.Response, answered.class_name)
    return [_refusal(answered.type.fields, cls, asked.type.fields, one, version, error, message) for one in items]


def put(response, field, more):
    setattr(response, field.name, [*getattr(response, field.name), *more])


def _has_error(fields, version):
    return any(version in field.type.versions and (field.name in _ERRORS or field.type.fields and _has_error(field.type.fields, version)) for field in fields)


def _refusal(fields, cls, asked_fields, item, version, error, message):
    made = cls()
    there = {field.name: field for field in fields}
    if not isinstance(item, Record):
        names = _IDS if isinstance(item, str) else _INDEXES
        setattr(made, next(name for name in names if name in there), item)
    else:
        given = {field.name for field in asked_fields}
        for name, field in there.items():
            if field.type.fields or field.type.kind == "array":
                continue
            same = next((names for names in _SAME if name in names), (name,))
            source = name if name in given else next((one for one in same if one in given), None)
            if source is not None and source not in _ERRORS:
                setattr(made, name, getattr(item, source))
        if cls is AlterClientQuotas.Response.Entries:
            made.entity = [cls.Entity(entity_type=one.entity_type, entity_name=one.entity_name) for one in item.entity]
    _mark(fields, made, version, error, message)
    if isinstance(item, Record):
        for field in fields:
            if field.type.kind == "array" and field.type.fields and _has_error(field.type.fields, version):
                source = next((one for one in asked_fields if one.type.kind == "array" and one.name == field.name), None)
                source = source or next((one for one in asked_fields if one.type.kind == "array" and version in one.type.versions), None)
                if source is not None:
                    inner = getattr(cls, field.class_name)
                    items = getattr(item, source.name) or ()
                    setattr(made, field.name, [_refusal(field.type.fields, inner, source.type.fields, one, version, error, message) for one in items])
    return made


def _mark(fields, record, version, error, message):
    for field in fields:
        if field.name in _NONE:
            setattr(record, field.name, -1)
        elif field.type.kind == "records":
            record.records = ()
        elif version in field.type.versions and field.name in _ERRORS:
            setattr(record, field.name, error)
        elif version in field.type.versions and field.name == "error_message":
            record.error_message = message
