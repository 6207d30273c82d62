"""What may come when: each line of a trace is what a client asks, and the state after it."""

import pytest

from emulator.state.principals import Principal
from emulator.state.sasl.exchange import AUTHENTICATE, COMPLETE, FAILED, HANDSHAKE, VERSIONS_OR_HANDSHAKE, Exchange, IllegalState
from emulator.state.sasl.mechanism import AuthenticationFailed, Mechanism
from wire import errors


class Knock(Mechanism):
    """Complete after two knocks; who bangs is refused."""

    def __init__(self, name="a", lifetime_ms=None):
        super().__init__()
        self._knocks, self._name, self._lifetime_ms = 0, name, lifetime_ms

    def evaluate(self, token):
        if token != b"knock":
            raise AuthenticationFailed(None if token == b"bang" else "too loud")
        self._knocks += 1
        if self._knocks == 2:
            self.is_complete, self.principal, self.lifetime_ms = True, Principal("User", self._name), self._lifetime_ms
        return b"yes?"


def exchange(previous=None, max_reauth_ms=0, **knock):
    return Exchange({"KNOCK": lambda: Knock(**knock), "OTHER": Knock}, lambda mechanism: max_reauth_ms, previous)


def complete(one, now=1000):
    one.handshake("KNOCK", 1)
    one.token(b"knock", now)
    return one.token(b"knock", now)


def test_from_the_beginning_to_the_end():
    one = exchange()
    one.versions(is_refused=True)
    assert one.state == VERSIONS_OR_HANDSHAKE
    one.versions(is_refused=False)
    assert one.state == HANDSHAKE
    assert one.handshake("KNOCK", 1) == errors.NONE and one.state == AUTHENTICATE and not one.is_raw
    assert one.token(b"knock", 0) == (b"yes?", 0) and one.state == AUTHENTICATE
    assert one.token(b"knock", 0) == (b"yes?", 0) and one.state == COMPLETE
    assert one.principal.name == "a" and one.expires is None


@pytest.mark.parametrize("steps", [
    [("token", b"knock", 0)],
    [("versions", False), ("versions", False)],
    [("handshake", "KNOCK", 1), ("versions", False)],
    [("handshake", "KNOCK", 1), ("handshake", "KNOCK", 1)],
    [("handshake", "KNOCK", 1), ("token", b"knock", 0), ("token", b"knock", 0), ("token", b"knock", 0)],
])  # fmt: skip
def test_what_comes_out_of_turn(steps):
    one = exchange()
    *before, (last, *arguments) = steps
    for what, *given in before:
        getattr(one, what)(*given)
    with pytest.raises(IllegalState):
        getattr(one, last)(*arguments)


def test_who_fails_has_failed():
    one = exchange()
    assert one.handshake("SONG", 1) == errors.UNSUPPORTED_SASL_MECHANISM and one.state == FAILED
    for token, said in ((b"!", "too loud"), (b"bang", "Authentication failed during authentication due to invalid credentials with SASL mechanism KNOCK")):
        one = exchange()
        one.handshake("KNOCK", 0)
        assert one.is_raw
        with pytest.raises(AuthenticationFailed) as failed:
            one.token(token, 0)
        assert failed.value.message == said and one.state == FAILED


@pytest.mark.parametrize("max_reauth_ms, lifetime_ms, expected", [
    (0, None, (0, None)), (500, None, (500, 1500)), (0, 1200, (200, 1200)), (100, 1200, (100, 1100)), (500, 1200, (200, 1200)), (0, 900, (0, 900)),
])  # fmt: skip
def test_a_session_ends_with_the_credential_or_the_limit(max_reauth_ms, lifetime_ms, expected):
    one = exchange(max_reauth_ms=max_reauth_ms, lifetime_ms=lifetime_ms)
    assert (complete(one)[1], one.expires) == expected


def test_again_it_is_the_same_principal():
    first = exchange()
    complete(first)
    complete(exchange(previous=first))
    other = exchange(previous=first, name="b")
    with pytest.raises(AuthenticationFailed, match="Cannot change principals during re-authentication from User.a: User.b"):
        complete(other)
    assert other.state == FAILED


def test_again_it_is_the_same_mechanism():
    first = exchange()
    complete(first)
    again = exchange(previous=first)
    assert again.handshake("OTHER", 1) == errors.NONE
    with pytest.raises(IllegalState):
        again.token(b"knock", 0)
    again = exchange(previous=first)
    again.handshake("KNOCK", 1)
    with pytest.raises(AuthenticationFailed, match="during re-authentication due to"):
        again.token(b"bang", 0)
