"""Log-ins on clocks and among faults; tests/api/test_sasl_listener.py has what is asked of Kafka, too."""

import pytest

from emulator import Emulator
from tests.api.conftest import TOKENS
from tests.api.sasl_session import Session, plain
from tests.wire_client import WireClient
from wire.apis.metadata import Metadata
from wire.apis.sasl import SaslAuthenticate, SaslHandshake

CONFIG = {name.replace("_", "."): text for name, text in TOKENS.items()}


def test_a_session_has_an_end():
    with Emulator(config={**CONFIG, "connections.max.reauth.ms": "5000"}, clock="virtual") as kafka, WireClient(kafka.bootstrap) as client:
        client.call(SaslHandshake, 1, mechanism="PLAIN")
        assert client.call(SaslAuthenticate, 2, auth_bytes=plain()).session_lifetime_ms == 5000
        kafka.clock.advance(milliseconds=5000)
        assert client.call(Metadata, 9, topics=[]).brokers
        kafka.clock.advance(milliseconds=1)
        client.send(Metadata, 9, topics=[])
        with pytest.raises(ConnectionError):
            client.receive_frame()


def test_faults_are_around_what_comes_before_a_log_in():
    with Emulator(config=CONFIG) as kafka:
        kafka.fail("SaslHandshake", error="UNSUPPORTED_SASL_MECHANISM", times=1)
        fault = kafka.fail("SaslAuthenticate", error="SASL_AUTHENTICATION_FAILED", times=1)
        said = []
        for _ in range(3):
            with Session(kafka.bootstrap) as session:
                session.handshake()
                if session.said == ["shaken"]:
                    session.token(plain())
                said.append(session.ask().trace)
        # As Kafka hangs up on whoever it has refused, so does a fault.
        assert said == ["UNSUPPORTED_SASL_MECHANISM > closed", "shaken > SASL_AUTHENTICATION_FAILED: Refused by fault-2 > closed", "shaken > in > served"]
        assert fault.hits == 1
        assert [one.api for one in kafka.requests()] == ["SaslHandshake", *["SaslHandshake", "SaslAuthenticate"] * 2, "Metadata"]


def test_who_is_in_is_refused_by_a_fault_and_stays():
    with Emulator(config=CONFIG) as kafka, Session(kafka.bootstrap) as session:
        session.handshake().token(plain())
        kafka.fail("SaslAuthenticate", error="SASL_AUTHENTICATION_FAILED", times=1)
        assert session.token(plain()).ask().trace == "shaken > in > SASL_AUTHENTICATION_FAILED: Refused by fault-1 > served"
