"""Tables that are kept up to date: on a terminal in their place, elsewhere a line for each change."""

import io
import time

import pytest

from emulator.apps import client
from emulator.apps.cli import main
from emulator.apps.live import watch

HEADING = ("TOPIC", "PARTITION", "LEADER")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def watched(stream, *tables):
    tables = iter(tables)

    def look():
        try:
            return [HEADING, *next(tables)]
        except StopIteration:
            raise EOFError from None

    with pytest.raises(EOFError):
        watch(look, "<>>", 2, stream, sleep=lambda seconds: None, now=lambda: time.gmtime(0))
    return stream.getvalue()


def test_what_is_no_terminal_is_told_what_changes():
    told = watched(io.StringIO(), [("t", 0, 1), ("t", 1, 2)], [("t", 0, 1), ("t", 1, 2)], [("t", 0, 3), ("t", 1, 2)], [("t", 1, 2)])
    assert told.splitlines() == [
        "00:00:00  TOPIC  PARTITION  LEADER",
        "00:00:00  t              0       1",
        "00:00:00  t              1       2",
        "00:00:00  t              0       3",
        "00:00:00  t 0 is gone",
    ]


def test_a_terminal_is_drawn_over(monkeypatch):
    monkeypatch.setenv("LINES", "6")
    many = [("t", index, 1) for index in range(9)]
    first, second, third = watched(Terminal(), [("t", 0, 1)], many).split("\x1b[H")
    assert first == "\x1b[2J" and "t              0       1\x1b[K\n" in second
    assert "t              0       1" in third and "... and 8 more" in third and third.count("\n") == 5


def test_it_ends_with_the_server(monkeypatch, capsys, tmp_path):
    control = str(tmp_path / "c.sock")
    asked = []

    def ask(path, method, resource):
        asked.append(resource)
        if len(asked) > 2:
            raise ConnectionRefusedError
        return {"brokers": []}

    monkeypatch.setattr(client, "ask", ask)
    monkeypatch.setattr(client, "ask_politely", ask)
    assert main(["brokers", "--watch", "--control", control]) == 0
    assert capsys.readouterr().out.split()[1:3] == ["BROKER", "RACK"] and asked == ["/brokers"] * 3
