"""The codecs: what clients send is read, what is written can be read by them, and nothing outgrows its limit."""

import gzip
import struct
import tracemalloc
import zlib

import cramjam
import pytest
from hypothesis import given, strategies as st
from kafka import codec as reference

from wire import compression
from wire.compression import GZIP, LZ4, NONE, SNAPPY, ZSTD, CorruptData, TooLarge, compress, decompress

CODECS = [NONE, GZIP, SNAPPY, LZ4, ZSTD]
LIMIT = 1 << 20
TEXT = b"all that glitters " * 20_000  # 360 kB: more than one block of each framing

REFERENCE = {GZIP: (reference.gzip_encode, reference.gzip_decode), SNAPPY: (reference.snappy_encode, reference.snappy_decode),
             LZ4: (reference.lz4_encode, reference.lz4_decode), ZSTD: (reference.zstd_encode, reference.zstd_decode)}

each_codec = pytest.mark.parametrize("code", CODECS, ids=compression.NAMES)
each_real_codec = pytest.mark.parametrize("code", CODECS[1:], ids=compression.NAMES[1:])


@each_codec
@given(data=st.binary(max_size=200_000))
def test_round_trip(code, data):
    assert bytes(decompress(code, compress(code, data), len(data))) == data


@each_codec
@pytest.mark.parametrize("form", [bytes, bytearray, memoryview])
def test_takes_any_bytes_and_gives_back_many_blocks(code, form):
    packed = compress(code, form(TEXT))
    assert bytes(decompress(code, form(bytes(packed)), LIMIT)) == TEXT


@each_real_codec
@pytest.mark.parametrize("data", [b"", b"x", TEXT], ids=["nothing", "a byte", "much"])
def test_kafka_python_reads_what_is_written_and_the_other_way(code, data):
    encode, decode = REFERENCE[code]
    if data or code != SNAPPY:  # kafka-python takes a snappy stream of no blocks for raw snappy
        assert bytes(decode(bytes(compress(code, data)))) == data
    assert bytes(decompress(code, encode(data), LIMIT)) == data


@each_real_codec
def test_never_makes_more_than_the_limit(code):
    packed = compress(code, TEXT)
    assert bytes(decompress(code, packed, len(TEXT))) == TEXT
    for limit in (len(TEXT) - 1, 1000, 1, 0):
        with pytest.raises(TooLarge):
            decompress(code, packed, limit)


@each_real_codec
def test_what_is_cut_is_corrupt(code):
    packed = bytes(compress(code, b"0123456789" * 50))
    for size in range(len(packed)):
        if code == ZSTD and size == 0 or code == SNAPPY and size == 16:
            continue  # an empty stream, to zstd-jni and to snappy-java
        with pytest.raises(CorruptData):
            decompress(code, packed[:size], LIMIT)


@each_real_codec
@given(noise=st.binary(max_size=300))
def test_noise_raises_nothing_else(code, noise):
    try:
        assert len(decompress(code, noise, LIMIT)) <= LIMIT
    except CorruptData:
        pass


@each_real_codec
@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_raises_nothing_else(code, place, bit):
    packed = bytearray(compress(code, bytes(range(256)) * 4 + b"abc" * 300))
    packed[place % len(packed)] ^= 1 << bit
    try:
        assert len(decompress(code, packed, LIMIT)) <= LIMIT
    except CorruptData:
        pass


def test_an_unknown_code_is_corrupt():
    with pytest.raises(CorruptData):
        decompress(5, b"", LIMIT)


@pytest.mark.parametrize("code, levels", [(GZIP, (1, 9, -1)), (LZ4, (1, 9, 12, 17)), (ZSTD, (-5, 3, 19))],
                         ids=["gzip", "lz4", "zstd"])
def test_levels(code, levels):
    data = " ".join(str(i * 7919 % 1000) for i in range(3000)).encode()
    sizes = [len(compress(code, data, level)) for level in levels]
    assert all(bytes(decompress(code, compress(code, data, level), LIMIT)) == data for level in levels)
    assert len(set(sizes)) > 1


# gzip

def test_gzip_members_follow_each_other_and_garbage_after_them_is_left():
    data = gzip.compress(b"one ") + gzip.compress(b"two")
    assert decompress(GZIP, data, LIMIT) == b"one two"
    assert decompress(GZIP, data + b"garbage", LIMIT) == b"one two"
    with pytest.raises(TooLarge):
        decompress(GZIP, data, 6)


def test_gzip_bomb():
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(16)) + packer.flush()
    with pytest.raises(TooLarge):
        decompress(GZIP, bomb, LIMIT)


def test_many_small_gzip_members_cost_no_more_than_their_sum():
    assert decompress(GZIP, gzip.compress(b"x") * 40_000, LIMIT) == b"x" * 40_000


# snappy

def test_snappy_is_written_in_the_blocks_of_snappy_java():
    packed = compress(SNAPPY, TEXT)
    assert packed[:16] == b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01"
    size, = struct.unpack_from(">i", packed, 16)
    assert len(cramjam.snappy.decompress_raw(packed[20:20 + size])) == 32 * 1024


def test_raw_snappy_is_read():
    assert decompress(SNAPPY, bytes(cramjam.snappy.compress_raw(TEXT)), LIMIT) == TEXT


def test_snappy_that_claims_a_huge_length_is_not_believed():
    with pytest.raises(CorruptData):
        decompress(SNAPPY, b"\xff\xff\xff\xff\x0f" + b"\0" * 40, 1 << 40)


@pytest.mark.parametrize("length", [-1, 100, 2**31 - 1])
def test_snappy_block_of_a_wrong_length(length):
    block = struct.pack(">i", length) + bytes(cramjam.snappy.compress_raw(b"x"))
    with pytest.raises(CorruptData):
        decompress(SNAPPY, compression.XERIAL_HEADER + block, LIMIT)


# lz4

def test_lz4_frames_are_those_that_java_reads():
    assert compress(LZ4, b"abc" * 100)[:4] == compression.LZ4_MAGIC
    flags = compress(LZ4, TEXT)[4]
    assert flags & 0xC0 == 0x40 and flags & 0x20 and not flags & 0x03  # version 1, independent blocks


def test_lz4_with_linked_blocks_is_refused_as_java_does():
    packer = cramjam.lz4.Compressor(block_linked=True)
    packer.compress(TEXT)
    with pytest.raises(CorruptData, match="flags"):
        decompress(LZ4, bytes(packer.finish()), LIMIT)


def test_lz4_leaves_what_follows_the_frame():
    assert decompress(LZ4, compress(LZ4, b"abc") + b"garbage", LIMIT) == b"abc"


def test_lz4_header_checksum_of_old_clients_is_mended():
    packed = bytearray(compress(LZ4, b"abc" * 100))
    packed[6] ^= 0x55
    with pytest.raises(CorruptData):
        decompress(LZ4, packed, LIMIT)
    assert decompress(LZ4, compression.mend_lz4_header(packed), LIMIT) == b"abc" * 100


def test_lz4_content_size_is_not_believed():
    # FLG 0x68: a content size of 2^62 follows; the frame then ends.
    header = bytes((0x68, 0x40)) + struct.pack("<Q", 1 << 62)
    frame = compression.mend_lz4_header(compression.LZ4_MAGIC + header + b"\0" + bytes(4))
    with pytest.raises(CorruptData):
        decompress(LZ4, frame, 1 << 62)


# zstd

def test_zstd_content_size_is_a_hint_only():
    # A frame of one raw block of 1 byte that says it holds 2^60.
    frame = compression.ZSTD_MAGIC + bytes((0xC0, 0x58)) + struct.pack("<Q", 1 << 60) + b"\x09\0\0x" + bytes(4)
    with pytest.raises(CorruptData):
        decompress(ZSTD, frame, LIMIT)


def test_zstd_without_a_content_size_and_in_two_frames():
    packer = cramjam.zstd.Compressor()
    packer.compress(TEXT)
    packed = bytes(packer.finish())
    assert decompress(ZSTD, packed + bytes(compress(ZSTD, b"more")), LIMIT) == TEXT + b"more"


def test_zstd_of_repetition_beyond_every_guess():
    packed = compress(ZSTD, bytes(LIMIT))
    assert len(packed) < 200
    assert decompress(ZSTD, packed, LIMIT) == bytes(LIMIT)
    with pytest.raises(TooLarge):
        decompress(ZSTD, packed, LIMIT - 1)


def test_a_few_bytes_that_claim_a_gigabyte_take_none():
    frame = compression.ZSTD_MAGIC + bytes([0xE0]) + (10**9).to_bytes(8, "little") + bytes(50)
    tracemalloc.start()
    try:
        with pytest.raises(CorruptData):
            decompress(ZSTD, frame, 1 << 30)
        assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    finally:
        tracemalloc.stop()
