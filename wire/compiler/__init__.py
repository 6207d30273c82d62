"""A construct Struct -> straight-line Python functions that parse and build it (the fast path).

Both walk the Struct that `wire.schema` makes (its vocabulary is `wire.reference`), so nothing is declared twice.
What makes the functions fast: neighbouring fields of fixed size, the length of what follows included, share one
precompiled struct.Struct; arrays and structures are written out in place; a varint's first byte is read with its
neighbours and is rarely followed by another. Errors cost nothing until they happen: the number of the line that
failed leads to the field.

`JoinGroup.parse_request(9).source` is the text, for the curious.
"""

from .builder import Builder
from .parser import Parser


def compile_parser(message):
    """f(buffer, position=0) -> (record, end position) for bytes-like buffers; raises Malformed, and only that."""
    return Parser(message).function


def compile_builder(message):
    """f(record, out) -> None, appending bytes-like pieces to the list `out`; raises Unbuildable.

    Record batches longer than a few kB are appended as they are, uncopied; everything else is joined. After an error
    `out` may hold some of the pieces: throw it away.
    """
    return Builder(message).function
