"""A connection to a SASL listener, and what is said on it as lines of text that may be compared."""

import struct
import time

from tests.scram_client import S256, S512, salted, scram_final, scram_first
from tests.wire_client import WireClient
from wire.apis.metadata import ApiVersions, Metadata
from wire.apis.sasl import AlterUserScramCredentials, SaslAuthenticate, SaslHandshake
from wire.errors import Error

SCRAM_USERS = "dora", "e=f,g"  # each with "-secret" for a password


def raises_nothing(ask):
    """A step that says "closed" where the connection ends instead of an answer."""

    def step(self, *arguments, **named):
        try:
            self.said.append(ask(self, *arguments, **named))
        except (ConnectionError, OSError) as error:
            self.said.append("no answer" if isinstance(error, TimeoutError) else "closed")
        return self

    return step


class Session:
    """Each step adds what came of it to `said`."""

    def __init__(self, bootstrap, timeout=10):
        self.client = WireClient(bootstrap, timeout=timeout)
        self.said = []
        self.told = b""  # by the mechanism

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.socket.close()

    @property
    def trace(self):
        """All that came of it, as one text."""
        return " > ".join(said.strip() for said in self.said)

    @raises_nothing
    def versions(self, version=3, name="a"):
        answer = self.client.call(ApiVersions, version, client_software_name=name, client_software_version="1")
        return Error(answer.error_code).name

    @raises_nothing
    def unknown_versions(self, version=99):
        self.client.socket.sendall(framed(struct.pack(">hhih", ApiVersions.key, version, 7, -1) + b"\0"))
        correlation_id, code = struct.unpack_from(">ih", self.client.receive_frame())
        return Error(code).name if correlation_id == 7 else "another's answer"

    @raises_nothing
    def handshake(self, mechanism="PLAIN", version=1):
        answer = self.client.call(SaslHandshake, version, mechanism=mechanism)
        return f"{Error(answer.error_code).name} {','.join(answer.mechanisms)}" if answer.error_code else "shaken"

    @raises_nothing
    def token(self, token, version=2):
        answer = self.client.call(SaslAuthenticate, version, auth_bytes=token)
        self.told = bytes(answer.auth_bytes)
        if answer.error_code:
            return f"{Error(answer.error_code).name}: {answer.error_message}"
        return "in" if not self.told or self.told.startswith(b"v=") else "go on"

    @raises_nothing
    def raw_token(self, token):
        self.client.socket.sendall(framed(token))
        self.told = self.client.receive_frame()
        return "in" if not self.told or self.told.startswith(b"v=") else "go on"

    @raises_nothing
    def ask(self, version=9):
        answer = self.client.call(Metadata, version, topics=[Metadata.Request.Topics(name="nobody-made-this")], allow_auto_topic_creation=False)
        [told] = [Error(topic.error_code).name for topic in answer.topics]
        return "served" if told == "UNKNOWN_TOPIC_OR_PARTITION" else told

    @raises_nothing
    def bytes(self, data):
        """As they are; gives what the answer begins with."""
        self.client.socket.sendall(data)
        return f"{len(self.client.receive_frame())} bytes"

    @raises_nothing
    def end(self):
        return f"{len(self.client.receive_frame())} bytes"


def framed(data):
    return struct.pack(">i", len(data)) + data


def plain(user="alice", password="alice-secret", authzid=""):
    return f"{authzid}\0{user}\0{password}".encode()


def scram(session, user="dora", password=None, mechanism=S256, first=None, bare=None, version=2, final=True, raw=False, **more):
    """A log-in from the handshake on; `final`: whether the second message is said, see scram_final for the rest."""
    say = session.raw_token if raw else lambda token: session.token(token, version)
    session.handshake(mechanism, 0 if raw else 1)
    first = scram_first(user) if first is None else first
    say(first)
    if final and session.told:
        say(scram_final(mechanism, f"{user}-secret" if password is None else password, bare or first.decode().split(",", 2)[2], session.told, **more))
    return session


def make_scram_users(bootstrap):
    """SCRAM_USERS may log in once this returns."""
    Upsertion = AlterUserScramCredentials.Request.Upsertions
    with WireClient(bootstrap) as client:
        client.log_in("admin", "admin-secret")
        for user in SCRAM_USERS:
            for number, mechanism in enumerate((S256, S512), 1):
                made = Upsertion(
                    name=user, mechanism=number, iterations=4096, salt=b"salt", salted_password=salted(mechanism, f"{user}-secret", b"salt", 4096)
                )
                [told] = client.call(AlterUserScramCredentials, 0, deletions=[], upsertions=[made]).results
                assert not told.error_code
    deadline = time.monotonic() + 10
    for user in SCRAM_USERS:
        for mechanism in (S256, S512):
            while not _may_log_in(bootstrap, user, mechanism):
                assert time.monotonic() < deadline
    return SCRAM_USERS


def _may_log_in(bootstrap, user, mechanism):
    with Session(bootstrap) as session:
        return scram(session, user, mechanism=mechanism).said[-1] == "in"
