"""XXH3, 64 bits, without a seed: the hash by which Kafka's groups know whether their topics changed.

Source: the specification of XXH3 (github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md).
"""

from struct import Struct, unpack_from

_SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c"
    "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364"
    "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e"
)
_MASK32, _MASK64 = (1 << 32) - 1, (1 << 64) - 1
_P32 = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D
_P64 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
_MX1, _MX2 = 0x165667919E3779F9, 0x9FB21C651E98DF25
_START = _P32[2], _P64[0], _P64[1], _P64[2], _P64[3], _P32[1], _P64[4], _P32[0]
_STRIPE = Struct("<8Q")
_STRIPE_SIZE, _STRIPES_PER_BLOCK = 64, (len(_SECRET) - 64) // 8
_KEYS = [_STRIPE.unpack_from(_SECRET, at) for at in range(0, 8 * _STRIPES_PER_BLOCK, 8)]


def xxh3_64(data):
    """The hash of some bytes, unsigned."""
    size = len(data)
    if size > 240:
        return _long(data)
    if size > 128:
        return _up_to_240(data)
    if size > 16:
        return _up_to_128(data)
    if size > 8:
        return _up_to_16(data)
    if size >= 4:
        return _up_to_8(data)
    if size:
        low = data[0] << 16 | data[size >> 1] << 24 | data[-1] | size << 8
        return _avalanche_64(low ^ _u32(_SECRET, 0) ^ _u32(_SECRET, 4))
    return _avalanche_64(_u64(_SECRET, 56) ^ _u64(_SECRET, 64))


def _u32(data, at):
    return unpack_from("<I", data, at)[0]


def _u64(data, at):
    return unpack_from("<Q", data, at)[0]


def _folded(a, b):
    product = a * b
    return (product ^ product >> 64) & _MASK64


def _avalanche(value):
    value = (value ^ value >> 37) * _MX1 & _MASK64
    return value ^ value >> 32


def _avalanche_64(value):
    value = (value ^ value >> 33) * _P64[1] & _MASK64
    value = (value ^ value >> 29) * _P64[2] & _MASK64
    return value ^ value >> 32


def _up_to_8(data):
    size = len(data)
    value = _u32(data, size - 4) + (_u32(data, 0) << 32) ^ _u64(_SECRET, 8) ^ _u64(_SECRET, 16)
    value ^= (value << 49 | value >> 15) ^ (value << 24 | value >> 40)
    value = (value & _MASK64) * _MX2 & _MASK64
    value = (value ^ (value >> 35) + size) * _MX2 & _MASK64
    return value ^ value >> 28


def _up_to_16(data):
    size = len(data)
    low = _u64(data, 0) ^ _u64(_SECRET, 24) ^ _u64(_SECRET, 32)
    high = _u64(data, size - 8) ^ _u64(_SECRET, 40) ^ _u64(_SECRET, 48)
    swapped = int.from_bytes(low.to_bytes(8, "little"), "big")
    return _avalanche(size + swapped + high + _folded(low, high) & _MASK64)


def _mixed(data, at, secret_at):
    return _folded(_u64(data, at) ^ _u64(_SECRET, secret_at), _u64(data, at + 8) ^ _u64(_SECRET, secret_at + 8))


def _up_to_128(data):
    size = len(data)
    value = size * _P64[0]
    for pair in range((size - 1) // 32 + 1):
        value += _mixed(data, 16 * pair, 32 * pair) + _mixed(data, size - 16 * (pair + 1), 32 * pair + 16)
    return _avalanche(value & _MASK64)


def _up_to_240(data):
    size = len(data)
    value = size * _P64[0] + sum(_mixed(data, 16 * piece, 16 * piece) for piece in range(8))
    value = _avalanche(value & _MASK64)
    value += sum(_mixed(data, 16 * piece, 16 * piece - 125) for piece in range(8, size // 16))
    return _avalanche(value + _mixed(data, size - 16, 119) & _MASK64)


def _long(data):
    lanes, size = list(_START), len(data)
    for stripe in range((size - 1) // _STRIPE_SIZE):
        nth = stripe % _STRIPES_PER_BLOCK
        _accumulate(lanes, data, stripe * _STRIPE_SIZE, _KEYS[nth])
        if nth == _STRIPES_PER_BLOCK - 1:
            _scramble(lanes)
    _accumulate(lanes, data, size - _STRIPE_SIZE, _STRIPE.unpack_from(_SECRET, len(_SECRET) - 64 - 7))
    value = size * _P64[0]
    for pair in range(4):
        key = 11 + 16 * pair
        value += _folded(lanes[2 * pair] ^ _u64(_SECRET, key), lanes[2 * pair + 1] ^ _u64(_SECRET, key + 8))
    return _avalanche(value & _MASK64)


def _accumulate(lanes, data, at, keys):
    for lane, value in enumerate(_STRIPE.unpack_from(data, at)):
        keyed = value ^ keys[lane]
        lanes[lane ^ 1] = lanes[lane ^ 1] + value & _MASK64
        lanes[lane] = lanes[lane] + (keyed & _MASK32) * (keyed >> 32) & _MASK64


def _scramble(lanes):
    for lane, key in enumerate(_STRIPE.unpack_from(_SECRET, len(_SECRET) - 64)):
        value = lanes[lane]
        lanes[lane] = (value ^ value >> 47 ^ key) * _P32[0] & _MASK64
