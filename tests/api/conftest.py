"""Requests over a socket, one by one. KAFKA_BOOTSTRAP=HOST:PORT runs the same tests on any other cluster."""

import itertools
import os
import uuid

import pytest

from tests.in_thread import serving
from tests.wire_client import WireClient


@pytest.fixture(scope="session")
def bootstrap():
    elsewhere = os.environ.get("KAFKA_BOOTSTRAP")
    if elsewhere:
        yield elsewhere
        return
    with serving() as server:
        yield server.bootstrap


@pytest.fixture
def client(bootstrap):
    with WireClient(bootstrap) as client:
        yield client


_RUN = uuid.uuid4().hex[:8]
_COUNT = itertools.count()


@pytest.fixture
def fresh():
    """fresh("orders") -> a name that nobody has used before, on any cluster."""
    return lambda prefix: f"{prefix}-{_RUN}-{next(_COUNT)}"
