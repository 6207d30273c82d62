"""Unsigned varints: seven bits a byte, lowest first, at most five bytes; and the tagged fields they head (KIP-482)."""

_ONE_BYTE = [bytes((value,)) for value in range(128)]


def pack_varint(value):
    if value < 128:
        return _ONE_BYTE[value]
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    made.append(value)
    return bytes(made)


def rest_of_varint(buffer, position, first):
    """(value, position after it), given its first byte, which had its high bit set, and the position after that.

    IndexError where the buffer ends, ValueError where the varint does not.
    """
    value = first & 127
    for shift in (7, 14, 21, 28):
        byte = buffer[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            if value >= 1 << 32:
                break
            return value, position
    raise ValueError("varint is too long")


def skip_tagged_fields(buffer, position, count, end):
    """The position after tagged fields none of which is known, given the first byte of their count.

    Errors as `rest_of_varint`; a field that claims to go beyond `end` is a ValueError.
    """
    if count > 127:
        count, position = rest_of_varint(buffer, position, count)
    for _ in range(count):
        tag = buffer[position]
        position += 1
        if tag > 127:
            _, position = rest_of_varint(buffer, position, tag)
        size = buffer[position]
        position += 1
        if size > 127:
            size, position = rest_of_varint(buffer, position, size)
        if size > end - position:
            raise ValueError(f"tagged field of {size} bytes in {end - position}")
        position += size
    return position
