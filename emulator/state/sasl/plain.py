"""PLAIN (RFC 4616): a name and a password, as they are (PlainSaslServer, PlainServerCallbackHandler)."""

import hmac

from emulator.state.principals import USER, Principal
from emulator.state.sasl.mechanism import AuthenticationFailed, Mechanism

_USER_OPTION = "user_"


def users_of(options):
    """{name: password} of a PlainLoginModule's options."""
    return {name[len(_USER_OPTION) :]: password for name, password in options.items() if name.startswith(_USER_OPTION)}


class Plain(Mechanism):
    """`users`: {name: password}."""

    def __init__(self, users):
        super().__init__()
        self._users = users

    def evaluate(self, token):
        parts = token.decode("utf-8", "replace").split("\0", 3)
        if len(parts) != 3:
            raise AuthenticationFailed(f"Invalid SASL/PLAIN response: expected 3 tokens, got {len(parts)}")
        authorization_id, name, password = parts
        if not name:
            raise AuthenticationFailed("Authentication failed: username not specified")
        if not password:
            raise AuthenticationFailed("Authentication failed: password not specified")
        expected = self._users.get(name)
        if expected is None or not hmac.compare_digest(password.encode(), expected.encode()):
            raise AuthenticationFailed("Authentication failed: Invalid username or password")
        if authorization_id not in ("", name):
            raise AuthenticationFailed("Authentication failed: Client requested an authorization id that is different from username")
        self.is_complete = True
        self.principal = Principal(USER, name)
        return b""
