"""pytest: a Kafka cluster for each test that names the fixture `kafka`.

    def test_orders(kafka):
        place_order(kafka.bootstrap)
        kafka.assert_produced("orders", value={"id": 1})

It is an Emulator: alone in its process and on its ports, there in milliseconds, gone after the test. `kafka_session` is one for
all tests. Options are in pytest.ini and the like, `--help` lists them; @pytest.mark.kafka(brokers=3) sets Emulator's arguments for a test.
pytest imports this for whoever has it installed, so it imports nothing else before a fixture is used.
"""

from __future__ import annotations

import os
import sys
import zlib
from typing import TYPE_CHECKING, Any, Iterator

import pytest

if TYPE_CHECKING:
    from emulator.apps.embedded import Emulator

_FRESH, _RESTORED = "fresh", "restored"
_SEED = pytest.StashKey[int]()
_BEFORE = pytest.StashKey[int]()
_REUSED = pytest.StashKey[dict]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("kafka", "Kafka for tests (kafka-wire-emulator)")
    group.addoption("--kafka-seed", metavar="NUMBER", help="fixes every id and choice of each test's cluster; a run prints its own")
    parser.addini("kafka_brokers", "how many brokers the cluster of a test has", default="1")
    parser.addini("kafka_clock", "real, or virtual: it stands until kafka.clock.advance", default="real")
    parser.addini("kafka_topics", "topics that are there from the start, NAME or NAME:PARTITIONS", type="args", default=[])
    parser.addini("kafka_seed", "as --kafka-seed", default="")
    parser.addini("kafka_config", "keys of server.properties or config.yaml, one KEY=VALUE a line", type="linelist", default=[])
    parser.addini("kafka_as_version", "the release of Kafka to pass for, such as 3.7", default="")
    parser.addini(
        "kafka_isolation",
        "fresh: each test has a cluster on ports of its own; restored: tests have the same ports, where all is again as at the start",
        default=_FRESH,
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "kafka(**arguments): arguments of emulator.Emulator for the `kafka` of this test")
    isolation = config.getini("kafka_isolation")
    if isolation not in (_FRESH, _RESTORED):
        raise pytest.UsageError(f"kafka_isolation {isolation}: expected {_FRESH} or {_RESTORED}")
    given = config.getoption("kafka_seed") or config.getini("kafka_seed")
    if hasattr(config, "workerinput"):  # of pytest-xdist: what the controller has drawn
        given = config.workerinput["kafka_seed"]
    elif not given:
        given = str(int.from_bytes(os.urandom(4), "big"))
    if not (given.isascii() and given.isdigit() and len(given) <= 18):
        raise pytest.UsageError(f"kafka_seed {given}: expected a whole number of at most 18 digits")
    config.stash[_SEED] = int(given)
    config.stash[_REUSED] = {}


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Of pytest-xdist: a worker is about to start."""
    node.workerinput["kafka_seed"] = str(node.config.stash[_SEED])


def pytest_report_header(config: pytest.Config) -> str:
    return f"kafka: --kafka-seed={config.stash[_SEED]}"


def pytest_unconfigure(config: pytest.Config) -> None:
    for emulator, _ in config.stash.get(_REUSED, {}).values():
        emulator.stop()


# -- fixtures --------------------------------------------------------------------------------------


@pytest.fixture
def kafka(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """A Kafka cluster of this test's own: an emulator.Emulator."""
    arguments = _arguments(request.config)
    for mark in reversed(list(request.node.iter_markers("kafka"))):  # the nearest one counts
        if mark.args:
            raise pytest.UsageError("@pytest.mark.kafka takes arguments by name, those of emulator.Emulator")
        arguments.update(mark.kwargs)
    arguments.setdefault("seed", _seed_of(request.config, request.node.nodeid))
    if request.config.getini("kafka_isolation") == _RESTORED and "data_dir" not in arguments:
        yield _restored(request.config, arguments)
        return
    with _made(arguments) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def kafka_session(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """A Kafka cluster for all tests of the session (of each worker's, under pytest-xdist): an emulator.Emulator."""
    arguments = _arguments(request.config)
    arguments["seed"] = request.config.stash[_SEED]
    with _made(arguments) as emulator:
        yield emulator


def _arguments(config):
    """What the options say, as arguments of Emulator."""
    pairs = [line.partition("=") for line in config.getini("kafka_config")]
    for key, equals, _ in pairs:
        if not equals:
            raise pytest.UsageError(f"kafka_config {key}: expected KEY=VALUE")
    brokers = config.getini("kafka_brokers")
    if not brokers.isdigit():
        raise pytest.UsageError(f"kafka_brokers {brokers}: expected a number")
    return {
        "brokers": int(brokers),
        "clock": config.getini("kafka_clock"),
        "topics": config.getini("kafka_topics"),
        "config": {key.strip(): value.strip() for key, _, value in pairs},
        "as_version": config.getini("kafka_as_version") or None,
    }


def _seed_of(config, node_id):
    """Each test has its own, whichever others run, in whatever order and process."""
    return zlib.crc32(f"{config.stash[_SEED]} {node_id}".encode())


def _made(arguments):
    from emulator.apps.embedded import Emulator

    try:
        return Emulator(**arguments).start()
    except (ValueError, TypeError) as error:
        raise pytest.UsageError(f"kafka: {error}") from None


def _restored(config, arguments):
    """The emulator that was made with such arguments, as it was then."""
    others = {name: value for name, value in arguments.items() if name != "seed"}
    key = repr(sorted(others.items()))
    reused = config.stash[_REUSED]
    if key in reused and reused[key][0].runs:
        emulator, empty = reused[key]
        emulator.restore(empty)
        emulator.forget_requests()
    else:
        emulator = _made({**others, "seed": config.stash[_SEED]})
        reused[key] = emulator, emulator.snapshot()
    return emulator


# -- what a failed test shows ----------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    embedded = sys.modules.get("emulator.apps.embedded")
    begun = embedded.begun_since(0) if embedded else ()
    item.stash[_BEFORE] = begun[-1].number if begun else 0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    report = yield
    if report.failed:
        for name, emulator in _emulators(item):
            report.sections.append((f"kafka: {name}", _told(item.config, emulator)))
    return report


def _emulators(item):
    """(fixture's name, Emulator) of those that the test has, then those that it has started by itself."""
    embedded = sys.modules.get("emulator.apps.embedded")
    if embedded is None:
        return
    fixtures = {name: value for name, value in getattr(item, "funcargs", {}).items() if isinstance(value, embedded.Emulator)}
    yield from fixtures.items()
    for emulator in embedded.begun_since(item.stash.get(_BEFORE, 0)):
        if emulator not in fixtures.values():
            yield "Emulator", emulator


def _told(config, emulator):
    asked = emulator.timeline() or "nobody has asked anything"
    return f"seed {emulator.seed}; the fixtures' come again with --kafka-seed={config.stash[_SEED]}\n{asked}"
