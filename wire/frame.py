"""Frames: an int32 length, big-endian, before every request and response."""

from struct import Struct

_LENGTH = Struct(">i")
LENGTH_SIZE = 4

read_length = _LENGTH.unpack_from   # (buffer, position) -> (length,)
pack_length = _LENGTH.pack          # length -> 4 bytes


def frame(pieces):
    """The pieces of a frame, its length first: pieces are bytes-like, none is copied."""
    return [_LENGTH.pack(sum(map(len, pieces))), *pieces]
