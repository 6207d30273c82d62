"""One record, as every magic of batch gives it."""


class Record:
    """offset; timestamp in ms (-1: none); key and value, bytes or None; headers, (str, bytes or None) pairs.

    To be built into a batch, `offset` may be None: the next one. Header keys that are no UTF-8 keep their
    bytes as Python's surrogate escapes, so that what is read can be written again.
    """

    __slots__ = ("offset", "timestamp", "key", "value", "headers")

    def __init__(self, offset, timestamp, key, value, headers=()):
        self.offset = offset
        self.timestamp = timestamp
        self.key = key
        self.value = value
        self.headers = headers

    def _fields(self):
        return self.offset, self.timestamp, self.key, self.value, tuple(self.headers)

    def __eq__(self, other):
        return self._fields() == other._fields() if isinstance(other, Record) else NotImplemented

    __hash__ = None

    def __repr__(self):
        return "Record(offset={}, timestamp={}, key={!r}, value={!r}, headers={!r})".format(*self._fields())
