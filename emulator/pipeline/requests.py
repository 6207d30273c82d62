"""Who asked what and was answered what: the newest requests of all clients, for whoever wants to see how something came about.

A layer around all others, so that it sees what clients see. It keeps requests and answers as they are, which costs next to
nothing, without the records and the secrets in them; `narrate.py` puts them into words once somebody asks.
"""

from collections import deque

from emulator.pipeline import layers
from emulator.pipeline.secrets import BLANK, FIELDS, is_secret_config
from wire.apis.configs import AlterConfigs, IncrementalAlterConfigs
from wire.apis.data import Fetch, Produce
from wire.apis.delegation_tokens import CreateDelegationToken, DescribeDelegationToken, ExpireDelegationToken, RenewDelegationToken
from wire.apis.sasl import AlterUserScramCredentials, SaslAuthenticate
from wire.apis.share_groups import ShareFetch
from wire.apis.topics import CreateTopics
from wire.record import Built, Record

UNDER_WAY, ANSWERED, UNANSWERED, CLOSED = "under way", "answered", "without an answer", "connection closed"
_MOST_BYTES = 32 * 1024 * 1024  # of requests and answers as they are on the wire
_NANOS_PER_MS = 1_000_000


class Left(int):
    """How many bytes there were, which are not kept."""

    def __repr__(self):
        return f"<{int(self)} bytes>"


class Exchange:
    """A request and what came of it. `outcome`: UNDER_WAY ...; `request`: None for one that cannot be read in its version.

    `timestamp`: ms of the clock that stamps; `began`, `took`: nanoseconds of a running clock; `request_size`, `response_size`: bytes without
    headers. `response_record` is what the handler gave: see `response`.
    """

    __slots__ = (
        "timestamp", "began", "took", "broker", "api_class", "version", "client_id", "client", "principal", "request", "response_record", "outcome",
        "request_size", "response_size", "weight",
    )  # fmt: skip

    @property
    def api(self):
        """The name of the API, such as Fetch."""
        return self.api_class.name

    @property
    def duration_ms(self):
        """Until it was answered, None as long as it is not."""
        return None if self.took is None else self.took / _NANOS_PER_MS

    @property
    def response(self):
        """The answer as it was decoded by the client, None where there is none (yet); records in it are not kept."""
        response = self.response_record
        if response is not None and any(isinstance(getattr(response, name), Built) for name in response.fields_in_order):
            out = []
            self.api_class.build_response(self.version)(response, out)
            response, _ = self.api_class.parse_response(self.version)(b"".join(out), 0)
        return response


class History:
    """The newest `most` requests to all brokers, in the order in which they came."""

    def __init__(self, most):
        self.most = most
        self.added = 0  # so many in all, those that have gone among them
        self._exchanges = deque()
        self._weight = 0

    def __iter__(self):
        return iter(list(self._exchanges))

    def __len__(self):
        return len(self._exchanges)

    def numbered(self):
        """(number, exchange) of each: the first that came is 1."""
        first = self.added - len(self._exchanges) + 1
        return list(enumerate(self._exchanges, first))

    def add(self, exchange):
        self.added += 1
        self._exchanges.append(exchange)
        if len(self._exchanges) > self.most:
            self._drop()

    def weigh(self, exchange, bytes_kept):
        """What is kept of it grows by so much; the oldest go where that is too much."""
        if exchange.weight is None:  # it has gone meanwhile
            return
        exchange.weight += bytes_kept
        self._weight += bytes_kept
        while self._weight > _MOST_BYTES and len(self._exchanges) > 1:
            self._drop()

    def _drop(self):
        oldest = self._exchanges.popleft()
        self._weight -= oldest.weight
        oldest.weight = None

    def clear(self):
        while self._exchanges:
            self._drop()


class Requests:
    """A layer which writes into a History. `nanos()` is a running clock; `broker_of(call)`: who was asked, where it is not always `broker_id`."""

    order = layers.REQUESTS

    def __init__(self, broker_id, history, nanos, broker_of=None):
        self._broker_id = broker_id
        self._broker_of = broker_of
        self._history = history
        self._nanos = nanos

    def wants(self, api, version):
        return True

    def wrap(self, route):
        handle, parse, build, api, version = route.handle, route.parse, route.build, route.api, route.version
        history, nanos, broker_id, broker_of = self._history, self._nanos, self._broker_id, self._broker_of
        strip_request, strip_response = _REQUESTS.get(api.key), _RESPONSES.get(api.key)
        # Between parsing and the handler, and between the handler and building, nobody else has a turn.
        size, last = 0, None

        def sized(buffer, position):
            nonlocal size
            request, end = parse(buffer, position)
            size = end - position
            return request, end

        def seen(request, call):
            nonlocal last
            exchange = Exchange()
            exchange.timestamp, exchange.began, exchange.took = call.now, nanos(), None
            exchange.broker, exchange.api_class, exchange.version = broker_id if broker_of is None else broker_of(call), api, version
            exchange.client_id, exchange.client = call.client_id, (call.client_host, call.client_port)
            exchange.principal = call.principal
            exchange.request, exchange.response_record, exchange.outcome = request, None, UNDER_WAY
            exchange.request_size, exchange.response_size, exchange.weight = size, 0, 0
            history.add(exchange)
            outcome, kept = CLOSED, size
            try:
                response = exchange.response_record = handle(request, call)
                outcome = UNANSWERED if response is None else ANSWERED
            finally:
                exchange.outcome, exchange.took = outcome, nanos() - exchange.began
                if strip_request is not None:
                    kept -= strip_request(request)
                history.weigh(exchange, kept)
            last = exchange
            return response

        def built(response, out):
            before = len(out)
            build(response, out)
            size = 0
            for piece in out[before:]:
                size += len(piece)
            exchange = last
            exchange.response_size = size
            history.weigh(exchange, size if strip_response is None else size - strip_response(response))

        route.parse, route.handle, route.build = parse and sized, seen, built


def _strip_produce(request):
    gone = 0
    for topic in request.topic_data:
        for data in topic.partition_data:
            if data.records is not None:
                size = len(data.records)
                gone += size
                data.records = Left(size)
    return gone


def _strip_fetch(response):
    gone = 0
    for topic in response.responses:
        for answer in topic.partitions:
            if answer.records:
                size = sum(map(len, answer.records)) if isinstance(answer.records, (list, tuple)) else len(answer.records)  # pieces, or as they came
                gone += size
                answer.records = Left(size)
    return gone


def _strip_secrets(record):
    gone = 0
    for name in record.fields_in_order:
        value = getattr(record, name)
        if not value:
            continue
        if name in FIELDS:
            gone += len(value)
            setattr(record, name, Left(len(value)))
        elif name == "value" and is_secret_config(record):
            record.value = BLANK
        elif isinstance(value, (list, tuple)) and isinstance(value[0], Record):
            gone += sum(map(_strip_secrets, value))
    return gone


_WITH_SECRETS = {
    api.key: _strip_secrets
    for api in (
        SaslAuthenticate, AlterUserScramCredentials, CreateDelegationToken, RenewDelegationToken, ExpireDelegationToken,
        DescribeDelegationToken, AlterConfigs, IncrementalAlterConfigs, CreateTopics,
    )
}  # fmt: skip
_REQUESTS = {Produce.key: _strip_produce, **_WITH_SECRETS}
_RESPONSES = {Fetch.key: _strip_fetch, ShareFetch.key: _strip_fetch, **_WITH_SECRETS}
