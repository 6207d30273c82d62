"""One segment's recovery: what stays of a file that is spoilt in one place, whatever the place."""

import random
import struct
import zlib

import pytest

from emulator.state.clock import VirtualClock
from emulator.state.configs import Configs
from emulator.state.configs.broker import parse_broker_settings
from emulator.state.log import Log
from emulator.state.log.segment import Segment
from tests.state.log.simulated_disk import SimulatedDisk
from wire import errors
from wire.records import Record, build_batch


def batches(*sizes):
    made, offset = [], 0
    for size in sizes:
        made.append(build_batch([Record(offset, 1_000 + offset, None, bytes(size), ())], base_offset=offset))
        offset += 1
    return made


def recovered(data):
    disk = SimulatedDisk({"00000000000000000000.log": data})
    segment = Segment(disk, 0, 0, exists=True)
    return segment, segment.recover(300)


def test_batches_larger_than_what_is_read_at_once():
    made = batches(10, 3_000_000, 20, 1_048_500, 1_048_576, 5)
    segment, good = recovered(b"".join(made))
    assert good == sum(map(len, made))
    assert segment.next_offset == 6
    assert [header.base_offset for _, header in segment.batches()] == list(range(6))


@pytest.mark.parametrize("seed", range(10))
def test_all_before_the_first_spoilt_byte_stays(seed):
    choose = random.Random(seed)
    made = batches(*(choose.randrange(300) for _ in range(40)))
    data = bytearray(b"".join(made))
    at = choose.randrange(len(data))
    data[at] ^= 1 << choose.randrange(8)
    ends = [sum(map(len, made[: index + 1])) for index in range(40)]
    whole = sum(end <= at for end in ends)
    # The base offset and the leader epoch are not under the checksum: an offset may only be seen not to grow.
    begin = ends[whole - 1] if whole else 0
    segment, good = recovered(bytes(data))
    if at - begin in range(8, 12) or at - begin >= 16:
        assert good == begin and segment.next_offset == whole
    else:
        assert good >= begin


@pytest.mark.parametrize("cut", [1, 11, 12, 60, 61, 62, 100])
def test_a_batch_that_was_not_written_whole_goes(cut):
    made = batches(100, 100, 100)
    segment, good = recovered(b"".join(made[:2]) + made[2][:cut])
    assert (good, segment.next_offset) == (len(made[0]) * 2, 2)


@pytest.mark.parametrize("tail", [bytes(5), bytes(4096), b"\xff" * 200])
def test_what_is_no_batch_goes(tail):
    made = batches(100, 100)
    segment, good = recovered(b"".join(made) + tail)
    assert (good, segment.next_offset) == (len(made[0]) * 2, 2)
    assert recovered(tail)[1] == 0


def test_what_kafka_wrote_before_0_11_is_not_cut_off(caplog):
    value = b"old"
    body = struct.pack(">bbqii", 1, 0, 1_000, -1, len(value)) + value  # magic 1, no key
    message = struct.pack(">qiI", 0, len(body) + 4, zlib.crc32(body)) + body
    disk = SimulatedDisk({"00000000000000000000.log": message})
    config = Configs(parse_broker_settings({})).preview({})
    log = Log("t-0", config, VirtualClock(), random.Random(1), disk, clean=False)
    assert log.refusal().error == errors.KAFKA_STORAGE_ERROR and "older than Kafka 0.11" in log.failed
    assert disk.load("00000000000000000000.log") == message
    assert [record.getMessage() for record in caplog.records] == [f"t-0 cannot be opened: {log.failed}"]
