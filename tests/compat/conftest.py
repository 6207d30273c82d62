"""Stock clients against one server for the whole session: the emulator, or with an option the real thing.

    pytest tests/compat                           the emulator, started here
    pytest tests/compat --real-kafka              Apache Kafka 4.3.1, started here from its jars
    pytest tests/compat --bootstrap HOST:PORT     any cluster that runs already
    pytest tests/compat --through-proxy           one of the first two, behind `kafka-emulator proxy`

Every test passes on all of them. Locally a client that is not installed is skipped; with CI=true a skip is a failure.
"""
import functools
import gc
import os
import shutil
import signal
import sys
import uuid
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # helpers.py, servers.py: the tests here are scripts, not a package

import logs  # noqa: E402
import servers  # noqa: E402

# Tools are stopped as by Ctrl-C. A shell's background job ignores that, and so would all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

CI = os.environ.get("CI", "").lower() not in ("", "0", "false")


def pytest_addoption(parser):
    group = parser.getgroup("compat")
    group.addoption("--bootstrap", metavar="HOST:PORT", help="run tests/compat against this cluster")
    group.addoption("--through-proxy", action="store_true", help="the server under test is behind the proxy")
    group.addoption("--real-kafka", action="store_true", help="run tests/compat against Apache Kafka, started from its jars")


@pytest.fixture(scope="session")
def bootstrap(request, tmp_path_factory):
    """The bootstrap address, "host:port", of the server under test."""
    option = request.config.getoption
    if option("--bootstrap", None):
        yield option("--bootstrap")
        return
    with server_of(option)(tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture(scope="session")
def own_server(request):
    """own_server(directory, **settings) starts a server like the one under test; None where we do not start it."""
    option = request.config.getoption
    if option("--bootstrap", None):
        return None
    return server_of(option)


def server_of(option):
    server = servers.real_kafka if option("--real-kafka", False) else servers.emulator
    return functools.partial(servers.through_proxy, server) if option("--through-proxy", False) else server


@pytest.fixture
def unique():
    """unique("orders") -> "orders-3f9a0c1b": names of this test alone, so that no test sees another's topics."""
    return lambda prefix: f"{prefix}-{uuid.uuid4().hex[:8]}"


@pytest.fixture(autouse=True)
def no_warning_of_its_own(capfd):
    """No client is made to warn of what Apache Kafka does not make it warn of."""
    with logs.Warned() as warned:
        yield
    out, err = capfd.readouterr()
    sys.stdout.write(out)  # back to the test's report
    sys.stderr.write(err)
    assert not logs.unexpected(warned.lines + logs.of_librdkafka(err))


def pytest_configure(config):
    config.addinivalue_line("markers", "needs(command...): left out where these commands are not installed")


def pytest_collection_finish():
    gc.freeze()  # nothing of what was imported is looked at again after each test


def pytest_runtest_setup(item):
    gc.collect()  # what the test before has left in circles: a client there would go on, and complain when that test's server is gone
    for mark in item.iter_markers("needs"):
        for command in mark.args:
            there = Path(command).exists() if "/" in command else shutil.which(command)
            if not there:
                pytest.skip(f"{command} is not installed: run tests/compat/setup")


def refuse_skip(report):
    """In CI a test left out proves nothing, so it fails."""
    if CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longrepr}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    refuse_skip(report)
    return report
