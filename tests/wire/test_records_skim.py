"""Skimming records agrees with reading them, and cutting a batch with building one."""

import random

import pytest

from wire.errors import KafkaError
from wire.records import (
    HEADER_SIZE, Record, build_batch, iter_batch, payload_of, read_header, recut, skim, skim_singles,
)  # fmt: skip

NOW = 1_700_000_000_000


def short(key):
    return b"short of " + key[:4]


def drawn(chance, count):
    """Records of all sizes, with gaps between their offsets."""
    offset, records = 100, []
    for _ in range(count):
        key = chance.choice((None, b"", b"k%d" % chance.randint(0, 9), chance.randbytes(chance.choice((5, 63, 64, 70, 200)))))
        value = chance.choice((None, b"", chance.randbytes(chance.choice((3, 60, 130, 20_000)))))
        headers = chance.choice(((), (), (("name", b"value"), ("empty", None))))
        records.append(Record(offset, NOW + chance.choice((0, 1, 70, 9_000, 10**7, -5)), key, value, headers))
        offset += chance.choice((1, 1, 1, 2, 90, 9_000))
    return records


@pytest.mark.parametrize("seed", range(30))
def test_skimmed_as_read(seed):
    chance = random.Random(seed)
    records = drawn(chance, chance.randint(1, 40))
    batch = build_batch(records, base_offset=100)
    header, position, index = read_header(batch), HEADER_SIZE, 0
    while index < len(records):
        count = min(chance.randint(1, 7), len(records) - index)
        starts, offsets, keys, nulls, following = skim(batch, position, count, header.base_offset, short)
        part = records[index : index + count]
        assert starts[0] == position and starts == sorted(starts)
        assert offsets == [record.offset for record in part]
        assert keys == [short(one.key) if one.key is not None and len(one.key) > 63 else one.key for one in part]
        assert nulls == [number for number, record in enumerate(part) if record.value is None]
        position, index = following, index + count
    assert position == len(batch)


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("compression", [0, 1])
def test_cut_as_built(seed, compression):
    chance = random.Random(seed)
    records = drawn(chance, chance.randint(2, 20))
    producer = {"producer_id": 7, "producer_epoch": 1, "base_sequence": 5, "transactional": True, "partition_leader_epoch": 3}
    by_broker = chance.choice((0, 1))
    batch = build_batch(records, 100, compression, timestamp_type=by_broker, max_timestamp=NOW if by_broker else None, **producer)
    header = read_header(batch)
    payload = bytes(payload_of(header, batch))
    starts, *_, end = skim(payload, 0, len(records), 100, short)
    starts.append(end)
    left = sorted(chance.sample(range(len(records)), chance.randint(1, len(records))))
    horizon = chance.choice((None, NOW + 86_400_000))
    expected = build_batch(
        [record for number, record in enumerate(iter_batch(header, payload)) if number in left],
        100, compression, timestamp_type=by_broker, max_timestamp=NOW if by_broker else None, delete_horizon_ms=horizon,
        last_offset_delta=header.last_offset_delta, **producer,
    )  # fmt: skip
    assert bytes(recut(header, payload, [(starts[number], starts[number + 1]) for number in left], horizon)) == expected


def test_cut_to_nothing():
    batch = build_batch([Record(0, NOW, b"k", b"v")], compression=1, producer_id=7, producer_epoch=0, base_sequence=3)
    header = read_header(recut(read_header(batch), b"", ()))
    assert (header.record_count, header.compression, header.size, header.max_timestamp, header.base_timestamp) == (0, 0, 61, NOW, -1)
    assert (header.last_offset, header.producer_id, header.base_sequence) == (0, 7, 3)


def test_batches_of_one_record_are_walked_as_far_as_they_are_plain():
    plain = [build_batch([Record(n, NOW + n, b"k%d" % n, None if n == 3 else b"v" * (n * 40))], base_offset=n) for n in range(6)]
    others = [
        build_batch([Record(6, NOW, b"k", b"v")], base_offset=6, compression=1),
        build_batch([Record(6, NOW, b"k", b"v")], base_offset=6, producer_id=1, transactional=True),
        build_batch([Record(6, NOW, b"k", b"v"), Record(7, NOW, b"k", b"v")], base_offset=6),
        build_batch([Record(6, NOW, b"k" * 64, b"v")], base_offset=6),
        build_batch([Record(6, NOW, None, b"v")], base_offset=6),
        build_batch([Record(6, NOW, b"k", b"v")], base_offset=6, last_offset_delta=2),
        plain[0][:-1], b"",
    ]  # fmt: skip
    for other in others:
        starts, offsets, keys, nulls = skim_singles(b"".join(plain) + other, 0, 100)
        assert (offsets, nulls, starts[-1]) == (list(range(6)), [3], sum(map(len, plain)))
        assert keys == [b"k%d" % n for n in range(6)]
    assert skim_singles(b"".join(plain), 0, 2)[1] == [0, 1]


def test_what_is_spoilt_is_an_error_and_nothing_else():
    chance = random.Random(5)
    batch = build_batch(drawn(chance, 12), base_offset=100)
    for _ in range(3_000):
        spoilt = bytearray(batch[HEADER_SIZE:])
        for _ in range(chance.randint(1, 3)):
            spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
        try:
            skim(bytes(spoilt[: chance.randint(1, len(spoilt))]), 0, 12, 100, short)
        except KafkaError:
            pass
