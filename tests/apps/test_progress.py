"""What is said while a start recovers."""

import io

from emulator.apps.progress import Recovery


class Stream(io.StringIO):
    def __init__(self, terminal):
        super().__init__()
        self._terminal = terminal

    def isatty(self):
        return self._terminal


def said(terminal, seconds, total=100):
    """The text after `total` steps of 20 MB in so many seconds."""
    now = [0.0]
    stream = Stream(terminal)
    recovery = Recovery(stream, lambda: now[0])
    for done in range(1, total + 1):
        now[0] += seconds / total
        recovery(done, total, done * 20_000_000, total * 20_000_000)
    return stream.getvalue()


def test_plain_lines_now_and_then():
    lines = said(False, 20).splitlines()
    assert lines[0] == "recovering: 25 of 100 partitions, 500.0 MB of 2.0 GB"
    assert len(lines) == 3 and all(line.startswith("recovering: ") for line in lines)


def test_a_line_that_changes_and_goes_on_a_terminal():
    text = said(True, 20)
    assert "\n" not in text and text.endswith("\r")
    assert "\rrecovering: 50 of 100 partitions, 1.0 GB of 2.0 GB" in text
    assert text.rsplit("\r", 2)[1].strip() == ""


def test_one_large_log_tells_how_far_it_is():
    now, stream = [0.0], Stream(True)
    recovery = Recovery(stream, lambda: now[0])
    for part in range(1, 11):
        now[0] += 1
        recovery(0, 1, part * 100_000_000, 1_000_000_000)
    recovery(1, 1, 1_000_000_000, 1_000_000_000)
    recovery(1, 1, 1_000_000_000, 1_000_000_000)
    shown = stream.getvalue().split("\r")[1:]
    assert shown[0] == "recovering: 0 of 1 partitions, 100.0 MB of 1.0 GB" and len(shown) == 12
    assert shown[10].strip() == shown[11] == ""


def test_nothing_of_a_moment():
    assert said(False, 4) == "" == said(True, 0.05)
