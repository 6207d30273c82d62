"""The pytest plugin, in test runs of its own: `kafka` is each test's alone, options and marks set it up, a failure shows what was asked."""

import configparser
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(pytester, monkeypatch):
    """run(*arguments, test file) -> what pytest did, in a process of its own."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # whether the project is installed or not

    def run(source, *arguments, ini="", conftest=""):
        pytester.makepyfile(source)
        pytester.makeconftest(conftest)
        pytester.makeini(f"[pytest]\n{ini}")
        return pytester.runpytest_subprocess("-p", "emulator.apps.pytest_plugin", "-p", "no:cacheprovider", *arguments, timeout=60)

    return run


def outcomes(done):
    return {name: count for name, count in done.parseoutcomes().items() if name in ("passed", "failed", "errors")}


def test_it_is_installed_with_the_package():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    [line] = setup["options.entry_points"]["pytest11"].split("\n")[1:]
    assert hasattr(importlib.import_module(line.partition("=")[2].strip()), "kafka")


def test_who_has_it_and_does_not_use_it_waits_for_nothing():
    code = ("import pytest, sys, time; before = set(sys.modules); began = time.perf_counter(); import emulator.apps.pytest_plugin; "
            "took = time.perf_counter() - began; new = set(sys.modules) - before; print(took < 0.1, sorted(new))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.stdout == "True ['emulator', 'emulator.apps', 'emulator.apps.pytest_plugin']\n", done.stderr


def test_each_test_has_its_own_and_options_say_which(run):
    done = run("""
        import pytest

        seen, sessions = {}, []

        @pytest.mark.parametrize("number", range(3))
        def test_own(kafka, kafka_session, number):
            sessions.append((kafka_session, kafka_session.bootstrap))
            assert kafka.records("orders") == [], "nothing of the test before"
            kafka.produce("orders", "v")
            seen[kafka.bootstrap] = kafka.seed

        def test_all_differ():
            assert len(seen) == 3 == len(set(seen.values())), "ports and seeds"
            assert len(set(sessions)) == 1

        def test_options(kafka):
            topics = kafka.server.cluster.topics
            assert {name: len(topic.partitions) for name, topic in topics.items()} == {"orders": 6, "audit": 4}
            assert list(kafka.brokers) == [1, 2]
            kafka.clock.advance(days=1)
            kafka.create_topic("more")
            assert len(topics["more"].partitions) == 4

        @pytest.mark.kafka(brokers=1, topics=["marked"], seed=7)
        class TestMarks:
            def test_of_the_class(self, kafka):
                assert list(kafka.brokers) == [1] and "marked" in kafka.server.cluster.topics
                kafka.clock.advance(days=1)

            @pytest.mark.kafka(clock="real")
            def test_of_the_test_go_before(self, kafka):
                assert (kafka.seed, list(kafka.brokers)) == (7, [1])
                with pytest.raises(ValueError, match="the clock is real"):
                    kafka.clock.advance(days=1)

        @pytest.mark.kafka(topcs=["t"])
        def test_misspelled(kafka): pass

        @pytest.mark.kafka(topics=["a:b"])
        def test_impossible(kafka): pass
    """, "--strict-markers", "--strict-config", ini="kafka_topics = orders:6 audit\nkafka_brokers = 2\nkafka_clock = virtual\n"
        "kafka_config =\n  num.partitions=4\n  log.retention.hours = 1")  # fmt: skip
    assert outcomes(done) == {"passed": 7, "errors": 2}, done.stdout.str()
    done.stdout.fnmatch_lines(["*unexpected keyword argument 'topcs'*", "*kafka: topic a:b: expected NAME or NAME:PARTITIONS*"])


FAILING = """
    import unittest
    from emulator import Emulator
    from tests.wire_client import WireClient
    from wire.apis.groups import Heartbeat

    def test_fails(kafka):
        with WireClient(kafka.bootstrap, client_id="app") as client:
            client.call(Heartbeat, 4, group_id="g", member_id="m", generation_id=1)
        kafka.create_topic("t")
        assert not kafka.server.cluster.topics["t"].topic_id.hex()

    def test_passes(kafka):
        pass

    class WithoutFixtures(unittest.TestCase):
        def test_by_itself(self):
            with Emulator(seed=5) as kafka, WireClient(kafka.bootstrap, client_id="other") as client:
                client.call(Heartbeat, 4, group_id="h", member_id="m", generation_id=1)
                self.fail()
"""


def test_a_failure_shows_the_seed_and_what_was_asked_and_the_seed_brings_it_again(run):
    once = run(FAILING, "--kafka-seed", "11")
    assert outcomes(once) == {"failed": 2, "passed": 1}
    once.stdout.fnmatch_lines([
        "kafka: --kafka-seed=11", "*- kafka: kafka -*", "seed *; * --kafka-seed=11",
        "client 'app': 1 request(s)", "*ms  broker 1  Heartbeat v4 * group_id='g', generation_id=1, member_id='m' -> !! *NOT*",
        "*- kafka: Emulator -*", "seed 5; *", "client 'other': 1 request(s)",
    ])  # fmt: skip
    again = run(FAILING, "-k", "test_fails", ini="kafka_seed = 11")
    ids = [re.search("not '([0-9a-f]{32})'", done.stdout.str())[1] for done in (once, again)]
    assert ids[0] == ids[1], "also when it runs alone"


def test_the_same_ports_for_all_tests_if_wanted(run):
    done = run("""
        import pytest

        addresses = set()

        @pytest.mark.parametrize("number", range(3))
        def test_all_as_at_the_start(kafka, number):
            assert [topic for topic in kafka.server.cluster.topics] == ["t"] and kafka.records("t") == []
            assert kafka.requests() == [] and kafka.brokers[1].state == "running"
            kafka.produce("t", "v"), kafka.create_topic("more"), kafka.brokers[1].kill()
            addresses.add(kafka.bootstrap)

        def test_one_that_was_stopped(kafka):
            kafka.stop()

        def test_another_is_made_then(kafka):
            assert kafka.records("t") == []

        @pytest.mark.kafka(topics=["other"])
        def test_of_other_arguments(kafka):
            assert list(kafka.server.cluster.topics) == ["other"] and kafka.bootstrap not in addresses

        def test_one_address():
            assert len(addresses) == 1
    """, "-q", ini="kafka_isolation = restored\nkafka_topics = t")  # fmt: skip
    assert outcomes(done) == {"passed": 7}, done.stdout.str()


@pytest.mark.parametrize("ini, arguments, words", [
    ("kafka_isolation = none", (), "kafka_isolation none: expected fresh or restored"),
    ("", ("--kafka-seed", "x"), "kafka_seed x: expected a whole number"),
])
def test_options_that_cannot_be_are_refused(pytester, monkeypatch, ini, arguments, words):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makeini(f"[pytest]\n{ini}")
    done = pytester.runpytest_subprocess("-p", "emulator.apps.pytest_plugin", *arguments, timeout=60)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([f"*{words}*"])


def test_under_xdist_all_workers_go_by_one_seed(run):
    pytest.importorskip("xdist")
    done = run("""
        import os, zlib
        import pytest

        @pytest.mark.parametrize("number", range(8))
        def test_alone(kafka, kafka_session, request, number):
            assert os.environ["PYTEST_XDIST_WORKER"]
            assert kafka.seed == zlib.crc32(f"5 {request.node.nodeid}".encode()) and kafka_session.seed == 5
            kafka.create_topic("t")
            kafka_session.create_topic(f"t{number}")
            assert kafka.produce("t", "v").offset == 0
            assert number != 3
    """, "-p", "xdist.plugin", "-n", "2", "--kafka-seed=5")  # fmt: skip
    assert outcomes(done) == {"passed": 7, "failed": 1}, done.stdout.str()
    done.stdout.fnmatch_lines(["*--kafka-seed=5"])
