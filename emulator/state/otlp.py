"""The names of the metrics in an OTLP MetricsData message: just enough of protobuf to say what was pushed.

MetricsData.resource_metrics = 1, ResourceMetrics.scope_metrics = 2, ScopeMetrics.metrics = 2, Metric.name = 1.
"""

_WAY = (1, 2, 2, 1)
_VARINT, _EIGHT_BYTES, _DELIMITED, _FOUR_BYTES = 0, 1, 2, 5


def metric_names(data):
    """[name] in order; raises ValueError when it is no such message."""
    names, messages = [], [(memoryview(data), 0)]
    while messages:
        message, depth = messages.pop()
        inner = [part for number, part in _fields(message) if number == _WAY[depth]]
        if depth + 1 == len(_WAY):
            names += [str(part, "utf-8") for part in inner]
        else:
            messages += [(part, depth + 1) for part in reversed(inner)]
    return names


def _fields(message):
    """(number, bytes) of each length-delimited field of a message."""
    position, end = 0, len(message)
    while position < end:
        tag, position = _varint(message, position)
        kind = tag & 7
        if kind == _VARINT:
            _, position = _varint(message, position)
        elif kind == _EIGHT_BYTES:
            position += 8
        elif kind == _FOUR_BYTES:
            position += 4
        elif kind == _DELIMITED:
            size, position = _varint(message, position)
            if size > end - position:
                raise ValueError("a field runs past its message")
            yield tag >> 3, message[position : position + size]
            position += size
        else:
            raise ValueError(f"wire type {kind}")
    if position > end:
        raise ValueError("a field runs past its message")


def _varint(message, position):
    value = shift = 0
    while True:
        if position >= len(message) or shift > 63:
            raise ValueError("a number is cut short")
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
