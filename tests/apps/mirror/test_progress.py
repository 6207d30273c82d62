"""What a mirror says of itself."""

import io

from emulator.apps.mirror.batches import Piece
from emulator.apps.mirror.offset_map import OffsetMap
from emulator.apps.mirror.partition import Partition
from emulator.apps.mirror.progress import Progress
from emulator.apps.mirror.room import Room


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Mirror:
    def __init__(self):
        self.room = Room(1000)
        self.partitions = {("t", index): Partition("t", index, "t", 0, OffsetMap(), self.room) for index in (0, 1)}

    def copy(self, count, left):
        one = self.partitions["t", 0]
        one.is_cleared, one.end = True, one.position + count + left
        one.put(Piece(bytearray(100), count, one.position + count, one.position))
        waiting = one.next()
        one.sent(None)
        one.answered(waiting, None, 0)


def test_elsewhere_it_is_a_line_now_and_then():
    stream, now, mirror = io.StringIO(), [0.0], Mirror()
    progress = Progress(stream, lambda: now[0])
    for _ in range(170):
        now[0] += 0.125
        mirror.copy(10, left=5)
        progress(mirror)
    first, second = stream.getvalue().splitlines()
    assert first.startswith("1 topics, 2 partitions: 8") and ", 80/s, 0.0 MB/s, 5 behind, 0.0 MB queued" in second
    mirror.partitions["t", 1].failed = "no"
    progress(mirror, is_last=True)
    assert stream.getvalue().splitlines()[-1].endswith(", 1 partitions FAILED")


def test_on_a_terminal_it_is_one_that_changes():
    stream, now, mirror = Terminal(), [0.0], Mirror()
    progress = Progress(stream, lambda: now[0])
    for _ in range(3):
        now[0] += 0.6
        progress(mirror)
    progress(mirror, is_last=True)
    assert stream.getvalue().count("\r") == 4 and stream.getvalue().count("\n") == 1


def test_a_line_is_no_longer_than_the_terminal_is_wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    stream, mirror = Terminal(), Mirror()
    Progress(stream, lambda: 0.0)(mirror, is_last=True)
    assert stream.getvalue() == "\r1 topics, 2 partitions: 0 records copie\n"
