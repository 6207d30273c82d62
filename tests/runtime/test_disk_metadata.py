"""The journal of the cluster's metadata, and what becomes of it through crashes, damage and full disks."""

import os

import pytest

from emulator.runtime import disk_metadata
from emulator.runtime.disk_metadata import MetadataJournal
from emulator.runtime.log_manager import StorageError
from wire import errors
from wire.errors import KafkaError


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "journal")


def tables(metadata):
    return {(name, key): value for name, key, value in metadata.entries()}


def written(path, changes=10):
    """A journal of that many changes, closed; gives what is in it."""
    journal = MetadataJournal(path)
    for number in range(changes):
        with journal.metadata:
            journal.metadata.table("a").put(f"k{number % 4}", {"n": number})
            journal.metadata.table("b").put("last", number)
    journal.close()
    return tables(journal.metadata), journal.metadata.offset


def read(path):
    journal = MetadataJournal(path)
    journal.close()
    return tables(journal.metadata), journal.metadata.offset


def test_what_was_written_is_read(path):
    assert written(path) == read(path) == read(path)
    assert read(path)[1] == 20


def test_wherever_a_crash_cuts_the_file_whole_changes_stay_and_go_on(path):
    written(path, 6)
    whole = open(path, "rb").read()
    lines = whole.splitlines(keepends=True)
    for size in range(len(lines[0]), len(whole)):
        with open(path, "wb") as file:
            file.write(whole[:size])
        complete = whole[:size].count(b"\n") - 1
        journal = MetadataJournal(path)
        assert journal.metadata.table("b").get("last") == (complete - 1 if complete else None)
        journal.metadata.table("b").put("last", "again")
        journal.close()
        assert read(path)[0]["b", "last"] == "again"


def test_damage_in_the_middle_is_refused_with_its_place(path):
    written(path, 6)
    data = bytearray(open(path, "rb").read())
    data[data.find(b'"n":2')] ^= 1
    open(path, "wb").write(data)
    with pytest.raises(StorageError, match=r"journal, line 4: damaged"):
        MetadataJournal(path)


@pytest.mark.parametrize("content", (b"", b"something else\n", b"00000000 {}\n"))
def test_a_file_of_something_else_is_refused(path, content):
    open(path, "wb").write(content)
    with pytest.raises(StorageError, match="does not begin as a journal"):
        MetadataJournal(path)
    assert open(path, "rb").read() == content


def test_a_grown_file_is_written_anew_while_changes_come(path, monkeypatch):
    from gevent import sleep

    monkeypatch.setattr(disk_metadata, "_REWRITE_ABOVE", 10_000)
    journal = MetadataJournal(path)
    sizes = []
    for number in range(3000):
        journal.metadata.table("a").put(f"k{number % 50}", number)
        if number % 10 == 0:
            journal.settle()
            sleep(0)
        sizes.append(os.path.getsize(path))
    while journal._rewriting:
        sleep(0.001)
    journal.close()
    assert max(sizes) < 30_000 and len([1 for one, two in zip(sizes, sizes[1:]) if two < one]) > 3
    assert read(path) == (tables(journal.metadata), 3000)
    assert len(journal.metadata.table("a")) == 50


def test_a_start_writes_a_grown_file_anew(path, monkeypatch):
    before = written(path, 100)
    monkeypatch.setattr(disk_metadata, "_REWRITE_ABOVE", 1000)
    size = os.path.getsize(path)
    assert read(path) == before
    assert os.path.getsize(path) < size / 10
    assert read(path) == before


def test_a_full_disk_refuses_changes_until_there_is_room(path, monkeypatch):
    journal = MetadataJournal(path)
    table = journal.metadata.table("t")
    table.put("a", 1)
    real = os.pwrite

    def half(descriptor, data, position):
        if position > size:
            raise OSError(28, "No space left on device")
        return real(descriptor, bytes(data)[: len(data) // 2], position)

    size = os.path.getsize(path)
    monkeypatch.setattr(os, "pwrite", half)
    with pytest.raises(KafkaError, match="No space left") as refusal:
        table.put("a", 2)
    assert refusal.value.error == errors.KAFKA_STORAGE_ERROR and table["a"] == 1
    monkeypatch.setattr(os, "pwrite", real)
    table.put("b", 3)
    journal.close()
    assert read(path)[0] == {("t", "a"): 1, ("t", "b"): 3}


def test_after_a_failed_fsync_nothing_more_is_taken(path, monkeypatch):
    journal = MetadataJournal(path)

    def fails(descriptor):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fails)
    journal.metadata.table("t").put("a", 1)
    with pytest.raises(KafkaError, match="Input/output error"):
        journal.settle()
    monkeypatch.undo()
    with pytest.raises(KafkaError, match="Input/output error"):
        journal.metadata.table("t").put("b", 1)
    journal.close()
