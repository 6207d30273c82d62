"""`from emulator import Emulator`: a server within the process, in a thread of its own."""

import os
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta, timezone

import pytest

from emulator import Emulator
from emulator.runtime.thread import Stopped
from tests.wire_client import WireClient
from wire.apis.metadata import ApiVersions, Metadata


def topics(bootstrap):
    with WireClient(bootstrap) as client:
        return {topic.name: len(topic.partitions) for topic in client.call(Metadata, 12, topics=None).topics}


def python(code):
    """What a Python of its own prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def test_it_serves_what_it_was_told():
    with Emulator(topics=["orders:6", "audit"], config={"num.partitions": 2}) as kafka:
        assert topics(kafka.bootstrap) == {"orders": 6, "audit": 2}


def test_the_package_alone_is_light_and_nothing_is_patched():
    assert python("import sys, emulator; print(sorted({'gevent', 'construct', 'yaml', 'asyncio'} & set(sys.modules)))") == "[]\n"
    assert python("from emulator import Emulator\nwith Emulator(): pass\n"
                  "from gevent.monkey import is_anything_patched; print(is_anything_patched())") == "False\n"


def test_where_gevent_has_patched_everything_other_greenlets_run_on():
    assert python("""
from gevent import monkey
monkey.patch_all()
import gevent, socket
from emulator import Emulator
turns = []
def other():
    while True:
        turns.append(1)
        gevent.sleep(0.0005)
gevent.spawn(other)
with Emulator(clock="virtual") as kafka:
    before = len(turns)
    kafka.clock.advance(days=7)
    print(len(turns) > before)
    host, port = kafka.bootstrap.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall(bytes.fromhex("0000000a 0012 0000 00000001 ffff"))
        print(len(client.recv(4)))
""") == "True\n4\n"


def held():
    return len(os.listdir("/proc/self/fd")), threading.active_count()


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts descriptors as Linux shows them")
def test_nothing_is_left_of_a_hundred():
    with Emulator():
        pass
    before = held()
    for _ in range(100):
        with Emulator(topics=["t"]) as kafka, WireClient(kafka.bootstrap) as client:
            client.call(ApiVersions, 0)
    assert all(now <= then for now, then in zip(held(), before)), f"{held()} after {before}"  # what earlier tests held may go meanwhile


def test_several_at_once():
    with Emulator(topics=["a"], clock="virtual") as one, Emulator(topics=["b"], clock="virtual") as other:
        one.clock.advance(days=7)
        assert topics(one.bootstrap) == {"a": 1} and topics(other.bootstrap) == {"b": 1}
        assert one.clock.now() - other.clock.now() > timedelta(days=6)


def test_it_may_be_started_and_stopped_by_hand_and_begins_empty_again():
    kafka = Emulator(topics=["t"]).start()
    with WireClient(kafka.bootstrap) as client:
        client.call(Metadata, 12, topics=[Metadata.Request.Topics(name="made")], allow_auto_topic_creation=True)
    with pytest.raises(RuntimeError, match="runs already"):
        kafka.start()
    kafka.stop()
    kafka.stop()
    with pytest.raises(Stopped):
        kafka.bootstrap
    with pytest.raises(Stopped):
        kafka.call(int)
    with kafka.start():
        assert topics(kafka.bootstrap) == {"t": 1}


def test_a_program_that_does_not_stop_it_ends_all_the_same():
    assert python("from emulator import Emulator; Emulator().start(); print('end')") == "end\n"


def test_what_goes_wrong_there_is_raised_here():
    def fail():
        raise LookupError("there")

    with Emulator() as kafka:
        with pytest.raises(LookupError, match="there"):
            kafka.call(fail)
        assert kafka.call(threading.get_ident) != threading.get_ident()
        assert kafka.call(lambda: kafka.call(threading.get_ident)) == kafka.call(threading.get_ident)


def test_a_call_under_way_when_it_stops_is_told():
    import gevent

    raised, began = [], threading.Event()

    def ask():
        try:
            kafka.call(lambda: (began.set(), gevent.sleep(100)))
        except Stopped as error:
            raised.append(error)

    with Emulator() as kafka:
        asking = threading.Thread(target=ask)
        asking.start()
        assert began.wait(10)
    asking.join(10)
    assert raised


@pytest.mark.parametrize("options, words", [
    ({"config": {"num.partition": 3}}, "Unknown configuration num.partition, did you mean num.partitions"),
    ({"config": {"num.partitions": "three"}}, "num.partitions"),
    ({"clock": "fast"}, "clock fast: expected real or virtual"),
    ({"clock_start": datetime(2030, 1, 1)}, "clock.start"),
    ({"clock": "virtual", "clock_start": datetime(1960, 1, 1)}, "since 1970"),
    ({"seed": -1}, "seed -1"),
    ({"topics": ["a:many"]}, "topic a:many"),
])
def test_what_cannot_be_is_refused_at_once(options, words):
    with pytest.raises(ValueError, match=words):
        Emulator(**options)


def test_a_topic_that_cannot_be_is_refused_at_the_start():
    before = threading.active_count()
    with pytest.raises(ValueError, match="topic not/legal: "):
        Emulator(topics=["not/legal"]).start()
    with pytest.raises(OSError, match="cannot listen on PLAINTEXT://192.0.2.1:0"):
        Emulator(config={"listeners": "PLAINTEXT://192.0.2.1:0"}).start()
    assert threading.active_count() == before


def test_the_clock():
    start = datetime(2030, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    with Emulator(clock="virtual", clock_start=start) as kafka:
        assert kafka.clock.now() == start
        time.sleep(0.01)
        assert kafka.clock.now_ms() == 1_893_492_000_000
        for by in ({"days": 1, "hours": 0.5}, {"by": "1d30m"}, {"by": timedelta(days=1, minutes=30)}, {"milliseconds": 0}):
            assert kafka.clock.advance(**by) == {}
        assert kafka.clock.now() == start + timedelta(days=3, minutes=90)
        for by in ({"days": -1}, {"by": "soon"}, {"by": "999999w"}):
            with pytest.raises(ValueError):
                kafka.clock.advance(**by)


def test_keys_of_ours_may_be_in_the_config():
    with Emulator(config={"clock": "virtual", "clock.start": "2030-01-01", "seed": 7}) as kafka:
        assert (kafka.clock.now_ms(), kafka.seed) == (1_893_456_000_000, 7)


def test_a_virtual_clock_goes_on_after_a_restart_where_it_stood(tmp_path):
    start = datetime(2030, 1, 1, tzinfo=timezone.utc)
    with Emulator(clock="virtual", clock_start=start, data_dir=tmp_path) as kafka:
        kafka.clock.advance(days=7)
    with Emulator(clock="virtual", data_dir=tmp_path) as kafka:
        assert kafka.clock.now() == start + timedelta(days=7)
    with Emulator(clock="virtual", clock_start=start, data_dir=tmp_path) as kafka:
        assert kafka.clock.now() == start + timedelta(days=7)
        kafka.clock.advance(days=1)
    later = datetime(2031, 1, 1, tzinfo=timezone.utc)
    with Emulator(clock="virtual", clock_start=later, data_dir=tmp_path) as kafka:
        assert kafka.clock.now() == later


def test_a_real_clock_is_not_advanced():
    with Emulator() as kafka:
        assert abs(kafka.clock.now() - datetime.now(timezone.utc)) < timedelta(minutes=1)
        with pytest.raises(ValueError, match="the clock is real"):
            kafka.clock.advance(days=1)
