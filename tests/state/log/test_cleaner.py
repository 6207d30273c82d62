"""Compaction: the last record of each key stays where it was; compared with Apache Kafka's in tests/compat."""

import random

import pytest

from emulator.state.clock import VirtualClock
from emulator.state.configs import Configs
from emulator.state.configs.broker import parse_broker_settings
from emulator.state.log import Log
from emulator.state.log import cleaner as cleaner_module
from emulator.state.log.cleaner import LogCleaner, dirt
from wire import compression, errors
from wire.errors import KafkaError
from wire.records import Record, build_batch, crc32c, iter_records, read_header

DAY = 24 * 3_600_000


class Compacted:
    """A log under the cleaner; `put` appends one batch, `roll` begins a new segment, `clean` runs what is due."""

    def __init__(self, **overrides):
        self.time = VirtualClock()
        self.settings = parse_broker_settings({})
        self.log = Log("t-0", None, self.time, random.Random(1))
        self.configure(min_cleanable_dirty_ratio=0, **overrides)
        self.log.begin_epoch(0)
        self.cleaner = LogCleaner(lambda: [self.log], lambda: self.settings, self.time)

    def configure(self, **overrides):
        self.overrides = {**getattr(self, "overrides", {"cleanup_policy": "compact"}), **overrides}
        names = {name.replace("_", "."): str(value) for name, value in self.overrides.items()}
        self.log.config = Configs(parse_broker_settings({})).preview(names)

    def put(self, *pairs, **options):
        """Append (key, value) pairs as one batch; its base offset."""
        now = self.time.now()
        records = [Record(None, now, key, value) for key, value in pairs]
        checked = self.log.check(memoryview(bytearray(build_batch(records, **options))), now)
        return self.log.append(checked, 0, now, verified=True).base_offset

    def put_each(self, text):
        """"a1 b2 a-": batches of one record; - is a null."""
        for pair in text.split():
            self.put((pair[:1].encode(), None if pair[1:] == "-" else pair[1:].encode()))
        return self

    def roll(self):
        self.log._roll()
        return self

    def clean(self):
        self.cleaner.run()
        return self

    def records(self):
        return [record for _, batch in self.log.batches() for record in iter_records(batch)]

    def shown(self):
        """"0:a1 1:b2"."""
        return " ".join(f"{r.offset}:{r.key.decode()}{'-' if r.value is None else r.value.decode()}" for r in self.records())


@pytest.fixture
def log():
    return Compacted()


def test_the_last_record_of_each_key_stays_at_its_offset(log):
    log.put_each("a1 b1 a2 c1 b2").roll().clean()
    assert log.shown() == "2:a2 3:c1 4:b2"
    assert (log.log.log_start_offset, log.log.end_offset) == (0, 5)
    log.put_each("a3").roll().clean()
    assert log.shown() == "3:c1 4:b2 5:a3"


def test_the_active_segment_is_never_cleaned(log):
    assert log.put_each("a1 a2").clean().shown() == "0:a1 1:a2"
    assert log.roll().put_each("a3").clean().shown() == "1:a2 2:a3"  # a3 does not count yet


def test_a_reader_goes_on_over_what_is_gone(log):
    log.put_each("a1 b1 a2 a3 b2").roll().put_each("c1").clean()
    seen = {}
    for offset in range(6):
        data = b"".join(map(bytes, log.log.read(offset, 1 << 20, 6).records))
        seen[offset] = next((record.offset for record in iter_records(data) if record.offset >= offset), None)
    assert seen == {0: 3, 1: 3, 2: 3, 3: 3, 4: 4, 5: 5}
    assert log.log.find_timestamp(0) == (3, log.time.now())
    assert log.log.readable_bytes(0, 6) == log.log.size


def test_a_batch_keeps_its_ends_and_its_producer(log):
    log.put((b"a", b"1"), (b"b", b"1"), (b"c", b"1"), producer_id=7, producer_epoch=2, base_sequence=0, compression=compression.GZIP)
    log.put_each("a2 c2").roll().clean()
    header, batch = next(iter(log.log.batches()))
    assert (header.base_offset, header.last_offset, header.record_count, header.compression) == (0, 2, 1, compression.GZIP)
    assert (header.producer_id, header.producer_epoch, header.base_sequence) == (7, 2, 0)
    assert log.shown() == "1:b1 3:a2 4:c2"
    assert crc32c(batch[21:]) == header.crc


def test_headers_and_timestamps_stay(log):
    now = log.time.now()
    kept = Record(None, now - 5, b"k", b"v", (("h", b"1"), ("n", None)))
    data = build_batch([Record(None, now - 9, b"a", b"1"), kept, Record(None, now, b"a", b"2")])
    log.log.append(log.log.check(data, now), 0, now)
    log.roll().clean()
    assert log.records() == [Record(1, *kept._fields()[1:]), Record(2, now, b"a", b"2")]


def test_the_last_batch_of_a_producer_stays_though_empty(log):
    log.put((b"a", b"1"), producer_id=7, producer_epoch=0, base_sequence=0)
    log.put_each("a2").roll().clean()
    header, _ = next(iter(log.log.batches()))
    assert (header.base_offset, header.record_count, header.producer_id, header.base_sequence) == (0, 0, 7, 0)
    assert log.shown() == "1:a2"
    log.put((b"b", b"1"), producer_id=7, producer_epoch=0, base_sequence=1)
    assert log.roll().clean().shown() == "1:a2 2:b1"
    assert [header.base_offset for header, _ in log.log.batches()] == [1, 2]


def test_the_last_batch_of_a_round_stays_though_empty(log):
    log.put_each("a1 b1 a-").roll().clean()
    assert log.shown() == "1:b1 2:a-"
    log.time.advance(2 * DAY)
    log.put_each("b2").roll().clean()
    assert log.shown() == "3:b2"
    log.put((b"k", b"1"))
    log.put((b"k", None))
    log.time.advance(2 * DAY)
    log.roll().clean()
    assert log.log.segments[-2].next_offset == 6


def test_tombstones_stay_for_their_time_from_the_first_round_that_sees_them(log):
    log.put_each("a1 b1 a-").roll()
    log.time.advance(10 * DAY)
    log.clean()
    assert log.shown() == "1:b1 2:a-"
    [_, header] = [header for header, _ in log.log.batches()]
    assert header.delete_horizon_ms == log.time.now() + DAY
    assert log.records()[1].timestamp == log.time.now() - 10 * DAY
    log.time.advance(DAY - 1)
    assert log.put_each("c1").roll().clean().shown() == "1:b1 2:a- 3:c1"
    log.time.advance(1)
    assert log.put_each("c2").roll().clean().shown() == "1:b1 4:c2"


def test_tombstones_with_no_time_at_all_go_in_the_second_round():
    log = Compacted(delete_retention_ms=0)
    log.put((b"a", None), (b"b", None))
    log.put_each("c1").roll().clean()
    assert log.shown() == "0:a- 1:b- 2:c1"
    assert log.put_each("c2").roll().clean().shown() == "3:c2"


def test_not_before_enough_is_dirty():
    log = Compacted()
    log.configure(min_cleanable_dirty_ratio=0.5)
    log.put_each("a1 b1 c1 d1").roll().clean()
    assert log.put_each("a2 b2").roll().clean().shown() == "0:a1 1:b1 2:c1 3:d1 4:a2 5:b2"
    found = dirt(log.log, log.time.now())
    assert (found.first_dirty, found.is_due, round(found.ratio, 2)) == (4, False, 0.33)
    assert log.put_each("a3 b3 b4").roll().clean().shown() == "2:c1 3:d1 6:a3 8:b4"


def test_what_is_young_stays(log):
    log.configure(min_compaction_lag_ms=DAY)
    log.put_each("a1 a2").roll()
    log.time.advance(DAY)
    log.put_each("a3 a4").roll()
    assert log.clean().shown() == "1:a2 2:a3 3:a4"
    log.time.advance(DAY)
    assert log.clean().shown() == "3:a4"


def test_what_is_old_does_not_wait_for_more():
    log = Compacted()
    log.configure(min_cleanable_dirty_ratio=1, max_compaction_lag_ms=DAY)
    log.put_each("a1 a2")
    assert log.clean().shown() == "0:a1 1:a2"
    log.time.advance(DAY + 1)
    log.put_each("b1")  # rolls: the active segment is older than the longest lag
    assert len(log.log.segments) == 2
    assert log.clean().shown() == "1:a2 2:b1"


def test_segments_are_merged_up_to_their_size():
    log = Compacted(internal_segment_bytes=1_000)
    for number in range(100):
        log.put((b"key %d" % (number % 10), b"x" * 50))
    log.clean()
    many = len(log.log.segments)
    assert len(log.records()) < 20
    log.roll().clean()
    assert len(log.log.segments) < many / 2
    assert all(segment.size <= 1_000 for segment in log.log.segments)


def test_long_keys_are_told_apart(log):
    log.put((b"k" * 200 + b"1", b"1"), (b"k" * 200 + b"2", b"1"), (b"k" * 200 + b"1", b"2"))
    log.roll().clean()
    assert [record.offset for record in log.records()] == [1, 2]


def test_more_keys_than_a_round_remembers(log, monkeypatch):
    monkeypatch.setattr(cleaner_module, "BYTES_A_KEY", 40_000_000)  # three in the default buffer
    log.put_each("a1 b1 c1 d1 a2 b2 c2 d2 e1 a3").roll().clean()
    assert log.shown() == "5:b2 6:c2 7:d2 8:e1 9:a3"
    assert log.log.first_dirty_offset == 10


# -- transactions ----------------------------------------------------------------------------------


def transaction(log, commit, *pairs, producer_id=7, sequence=0):
    log.put(*pairs, producer_id=producer_id, producer_epoch=0, base_sequence=sequence, transactional=True)
    return log.log.append_marker(commit, producer_id, 0, 0, 0, log.time.now())


def test_aborted_records_go_and_do_not_hide_what_was_before(log):
    log.put_each("a1 b1")
    marker = transaction(log, False, (b"a", b"2"))
    log.put_each("c1").roll().clean()
    assert log.shown() == "0:a1 1:b1 4:c1"
    assert [(a.first_offset, a.last_offset) for a in log.log.aborted] == [(2, marker)]


def test_markers_go_once_nothing_is_left_of_their_transaction_and_after_their_time(log):
    marker = transaction(log, False, (b"a", b"1"))
    committed = transaction(log, True, (b"b", b"1"), producer_id=8)
    log.put_each("c1").roll().clean()

    def markers():
        return [header.base_offset for header, _ in log.log.batches() if header.is_control]

    assert markers() == [marker, committed]
    transaction(log, True, (b"z", b"1"), sequence=1)  # the producer goes on: its empty batch is let go
    log.put_each("c2").roll().clean()
    log.put_each("c3").roll().clean()
    assert markers()[:2] == [marker, committed] and not list(log.log.aborted)
    log.time.advance(2 * DAY)
    log.put_each("c4").roll().clean()
    assert markers()[0] == committed  # b1 is still there


def test_four_rounds_over_transactions_leave_what_apache_kafka_leaves():
    """The same requests were sent to Kafka 4.3.1; what it had in its log after each round is written down here."""
    log = Compacted(delete_retention_ms=3_000)
    plain = {"producer_id": 8, "producer_epoch": 0}

    def seen():
        """base-last offset, number of records, C(ontrol) T(ransactional) H(orizon)."""
        return [f"{h.base_offset}-{h.last_offset}:{h.record_count}"
                + "C" * h.is_control + "T" * h.is_transactional + "H" * (h.delete_horizon_ms is not None)
                for h, _ in log.log.batches()]

    def round_(*pairs, sequence):
        if pairs:
            log.put(*pairs, **plain, base_sequence=sequence)
        log.roll().put((b"roll", b"x"), **plain, base_sequence=sequence + len(pairs))
        log.clean().time.advance(4_000)
        return seen()

    log.put((b"a", b"1"), (b"b", b"1"), (b"c", b"1"), **plain, base_sequence=0)
    transaction(log, False, (b"a", b"2"), (b"d", b"2"))
    transaction(log, True, (b"b", b"3"), (b"e", None), sequence=2)
    transaction(log, True, (b"f", b"1"), sequence=4)
    assert round_(sequence=3) == ["0-2:2", "5-5:1CT", "6-7:2TH", "8-8:1CT", "9-9:1T", "10-10:1CT", "11-11:1"]
    assert len(log.log.aborted) == 1
    assert round_((b"b", b"4"), (b"f", b"2"), sequence=4) == [
        "0-2:2", "5-5:1CTH", "8-8:1CT", "9-9:0T", "10-10:1CT", "11-11:1", "12-13:2", "14-14:1"]
    assert not log.log.aborted
    assert round_((b"e", b"5"), sequence=7) == [
        "0-2:2", "8-8:1CTH", "9-9:0T", "10-10:1CT", "12-13:2", "14-14:1", "15-15:1", "16-16:1"]
    assert round_((b"c", b"5"), sequence=9) == [
        "0-2:1", "9-9:0T", "10-10:1CT", "12-13:2", "15-15:1", "16-16:1", "17-17:1", "18-18:1"]


def test_nothing_of_an_open_transaction_is_touched(log):
    log.put_each("a1 a2").roll()
    log.put((b"a", b"3"), producer_id=7, producer_epoch=0, base_sequence=0, transactional=True)
    log.roll().put_each("a4").roll().clean()
    assert log.shown() == "1:a2 2:a3 3:a4"


# -- in slices -------------------------------------------------------------------------------------


def test_the_cleaner_looks_from_time_to_time_and_works_in_slices(log, monkeypatch):
    monkeypatch.setattr("emulator.state.log.compaction._WORK_A_SLICE", 10)
    monkeypatch.setattr("emulator.state.log.compaction._RECORDS_AT_ONCE", 10)
    log.cleaner.start()
    log.put_each("a1 a2 " * 50).roll()
    log.time.advance(14_999)
    assert len(log.records()) == 100
    steps = log.time.steps(1, expire_sessions=False)
    for _ in range(5):
        next(steps)
        assert len(log.records()) == 100  # at it, while others have their turns
    assert sum(1 for _ in steps) > 5
    assert log.shown() == "99:a2"
    log.put_each("b1 b2").roll()
    log.time.advance(15_000)
    assert log.shown() == "99:a2 101:b2"


def test_what_is_appended_or_let_go_meanwhile(log):
    log.configure(internal_segment_bytes=300)
    log.put_each("a1 b1 " * 30)
    before = len(log.log.segments)
    steps = log.cleaner.steps()
    next(steps, None)
    log.put_each("a2")
    log.log.delete_records(20)
    for _ in steps:
        pass
    assert len(log.log.segments) < before
    assert [record.offset for record in log.records()][-1] == 60
    assert log.clean().shown().split()[-1] == "60:a2"


def test_a_log_that_is_deleted_meanwhile(log):
    log.put_each("a1 a2").roll()
    steps = log.cleaner.steps()
    next(steps)
    log.log.delete()
    assert list(steps) == []


def test_a_log_that_cannot_be_read_is_left_alone(log, caplog):
    log.put((b"a", b"1"), compression=compression.GZIP)
    log.roll()
    segment = log.log.segments[0]
    segment.file.view(0, 61)[0][61:70] = b"\0" * 9
    log.clean()
    assert "t-0 cannot be compacted" in caplog.text
    assert log.cleaner._dirtiest() is None


def test_any_history_says_the_same_when_it_is_cleaned(monkeypatch):
    for seed in range(40):
        chance = random.Random(seed)
        monkeypatch.setattr("emulator.state.log.compaction._RECORDS_AT_ONCE", chance.choice((1, 3, 500)))
        monkeypatch.setattr("emulator.state.log.compaction._SMALLEST_WINDOW", chance.choice((64, 200, 65536)))
        monkeypatch.setattr(cleaner_module, "BYTES_A_KEY", 120_000_000 // chance.choice((5, 20, 1_000)))
        log = Compacted(internal_segment_bytes=chance.choice((300, 1_000, 5_000)), delete_retention_ms=chance.choice((0, 1_000, DAY)))
        written, sequences = {}, {}
        for step in range(chance.randint(1, 150)):
            pairs = [(b"k%d" % chance.randint(0, 9), chance.choice((None, b"v%d" % step))) for _ in range(chance.randint(1, 4))]
            options = {"compression": chance.choice((0, 0, 1))}
            if chance.random() < 0.3:
                producer_id = chance.randint(1, 3)
                sequence = sequences.get(producer_id, 0)
                sequences[producer_id] = sequence + len(pairs)
                options |= dict(producer_id=producer_id, producer_epoch=0, base_sequence=sequence, transactional=True)
            base = log.put(*pairs, **options)
            commit = "producer_id" not in options or chance.random() < 0.6
            if "producer_id" in options:
                log.log.append_marker(commit, producer_id, 0, 0, 0, log.time.now())
            if commit:
                written |= {base + index: pair for index, pair in enumerate(pairs)}
            if chance.random() < 0.1:
                log.clean()
            log.time.advance(chance.choice((0, 1, 600)))
        log.roll().clean()
        last = {key: (offset, value) for offset, (key, value) in sorted(written.items())}
        seen = {record.key: (record.offset, record.value) for record in log.records()}
        assert {key: it for key, it in seen.items() if it[1] is not None} == {k: it for k, it in last.items() if it[1] is not None}, seed
        assert all(seen[key] == last[key] for key in seen), seed
        for record in log.records():
            assert (record.key, record.value) == written[record.offset], seed
        ends = [(header.base_offset, header.last_offset) for header, _ in log.log.batches()]
        assert ends == sorted(ends) and all(ends[i][1] < ends[i + 1][0] for i in range(len(ends) - 1)), seed
        assert ends[-1][1] == log.log.end_offset - 1, seed


def test_records_without_a_key_are_refused(log):
    with pytest.raises(KafkaError) as refusal:
        log.put((None, b"v"))
    assert refusal.value.error == errors.INVALID_RECORD


def test_empty_batches_are_whole(log):
    log.put((b"a", b"1"), producer_id=7, producer_epoch=0, base_sequence=0)
    log.put_each("a2").roll().clean()
    _, batch = next(iter(log.log.batches()))
    assert read_header(batch).size == len(batch) == 61 and list(iter_records(batch)) == []


def test_the_records_that_go_are_counted(log):
    log.put((b"a", b"1"), (b"b", b"1"), (b"a", b"2"))
    log.put_each("a3 b2 c-").roll()
    log.clean()
    assert log.cleaner.removed == 3
    log.time.advance(2 * DAY)
    log.put_each("d1").roll()
    before = len(log.records())
    log.clean()
    assert log.cleaner.removed == 3 + before - len(log.records()) == 4


# -- beside others ---------------------------------------------------------------------------------


def cleaned_together(*logs, elsewhere=None, **settings):
    """A started cleaner of these logs (Compacted, all under the first one's clock)."""
    settings = parse_broker_settings({name.replace("_", "."): value for name, value in settings.items()})
    cleaner = LogCleaner(lambda: [one.log for one in logs], lambda: settings, logs[0].time, elsewhere)
    cleaner.start()
    return cleaner


def test_as_many_logs_at_once_as_there_are_threads(monkeypatch):
    monkeypatch.setattr("emulator.state.log.compaction._WORK_A_SLICE", 10)
    monkeypatch.setattr("emulator.state.log.compaction._RECORDS_AT_ONCE", 10)
    for threads, together in ((1, False), (2, True)):
        large, small = Compacted(), Compacted()
        small.log._time = large.time
        large.put_each("a1 " * 200).roll(), small.put_each("b1 b2").roll()
        large.put_each("c1"), small.put_each("c1 " * 200)  # less of it is dirty
        cleaned_together(large, small, log_cleaner_threads=threads)
        large.time.advance(14_999)
        steps, done = large.time.steps(1, expire_sessions=False), []
        for _ in steps:
            done += [name for name, log in (("large", large), ("small", small)) if log.log.first_dirty_offset and name not in done]
        assert done == (["small", "large"] if together else ["large", "small"])


def test_no_more_bytes_a_second_than_it_may(log, monkeypatch):
    monkeypatch.setattr("emulator.state.log.compaction._WORK_A_SLICE", 1)
    for key in b"a", b"b", b"a":
        log.put((key, b"x" * 5_000))
    log.roll()
    cleaned_together(log, log_cleaner_io_max_bytes_per_second=10_000)
    log.time.advance(15_000 + 900)
    assert len(log.records()) == 3
    log.time.advance(1_000)
    assert len(log.records()) == 3  # it will have read 15 kB, and again
    log.time.advance(1_200)
    assert len(log.records()) == 2


def test_none_is_cleaned_where_that_is_off(log):
    log.put_each("a1 a2").roll()
    cleaned_together(log, log_cleaner_enable=False)
    log.time.advance(DAY)
    assert log.shown() == "0:a1 1:a2"
    assert log.clean().shown() == "1:a2"  # when told


def test_large_work_is_for_a_thread(log):
    asked = []
    log.put(*((b"%d" % (number % 700), random.Random(number).randbytes(60)) for number in range(1_000)), compression=compression.GZIP)
    log.roll()
    cleaned_together(log, elsewhere=lambda work, done: asked.append((work, done)))
    log.time.advance(15_000)
    answered = 0
    while asked:
        assert len(log.records()) == 1_000
        work, done = asked.pop()
        log.time.advance(60_000)  # whatever passes meanwhile
        done(work())
        log.time.advance(0)
        answered += 1
    assert answered == 3  # read for its keys, read again, written
    assert len(log.records()) == 700


def test_told_to_run_it_ends_what_a_thread_was_asked_for(log):
    asked = []
    log.put(*((b"%d" % (number % 700), random.Random(number).randbytes(60)) for number in range(1_000)), compression=compression.GZIP)
    log.roll()
    cleaner = cleaned_together(log, elsewhere=lambda work, done: asked.append((work, done)))
    log.time.advance(15_000)
    assert cleaner.run() == 1
    assert len(log.records()) == 700
    [(work, done)] = asked
    done(work())  # too late, and of no consequence
    log.time.advance(60_000)
    assert len(log.records()) == 700


def test_a_log_that_was_left_alone_gives_way_to_one_of_its_name(log, caplog):
    log.put((b"a", b"1"), compression=compression.GZIP)
    log.roll()
    log.log.segments[0].file.view(0, 70)[0][61:70] = b"\0" * 9
    log.clean()
    log.log.delete()
    fresh = Compacted()
    log.log = fresh.log
    assert log.put_each("a1 a2").roll().clean().shown() == "1:a2"


def test_what_the_disk_refuses_is_tried_again(log, monkeypatch, caplog):
    log.put_each("a1 a2").roll()
    refused = [OSError(28, "No space left on device")]

    def new_segment(*arguments, **options):
        if refused:
            raise refused.pop()
        return type(log.log).new_segment(log.log, *arguments, **options)

    monkeypatch.setattr(log.log, "new_segment", new_segment)
    assert log.clean().shown() == "0:a1 1:a2"
    assert "t-0 was not compacted: [Errno 28]" in caplog.text
    assert log.clean().shown() == "1:a2"


def test_compact_and_delete_together():
    log = Compacted(cleanup_policy="compact,delete", retention_ms=DAY)
    log.put_each("a1 b1").roll()
    log.time.advance(DAY + 1)
    cleaned_together(log)
    log.put_each("c1 c2").roll()
    log.time.advance(15_000)
    assert log.shown() == "3:c2" and log.log.log_start_offset == 2
