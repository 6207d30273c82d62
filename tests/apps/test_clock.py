"""`kafka-emulator clock`: it shows the clock, and moves one that is virtual."""

import pytest

from emulator.apps.errors import UsageError
from emulator.apps.times import moment_text, parse_duration, parse_moment
from tests.apps.test_control import get, say, the_socket

DAY = 86_400_000


def lines(finished):
    assert finished.returncode == 0, finished.stderr
    return dict(line.split("=", 1) for line in finished.stdout.splitlines() if "=" in line)


def test_a_virtual_clock_stands_and_is_advanced(serve, run, home):
    (home / "own.yaml").write_text("clock: virtual\nclock.start: 2030-01-01\n")
    serve("--config", "own.yaml")
    start = {"clock": "virtual", "now": "2030-01-01T00:00:00.000Z", "now_ms": "1893456000000"}
    assert lines(run("clock")) == start
    assert lines(run("clock", "advance", "7d"))["now"] == "2030-01-08T00:00:00.000Z"
    assert lines(run("clock", "advance", "1h", "30m", "--expire-sessions"))["now"] == "2030-01-08T01:30:00.000Z"
    assert lines(run("clock"))["now"] == "2030-01-08T01:30:00.000Z"


def test_a_real_clock_shows_the_time_and_cannot_be_advanced(serve, run):
    serve()
    assert lines(run("clock"))["clock"] == "real"
    refused = run("clock", "advance", "1d")
    assert refused.returncode == 2
    assert refused.stderr == ("kafka-emulator: error: the clock is real, and goes by itself; a server started with "
                              "--clock virtual has one to advance\n")


@pytest.mark.parametrize("arguments, words", [
    (["advance"], "DURATION is missing"),
    (["advance", "7"], "'7' is no duration"),
    (["advance", "7y"], "'7y' is no duration"),
    (["back"], "invalid choice"),
])
def test_what_is_no_duration_is_refused(run, arguments, words):
    refused = run("clock", *arguments)
    assert refused.returncode == 2 and words in refused.stderr and refused.stderr.count("\n") == 1


@pytest.mark.parametrize("text, words", [
    ("clock: fast\n", ["line 1", "clock fast", "real or virtual"]),
    ("node.id: 1\nclock.start: 2030-01-01\n", ["line 2", "clock.start", "virtual"]),
    ("clock: virtual\nclock.start: tomorrow\n", ["line 2", "clock.start tomorrow"]),
    ("seed: x\n", ["line 1", "seed x", "whole number"]),
])
def test_our_own_keys_are_checked(run, home, text, words):
    (home / "bad.yaml").write_text(text)
    refused = run("--config", "bad.yaml")
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1
    for word in words:
        assert word in refused.stderr


def test_over_http(serve, home):
    serve("--clock", "virtual")
    path = the_socket(home)

    def post(body):
        head = f"POST /clock/advance HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        status, _, answer = say(path, head.encode() + body, half_close=False).partition(b"\r\n\r\n")
        return int(status.split()[1]), answer

    before = get(path, "/clock")[1]["now_ms"]
    assert post(b'{"by": "1d", "expire_sessions": true}')[0] == 200
    assert get(path, "/clock")[1]["now_ms"] == before + DAY
    for body, words in [
        (b"", b"by is missing"), (b'{"by": 7}', b"by: expected a text"), (b'{"by": "7d", "backwards": true}', b"no backwards"),
        (b'{"by": "999999w"}', b"the year 9999"), (b"[]", b"a JSON object"), (b"[" * 100_000, b"a JSON object"), (b"{", b"a JSON object"),
        (b'{"by": "1d", "expire_sessions": 1}', b"expire_sessions: expected true or false"),
    ]:
        status, answer = post(body)
        assert (status, words in answer) == (400, True), (body[:40], answer)
    assert get(path, "/clock")[1]["now_ms"] == before + DAY


@pytest.mark.parametrize("command", ["cleaner", "retention"])
def test_upkeep_at_once(serve, run, command):
    serve("--clock", "virtual")
    assert run(command, "run").stdout == "nothing was due\n"
    assert "arguments are required: run" in run(command).stderr


@pytest.mark.parametrize("text, ms", [
    ("7d", 7 * DAY), ("90s", 90_000), ("1h30m", 5_400_000), ("500ms", 500), ("1d 12h", DAY + 12 * 3_600_000), ("2w", 14 * DAY), ("0s", 0),
])
def test_durations(text, ms):
    assert parse_duration(text) == ms


@pytest.mark.parametrize("text", ["", " ", "7", "d", "1.5h", "-1d", "1h1h", "1h,30m", "７d", "9" * 5000 + "d"])
def test_what_is_none(text):
    with pytest.raises(UsageError, match="is no duration"):
        parse_duration(text)


@pytest.mark.parametrize("text, ms", [
    ("0", 0), ("1893456000000", 1_893_456_000_000), ("2030-01-01", 1_893_456_000_000), ("2030-01-01T12:00:00Z", 1_893_499_200_000),
    ("2030-01-01T12:00:00.250+02:00", 1_893_492_000_250), ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
])
def test_moments(text, ms):
    assert parse_moment(text, "x") == ms
    assert parse_moment(moment_text(ms), "x") == ms


@pytest.mark.parametrize("text", ["", "1969-12-31", "yesterday", "253402300800000", "2030-13-01", "-1"])
def test_what_is_no_moment(text):
    with pytest.raises(UsageError, match="^x "):
        parse_moment(text, "x")
