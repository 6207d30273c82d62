"""What clients asked an Emulator, as a test looks at it."""

from __future__ import annotations

from typing import Any

from emulator.pipeline.narrate import errors_of, line


class Request:
    """One request and its answer.

    `api`: such as "Fetch"; `timestamp`: ms, of the server's clock; `duration_ms`: None as long as it is not answered;
    `request`, `response`: decoded, with the protocol's own names in snake_case; records in them are counts of bytes. `response` is
    None where there is none (yet), and `outcome` says why: "answered", "under way", "without an answer", "connection closed".
    `errors`: those in the answer, such as "orders-0 NOT_LEADER_OR_FOLLOWER".
    """

    __slots__ = ("_exchange", "_started", "_topic_names")

    def __init__(self, exchange, started, topic_names):
        self._exchange = exchange
        self._started = started
        self._topic_names = topic_names

    @property
    def api(self) -> str:
        return self._exchange.api

    @property
    def version(self) -> int:
        return self._exchange.version

    @property
    def client_id(self) -> str | None:
        return self._exchange.client_id

    @property
    def client(self) -> tuple[str, int]:
        """Host and port that it came from."""
        return self._exchange.client

    @property
    def principal(self) -> str:
        """Who the client has proved to be, such as User:alice."""
        return str(self._exchange.principal)

    @property
    def broker(self) -> int:
        return self._exchange.broker

    @property
    def timestamp(self) -> int:
        return self._exchange.timestamp

    @property
    def duration_ms(self) -> float | None:
        return self._exchange.duration_ms

    @property
    def outcome(self) -> str:
        return self._exchange.outcome

    @property
    def request(self) -> Any:
        return self._exchange.request

    @property
    def response(self) -> Any:
        return self._exchange.response

    @property
    def errors(self) -> list[str]:
        return errors_of(self._exchange, self._topic_names)

    def __str__(self) -> str:
        return line(self._exchange, self._started, self._topic_names)

    def __repr__(self) -> str:
        return f"<{' '.join(str(self).split())}>"
