"""What a SASL mechanism is to an exchange.

A mechanism is a function without arguments that makes, for each attempt, an object with
- `evaluate(token) -> bytes`: what the client said to what it is to be told; raises AuthenticationFailed, Unanswered;
- `is_complete`: whether the client is authenticated; there is `principal` (a Principal) then;
- `lifetime_ms`: until when that holds (ms of the clock that expires), None for as long as there is a connection;
- `extensions`: {name: text} that the client has sent along.
"""


class AuthenticationFailed(Exception):
    """`message`: what the client is told; None where that would tell too much, such as which users there are (SaslException)."""

    def __init__(self, message=None):
        super().__init__(message)
        self.message = message


class Unanswered(Exception):
    """What Kafka itself stumbles over: the connection ends, and the client is not told why."""


class Mechanism:
    """What most have in common."""

    is_complete = False
    principal = None
    lifetime_ms = None

    def __init__(self):
        self.extensions = {}

    def evaluate(self, token):
        raise NotImplementedError
