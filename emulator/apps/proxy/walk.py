"""Through a Fetch answer (v16+) while it passes: addresses are at its very end, behind megabytes of records.

Its size has left before its end is known, so that a new end must be as long as the old one: what is shorter is filled up with
a tagged field that no Kafka has and every client skips (KIP-482), what is longer goes without: clients then ask for metadata.
"""

from struct import Struct, error as struct_error

from wire.apis.data import Fetch
from wire.header import skip_tagged_fields
from wire.varint import pack_varint, rest_of_varint

_PARTITION = Struct(">ihqqq").size  # index, error, high watermark, last stable offset, log start offset
_ABORTED = 16  # bytes of an aborted transaction, without its tagged fields
_HEAD = 10  # throttle time, error, session id
_FILLER_TAG = 127
_BEGINNING, _TOPIC, _PARTITIONS, _AFTER_RECORDS, _END = range(5)


class Walk:
    """One answer. `local`: see rewriting.py. `is_over`: what is left is the tagged fields of the whole answer."""

    __slots__ = ("_version", "_rewrite", "_local", "_at", "_topics", "_partitions")

    def __init__(self, version, rewrite, local):
        self._version = version
        self._rewrite = rewrite
        self._local = local
        self._at = _BEGINNING
        self._topics = self._partitions = 0

    @property
    def is_over(self):
        return self._at == _END

    def advance(self, view, position):
        """Go on from `position` as far as `view` allows; gives where, beyond its end if records go on there."""
        end = len(view)
        try:
            while position < end and self._at != _END:
                position = self._step(view, position, end)
        except (IndexError, struct_error, ValueError):  # more must come
            pass
        return position

    def _step(self, view, position, end):
        at = self._at
        if at == _PARTITIONS:
            if not self._partitions:
                position = skip_tagged_fields(view, position)
                self._at = _TOPIC if self._topics else _END
                return position
            position = self._to_records(view, position)
            self._partitions -= 1
            self._at = _AFTER_RECORDS
            return position
        if at == _AFTER_RECORDS:
            position = _skip_tags(view, position)
            self._at = _PARTITIONS
            return position
        if at == _TOPIC:
            partitions, position = _count(view, position + 16)
            self._topics -= 1
            self._partitions = partitions
            self._at = _PARTITIONS
            return position
        position = _skip_tags(view, position + 4)  # the header: correlation id, tagged fields
        topics, position = _count(view, position + _HEAD)
        self._topics = topics
        self._at = _TOPIC if topics else _END
        return position

    def _to_records(self, view, position):
        """The end of a partition's records."""
        aborted, position = _count(view, position + _PARTITION)
        for _ in range(aborted):
            position = _skip_tags(view, position + _ABORTED)
        size, position = _count(view, position + 4)  # the preferred read replica
        return position + size

    # -- the end of it ----------------------------------------------------------------------------

    @staticmethod
    def is_plain(view, position, end):
        """Whether the tagged fields there are none."""
        return end - position == 1 and not view[position]

    def tail(self, old):
        """Tagged fields with our addresses, as many bytes as `old`. Raises Malformed."""
        empty = bytes(_HEAD) + b"\1"
        response, _ = Fetch.parse_response(self._version)(empty + old)
        self._rewrite(response, self._local)
        out = []
        Fetch.build_response(self._version)(response, out)
        new = b"".join(out)[len(empty) :]
        missing = len(old) - len(new)
        if not missing:
            return new
        if missing < 2:
            return b"\1" + _filler(len(old) - 1)
        return bytes((new[0] + 1,)) + new[1:] + _filler(missing)


def _filler(size):
    """A tagged field of `size` bytes in all, two or more."""
    length = 1 if size <= 129 else 2 if size <= 16386 else 3
    payload = size - 1 - length
    head = bytearray(pack_varint(payload))
    while len(head) < length:  # a varint may be longer than it need be
        head[-1] |= 128
        head.append(0)
    return bytes((_FILLER_TAG,)) + bytes(head) + bytes(payload)


def _count(view, position):
    """(n, where it ends) of a compact length, of which null is none."""
    first = view[position]
    if first < 128:
        return (first - 1 if first else 0), position + 1
    value, position = rest_of_varint(view, position + 1, first)
    return value - 1, position


def _skip_tags(view, position):
    return skip_tagged_fields(view, position) if view[position] else position + 1
