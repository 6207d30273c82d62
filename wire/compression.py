"""The codecs of record batches, by the code in a batch's attributes: none, gzip, snappy, lz4, zstd.

`decompress` is given the most bytes that it may make and never allocates more than that, whatever the
data claims: sizes declared inside the data are hints at most. What cannot be read raises CorruptData,
what would grow beyond the limit TooLarge. Framings are those of Kafka's Java client: gzip members one
after the other, snappy in the blocks of snappy-java's SnappyOutputStream (raw snappy is read too),
lz4 frames (for magic 0 with the header checksum that old clients computed wrongly, KIP-57), zstd frames.
Sources: org.apache.kafka.common.compress, KIP-110, KIP-390 (levels).
"""

import zlib
from struct import Struct

import cramjam

NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)
NAMES = ("none", "gzip", "snappy", "lz4", "zstd")
CODES = {name: code for code, name in enumerate(NAMES)}


class CorruptData(ValueError):
    """The bytes are not what the codec says they are."""


class TooLarge(CorruptData):
    """The data holds more than the caller wants to see."""

    def __init__(self, limit):
        super().__init__(f"the data decompresses to more than {limit} bytes")
        self.limit = limit


def decompress(code, data, limit):
    """All that `data` (bytes-like) holds, as a bytes-like of at most `limit` bytes."""
    if code == NONE:
        if len(data) > limit:
            raise TooLarge(limit)
        return data
    try:
        read = _READERS[code]
    except KeyError:
        raise CorruptData(f"unknown compression type id: {code}") from None
    return read(data, limit)


def compress(code, data, level=None):
    """`data` (bytes-like) as Kafka's own producer frames it; `level` None is Kafka's default."""
    if code == NONE:
        return data
    return _WRITERS[code](data, level)


# gzip --------------------------------------------------------------------------------------------

GZIP_MAGIC = b"\x1f\x8b"
GZIP_STEP = 64 * 1024


def _read_gzip(data, limit):
    pieces, room, position = [], limit, 0
    while True:
        member = zlib.decompressobj(wbits=31)
        while not member.eof:
            # In steps, as zlib copies what it leaves: many small members would cost their square.
            step = data[position:position + GZIP_STEP]
            if not step:
                raise CorruptData("gzip: the data ends within a member")
            try:
                # zlib counts 0 as "no limit"; one byte more than the room tells full from overfull.
                piece = member.decompress(step, room + 1)
            except zlib.error as error:
                raise CorruptData(f"gzip: {error}") from None
            if len(piece) > room:
                raise TooLarge(limit)
            pieces.append(piece)
            room -= len(piece)
            position += len(step) - len(member.unused_data)
        # As java.util.zip.GZIPInputStream: what follows and is no further member is left unread.
        if data[position:position + 2] != GZIP_MAGIC:
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _write_gzip(data, level):
    packer = zlib.compressobj(-1 if level is None else level, wbits=31)
    return packer.compress(data) + packer.flush()


# snappy ------------------------------------------------------------------------------------------

XERIAL_MAGIC = b"\x82SNAPPY\0"
XERIAL_HEADER = XERIAL_MAGIC + Struct(">ii").pack(1, 1)  # version, oldest version that can read it
XERIAL_BLOCK = 32 * 1024
INT32 = Struct(">i")


def _read_snappy(data, limit):
    if not data:
        raise CorruptData("snappy: no data")
    if data[:8] != XERIAL_MAGIC:
        return _read_snappy_block(data, limit, limit)
    if len(data) < len(XERIAL_HEADER):
        raise CorruptData("snappy: the stream header is cut")
    pieces, room = [], limit
    position, end = len(XERIAL_HEADER), len(data)
    while position < end:
        if data[position:position + 8] == XERIAL_MAGIC:
            position += len(XERIAL_HEADER)  # streams may follow each other, as snappy-java reads them
            continue
        if end - position < 4:
            raise CorruptData("snappy: the data ends within a block length")
        length, = INT32.unpack_from(data, position)
        position += 4
        if not 0 <= length <= end - position:
            raise CorruptData(f"snappy: a block of {length} bytes where {end - position} are left")
        piece = _read_snappy_block(data[position:position + length], room, limit)
        pieces.append(piece)
        room -= len(piece)
        position += length
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _read_snappy_block(block, room, limit):
    try:
        size = cramjam.snappy.decompress_raw_len(block)
        # Three bytes of snappy make 64 at most, so a larger claim is a lie not worth allocating for.
        if size > 22 * len(block):
            raise CorruptData(f"snappy: {len(block)} bytes claim to hold {size}")
        if size > room:
            raise TooLarge(limit)
        piece = bytearray(size)
        if cramjam.snappy.decompress_raw_into(block, piece) != size:
            raise CorruptData("snappy: a block holds less than it claims")
        return piece
    except cramjam.DecompressionError as error:
        raise CorruptData(f"snappy: {error}") from None


def _write_snappy(data, level):
    pieces = [XERIAL_HEADER]
    data = memoryview(data)
    for start in range(0, len(data), XERIAL_BLOCK):
        block = bytes(cramjam.snappy.compress_raw(data[start:start + XERIAL_BLOCK]))
        pieces += INT32.pack(len(block)), block
    return b"".join(pieces)


# lz4 ---------------------------------------------------------------------------------------------

LZ4_MAGIC = b"\x04\x22\x4d\x18"
LZ4_BLOCK_SIZES = {4: 64 * 1024, 5: 256 * 1024, 6: 1024 * 1024, 7: 4 * 1024 * 1024}
LZ4_STORED = 0x80000000  # a block that did not shrink and is kept as it was
LZ4_DEFAULT_LEVEL = 9  # Kafka's default, which its producer takes for lz4's fast mode
UINT32_LE = Struct("<I")


def _read_lz4(data, limit):
    end, most = _lz4_extent(data)
    # As Kafka's Lz4BlockInputStream: what follows the first frame is left unread.
    return _read_into(cramjam.lz4, "lz4", data[:end], limit, most)


def _lz4_extent(data):
    """(end of the frame, most bytes it can hold); CorruptData for what Kafka's reader does not take."""
    if len(data) < 7 or data[:4] != LZ4_MAGIC:
        raise CorruptData("lz4: the data does not start with a frame")
    flags = data[4]
    if flags & 0xE3 != 0x60:
        # Version 1, no reserved bit; linked blocks are refused by every Kafka client in Java (KIP-57).
        raise CorruptData(f"lz4: frame flags {flags:#x} are not supported")
    block_size = LZ4_BLOCK_SIZES.get(data[5] >> 4)
    if block_size is None:
        raise CorruptData(f"lz4: block size {data[5]:#x} is not supported")
    after_block = 4 if flags & 0x10 else 0
    position = 15 if flags & 0x08 else 7
    blocks = 0
    while True:
        if len(data) - position < 4:
            raise CorruptData("lz4: the data ends before the frame does")
        length = UINT32_LE.unpack_from(data, position)[0] & ~LZ4_STORED
        position += 4
        if length == 0:
            return position + (4 if flags & 0x04 else 0), blocks * block_size
        if length > block_size:
            raise CorruptData(f"lz4: a block of {length} bytes in a frame of {block_size}")
        position += length + after_block
        blocks += 1


def _write_lz4(data, level):
    if level is None or level == LZ4_DEFAULT_LEVEL:
        level = 0
    packer = cramjam.lz4.Compressor(level=level, content_checksum=False, block_linked=False)
    packer.compress(bytes(data))  # the one codec of cramjam's that takes nothing else
    return bytes(packer.finish())


def mend_lz4_header(data):
    """`data` with the header checksum that it should have: magic 0 and 1 clients wrote a wrong one.

    They left the frame's magic in what they summed (KAFKA-3160); so Kafka ignores it there.
    """
    end = 14 if len(data) > 14 and data[4] & 0x08 else 6
    if len(data) <= end:
        return data
    mended = bytearray(data)
    mended[end] = _xxh32(bytes(mended[4:end])) >> 8 & 0xFF
    return mended


def _xxh32(data):
    """xxHash-32 with seed 0 of fewer than 16 bytes: all that a frame header needs."""
    total = 374761393 + len(data)
    words = len(data) & ~3
    for (word,) in UINT32_LE.iter_unpack(data[:words]):
        total = (total + word * 3266489917) & 0xFFFFFFFF
        total = (total << 17 | total >> 15) * 668265263 & 0xFFFFFFFF
    for byte in data[words:]:
        total = (total + byte * 374761393) & 0xFFFFFFFF
        total = (total << 11 | total >> 21) * 2654435761 & 0xFFFFFFFF
    total = (total ^ total >> 15) * 2246822519 & 0xFFFFFFFF
    total = (total ^ total >> 13) * 3266489917 & 0xFFFFFFFF
    return total ^ total >> 16


# zstd --------------------------------------------------------------------------------------------

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZSTD_DEFAULT_LEVEL = 3


def _read_zstd(data, limit):
    if not data:
        return b""  # no frame at all is an empty stream to zstd-jni
    return _read_into(cramjam.zstd, "zstd", data, limit, _zstd_content_size(data) or 8 * len(data))


def _zstd_content_size(data):
    """What the first frame says that it holds, or None; only ever a hint (RFC 8878, 3.1.1.1)."""
    if len(data) < 18 or data[:4] != ZSTD_MAGIC:
        return None
    descriptor = data[4]
    width = (1 if descriptor & 0x20 else 0, 2, 4, 8)[descriptor >> 6]
    if not width:
        return None
    start = 5 + (0, 1, 2, 4)[descriptor & 3] + (not descriptor & 0x20)
    return int.from_bytes(data[start:start + width], "little") + (256 if width == 2 else 0)


def _write_zstd(data, level):
    return bytes(cramjam.zstd.compress(data, level=ZSTD_DEFAULT_LEVEL if level is None else level))


# -------------------------------------------------------------------------------------------------

_MOST_AT_FIRST = 1024 * 1024


def _read_into(codec, name, data, limit, guess):
    """Decompress into a buffer of `guess` bytes that grows when it must, to `limit` at most."""
    size = min(max(guess, 1024), limit, _MOST_AT_FIRST + 64 * len(data))  # a few bytes may claim any size
    while True:
        out = bytearray(size)
        try:
            made = codec.decompress_into(data, out)
        except cramjam.DecompressionError as error:
            if "whole buffer" not in str(error):
                raise CorruptData(f"{name}: {error}") from None
            if size == limit:
                raise TooLarge(limit) from None
            size = min(size * 4, limit)
        else:
            del out[made:]
            return out


_READERS = {GZIP: _read_gzip, SNAPPY: _read_snappy, LZ4: _read_lz4, ZSTD: _read_zstd}
_WRITERS = {GZIP: _write_gzip, SNAPPY: _write_snappy, LZ4: _write_lz4, ZSTD: _write_zstd}
