"""How far a connection is with its authentication, and what may come next (SaslServerAuthenticator).

ApiVersions may come first, then SaslHandshake names a mechanism, then its tokens follow: in SaslAuthenticate requests after a
handshake of v1, as they are after one of v0. Who has been authenticated may begin again with a handshake (KIP-368).
"""

from emulator.state.sasl.mechanism import AuthenticationFailed, Unanswered
from wire import errors

INITIAL, VERSIONS_OR_HANDSHAKE, HANDSHAKE, AUTHENTICATE, BAD_MECHANISM, COMPLETE, FAILED = (
    "initial request", "handshake or versions request", "handshake request", "authenticate", "bad mechanism", "complete", "failed",
)  # fmt: skip
# {what is asked: {state: the state after it}}; what is not here ends the connection.
_AFTER = {
    "versions": {INITIAL: HANDSHAKE, VERSIONS_OR_HANDSHAKE: HANDSHAKE},
    "refused versions": {INITIAL: VERSIONS_OR_HANDSHAKE, VERSIONS_OR_HANDSHAKE: VERSIONS_OR_HANDSHAKE},
    "handshake": {INITIAL: AUTHENTICATE, VERSIONS_OR_HANDSHAKE: AUTHENTICATE, HANDSHAKE: AUTHENTICATE},
    "token": {AUTHENTICATE: AUTHENTICATE},
}

_LONGEST_MS = (2**63 - 1) // 1_000_000  # of a session, of which Kafka counts the nanoseconds


class IllegalState(Exception):
    """What was asked is not to be asked now."""


class Exchange:
    """`mechanisms`: {name: mechanism}, see mechanism.py; `max_reauth_ms(mechanism)`: of connections.max.reauth.ms, 0 for no limit.

    `previous`: the exchange by which the client is authenticated already, whose mechanism and principal it has to keep.
    `principal` is there once `state` is COMPLETE, and `expires`, ms on the clock that expires, None for never.
    """

    def __init__(self, mechanisms, max_reauth_ms=lambda mechanism: 0, previous=None):
        self._mechanisms = mechanisms
        self._max_reauth_ms = max_reauth_ms
        self._previous = previous
        self._server = None
        self.state = INITIAL
        self.mechanism = None
        self.is_raw = False  # whether tokens come as they are
        self.expires = None

    @property
    def principal(self):
        return self._server.principal

    @property
    def enabled(self):
        return list(self._mechanisms)

    def versions(self, is_refused):
        """ApiVersions is asked; `is_refused`: and answered with an error. Raises IllegalState."""
        self._step("refused versions" if is_refused else "versions")

    def handshake(self, mechanism, version):
        """The error code of SaslHandshake's answer. Raises IllegalState."""
        self._step("handshake")
        if mechanism not in self._mechanisms:
            self.state = FAILED
            if self._previous is not None:
                raise IllegalState(f"{mechanism} for an authentication again")
            return errors.UNSUPPORTED_SASL_MECHANISM
        if self._previous is not None and self._previous.mechanism != mechanism:
            self.state = BAD_MECHANISM  # which the next request learns
        self.mechanism = mechanism
        self.is_raw = version == 0  # v1+: in SaslAuthenticate requests (KIP-152)
        self._server = self._mechanisms[mechanism]()
        return errors.NONE

    def token(self, token, now):
        """(what the client is told, ms that it is authenticated for or 0 for always). Raises AuthenticationFailed with a message for it, IllegalState."""
        self._step("token")
        try:
            told = self._server.evaluate(token)
            if self._server.is_complete:
                self._check_principal()
        except AuthenticationFailed as failed:
            self.fail()
            if failed.message is None:
                what = "authentication" if self._previous is None else "re-authentication"
                failed = AuthenticationFailed(f"Authentication failed during {what} due to invalid credentials with SASL mechanism {self.mechanism}")
            raise failed from None
        except Unanswered as error:
            self.fail()
            raise IllegalState(str(error)) from None
        if not self._server.is_complete:
            return told, 0
        self.state = COMPLETE
        return told, self._begin_session(now)

    def fail(self):
        self.state = FAILED

    def _begin_session(self, now):
        limits = [self._server.lifetime_ms - now] if self._server.lifetime_ms is not None else []
        if (longest := self._max_reauth_ms(self.mechanism)) > 0:
            limits.append(longest)
        if not limits:
            return 0
        lifetime = min(limits)
        if lifetime > _LONGEST_MS:
            self.fail()
            raise IllegalState("a session of more nanoseconds than fit a long")
        self.expires = now + lifetime  # a credential may have expired and count still: then the next request comes too late, though no clock goes on
        return max(lifetime, 0)

    def _check_principal(self):
        if self._previous is None:
            return
        before, after = self._previous.principal, self._server.principal
        if before[:2] != after[:2]:
            raise AuthenticationFailed(f"Cannot change principals during re-authentication from {before.type}.{before.name}: {after.type}.{after.name}")

    def _step(self, asked):
        state = _AFTER[asked].get(self.state)
        if state is None:
            raise IllegalState(f"a request for {asked} in the state {self.state}")
        self.state = state
