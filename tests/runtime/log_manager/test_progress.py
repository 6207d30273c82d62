"""How far a start has come is told while a single large log is read, not only between logs."""

import threading
from random import Random

import pytest

from emulator.runtime.log_manager import manager
from emulator.state.clock import VirtualClock
from emulator.state.configs import Configs, parse_broker_settings
from wire.records import Record, build_batch

BATCH = 1 << 20


@pytest.mark.parametrize("clean", (False, True))
def test_within_one_log(tmp_path, monkeypatch, clean):
    """After a crash; and where a log was copied here without its indexes into a directory that had been left well."""
    (tmp_path / "t-0").mkdir()
    batches = [build_batch([Record(offset, 0, None, bytes(BATCH), ())], base_offset=offset) for offset in range(3)]
    data = b"".join(map(bytes, batches))
    (tmp_path / "t-0" / "00000000000000000000.log").write_bytes(data)
    (tmp_path / "empty-0").mkdir()
    if clean:
        (tmp_path / ".kafka_cleanshutdown").write_text("")
    told, heard = [], threading.Event()

    def progress(done, total, done_bytes, total_bytes):
        told.append((done, total, done_bytes, total_bytes))
        if 0 < done_bytes < total_bytes:
            heard.set()

    def has_read(opening, count):
        read(opening, count)
        assert heard.wait(10), told

    read = manager.Opening.has_read
    monkeypatch.setattr(manager.Opening, "has_read", has_read)
    settings = parse_broker_settings({"log.dirs": str(tmp_path)})
    logs = manager.LogManager(settings, VirtualClock(), VirtualClock(), Random(1), progress)
    try:
        logs.open(Configs(settings, logs.metadata))
    finally:
        logs.abandon()
    assert told[-1] == (1, 1, len(data), len(data))
    assert any(done == 0 and 0 < done_bytes < len(data) for done, _, done_bytes, _ in told)
