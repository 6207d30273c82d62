"""Requests over a socket, one by one. KAFKA_BOOTSTRAP=HOST:PORT runs the same tests on any other cluster.

KAFKA_BOOTSTRAP_ACLS=HOST:PORT names a cluster with the StandardAuthorizer and super.users=User:ANONYMOUS.
KAFKA_BOOTSTRAP_USERS=HOST:PORT names one with the configs of GUARDED.
KAFKA_BOOTSTRAP_TOKENS=HOST:PORT names a SASL_PLAINTEXT listener with the configs of TOKENS.
"""

import itertools
import os
import time
import uuid
from contextlib import contextmanager

import pytest

from tests.api.sasl_session import make_scram_users
from tests.in_thread import serving
from tests.wire_client import WireClient


AUTHORIZER = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"


@contextmanager
def cluster(variable, **settings):
    """The address that a variable of the environment has, or that of a server of its own; skipped where the other tests run elsewhere."""
    if elsewhere := os.environ.get(variable):
        yield elsewhere
    elif os.environ.get("KAFKA_BOOTSTRAP"):
        pytest.skip(f"{variable} names no cluster")
    else:
        with serving(**settings) as server:
            yield server.bootstrap


@pytest.fixture(scope="session")
def bootstrap():
    with cluster("KAFKA_BOOTSTRAP") as address:
        yield address


@pytest.fixture
def client(bootstrap):
    with WireClient(bootstrap) as client:
        yield client


@pytest.fixture(scope="session")
def bootstrap_acls():
    """A cluster with an authorizer, for whom everybody is a super user."""
    with cluster("KAFKA_BOOTSTRAP_ACLS", authorizer_class_name=AUTHORIZER, super_users="User:ANONYMOUS") as address:
        yield address


USERS = {name: f"{name}-secret" for name in ("alice", "bob", "carol", "admin")}
TOKENS = {
    "listeners": "INSIDE://127.0.0.1:0",
    "listener_security_protocol_map": "INSIDE:SASL_PLAINTEXT",
    "sasl_enabled_mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
    "listener_name_inside_scram-sha-512_connections_max_reauth_ms": "60000",
    "connection_failed_authentication_delay_ms": "1",
    "oauthbearer_sasl_jaas_config": "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;",
    "plain_sasl_jaas_config": "org.apache.kafka.common.security.plain.PlainLoginModule required "
    + " ".join(f'user_{name}="{password}"' for name, password in USERS.items()) + ";",
    "delegation_token_secret_key": "a-key-of-the-test",
}  # fmt: skip


@pytest.fixture(scope="session")
def bootstrap_tokens():
    """A cluster whose clients log in by PLAIN as one of USERS, and may have delegation tokens."""
    with cluster("KAFKA_BOOTSTRAP_TOKENS", **TOKENS) as address:
        yield address


@pytest.fixture(scope="module")
def users(bootstrap_tokens):
    return make_scram_users(bootstrap_tokens)


GUARDED = {**TOKENS, "authorizer_class_name": AUTHORIZER, "super_users": "User:admin"}


@pytest.fixture(scope="session")
def bootstrap_users():
    """A cluster whose clients log in by PLAIN as one of USERS; admin may do everything, the others what ACLs allow."""
    with cluster("KAFKA_BOOTSTRAP_USERS", **GUARDED) as address:
        yield address


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
