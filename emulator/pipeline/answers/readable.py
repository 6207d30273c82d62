"""Answers whose lists hold structures: some are kept as the bytes that they are sent as."""

from functools import lru_cache

from wire.record import Built


def readable(api, version, response):
    """A response in which all is structures; that which is given, where it is so already."""
    if not _holds_bytes(response, _lists(api.response)):
        return response
    pieces = []
    api.build_response(version)(response, pieces)
    return api.parse_response(version)(b"".join(pieces))[0]


def _holds_bytes(record, lists):
    for name, inner in lists:
        value = getattr(record, name)
        if type(value) is Built or inner and value and any(_holds_bytes(one, inner) for one in value):
            return True
    return False


@lru_cache(None)
def _lists(message):
    return _lists_of(message.fields)


def _lists_of(fields):
    """((name, the same of what is in it), ...) of the lists of structures."""
    return tuple((field.name, _lists_of(field.type.fields)) for field in fields if field.type.kind == "array" and field.type.fields)
