"""Requests over a socket, one by one. KAFKA_BOOTSTRAP=HOST:PORT runs the same tests on any other cluster.

KAFKA_BOOTSTRAP_ACLS=HOST:PORT names a cluster with the StandardAuthorizer and super.users=User:ANONYMOUS.
"""

import itertools
import os
import time
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


@pytest.fixture(scope="session")
def bootstrap_acls():
    """A cluster with an authorizer, for whom everybody is a super user."""
    elsewhere = os.environ.get("KAFKA_BOOTSTRAP_ACLS")
    if elsewhere:
        yield elsewhere
        return
    if os.environ.get("KAFKA_BOOTSTRAP"):
        pytest.skip("KAFKA_BOOTSTRAP_ACLS names no cluster with an authorizer")
    authorizer = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
    with serving(authorizer_class_name=authorizer, super_users="User:ANONYMOUS") as server:
        yield server.bootstrap


def becomes(read, expected):
    """Whether `read()` gives `expected`, at once or soon: Kafka's broker learns of a change a little after its controller."""
    deadline = time.monotonic() + 10
    while (found := read()) != expected and time.monotonic() < deadline:
        pass
    return found == expected


_RUN = os.environ.get("KAFKA_RUN") or uuid.uuid4().hex[:8]  # a run that is recorded is to use the same names again
_COUNT = itertools.count()


@pytest.fixture
def fresh():
    """fresh("orders") -> a name that nobody has used before, on any cluster."""
    return lambda prefix: f"{prefix}-{_RUN}-{next(_COUNT)}"
