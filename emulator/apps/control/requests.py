"""What clients have asked and were answered, from when it is asked for on."""

from emulator.apps.control.schema import amount, many, number, or_null, text, thing
from emulator.apps.control.table import Route
from emulator.apps.times import moment_text
from emulator.pipeline.narrate import answer_words, errors_of, words
from emulator.pipeline.requests import History

_MOST = 100_000
_REQUEST = thing(
    number=number("1 is the first that came"),
    now=text("of the server's clock when it came, ISO 8601"),
    broker=or_null(number("who got it; null where clients of a proxy come first")),
    client_id=or_null(text("as the client names itself")),
    client=text("HOST:PORT of the client"),
    principal=text("who it has proved to be: TYPE:NAME, User:ANONYMOUS where nobody asks"),
    api=text("such as Fetch"),
    version=number("of the API"),
    duration_ms=or_null(amount("until the answer left, null as long as there is none")),
    outcome=text("what came of it", enum=["under way", "answered", "without an answer", "connection closed"]),
    errors=many(text("such as orders-0 NOT_LEADER_OR_FOLLOWER"), "in the answer"),
    request=text("in words"),
    response=text("in words"),
)
_KEPT = number("so many of the newest are kept; 0: none, which costs nothing")


def show(server, asked):
    history = server.history
    names = server.topic_names() if history else {}
    found = [
        (number, one)
        for number, one in (() if history is None else history.numbered())
        if number > asked["after"] and asked["api"] in (None, one.api) and asked["client_id"] in (None, one.client_id)
    ]
    return {"kept": 0 if history is None else history.most, "requests": [_shown(number, one, names) for number, one in found[-asked["last"] :]]}


def keep(server, asked):
    server.record_requests(History(asked["most"]) if asked["most"] else None)
    return {"kept": asked["most"]}


def _shown(number, exchange, names):
    host, port = exchange.client
    return {
        "number": number,
        "now": moment_text(exchange.timestamp),
        "broker": exchange.broker,
        "client_id": exchange.client_id,
        "client": f"{host}:{port}",
        "principal": str(exchange.principal),
        "api": exchange.api,
        "version": exchange.version,
        "duration_ms": exchange.duration_ms,
        "outcome": exchange.outcome,
        "errors": errors_of(exchange, names),
        "request": "" if exchange.request is None else words(exchange.request, names),
        "response": answer_words(exchange, names),
    }


ROUTES = (
    Route("GET", "/requests", show, "the newest requests of clients, oldest first, of those that are kept", {
        "api": text("only of this one", default=None),
        "client_id": text("only of this client", default=None),
        "after": number("only those with a higher number", default=0, minimum=0),
        "last": number("so many of them", default=100, minimum=1, maximum=_MOST),
    }, thing(kept=_KEPT, requests=many(_REQUEST, "records in them are counts of bytes"))),
    Route("POST", "/requests/keep", keep, "from now on requests are kept, none of those before", {
        "most": number("how many of the newest; 0: none any more", minimum=0, maximum=_MOST),
    }, thing(kept=_KEPT)),
)  # fmt: skip
