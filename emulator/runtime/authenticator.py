"""The authentication of a connection by SASL, before its first request and again while it lasts (SaslServerAuthenticator)."""

import secrets
from functools import partial

from emulator.api import HANDLERS
from emulator.api.registry import Handler
from emulator.api.sasl import OPENING, TOKENS
from emulator.pipeline.dispatch import Dispatcher, Refused
from emulator.pipeline.answers.refusing import refuse
from emulator.runtime.jwks import Jwks
from emulator.state.sasl.exchange import AUTHENTICATE, BAD_MECHANISM, COMPLETE, FAILED, Exchange, IllegalState
from emulator.state.sasl.mechanism import AuthenticationFailed
from emulator.state.sasl.mechanisms import mechanisms_of
from wire import errors
from wire.apis.data import Produce
from wire.apis.sasl import SaslHandshake

_SOONEST_MS = 1000  # after it has begun, it does not begin again (KafkaChannel)
_NONCE_BYTES = 16
_HANDSHAKE = SaslHandshake.key.to_bytes(2, "big")  # with which a request for it begins


class Sasl:
    """Of one listener, as its `configs` (ListenerConfigs) say; `opening`: {API key: Handler} of what may come before a token. Raises ConfigError."""

    def __init__(self, configs, services, opening=OPENING):
        # A nonce that the cluster's seed foretells would be no secret: the one choice here that is another each time.
        services = {**services, "nonce": partial(secrets.token_urlsafe, _NONCE_BYTES), "jwks": Jwks(services["patience"])}
        self.opening = Dispatcher(opening, services)
        others = {key: Handler(one.api, _out_of_turn(one.api), None, None) for key, one in HANDLERS.items()}
        self.tokens = Dispatcher({**others, **TOKENS}, services)
        self.dispatchers = self.opening, self.tokens
        self.mechanisms = mechanisms_of(configs, services)
        self.largest = configs.value("sasl.server.max.receive.size")
        self.delay_ms = configs.value("connection.failed.authentication.delay.ms")
        self._max_reauth_ms = {name: configs.of_mechanism(name, "connections.max.reauth.ms") for name in self.mechanisms}

    def max_reauth_ms(self, mechanism):
        return self._max_reauth_ms[mechanism]

    def begin(self, connection):
        Authenticator(self, connection).begin()


class Authenticator:
    """Of one connection: whatever comes is for the exchange while there is one."""

    def __init__(self, sasl, connection):
        self._sasl = sasl
        self._connection = connection
        self._served, self._largest = connection.answer, connection.largest
        self._exchange = None
        self._began = None
        connection.call.failure_delay_ms = sasl.delay_ms

    def begin(self):
        self._exchange = self._connection.call.exchange = Exchange(self._sasl.mechanisms, self._sasl.max_reauth_ms, self._exchange)
        self._connection.answer, self._connection.largest = self._answer, self._sasl.largest

    def _answer(self, buffer, position, end, call, out):
        """While there is an exchange."""
        exchange = self._exchange
        if exchange.state == BAD_MECHANISM:
            call.after_failure()
            raise Refused(f"{exchange.mechanism} is not the mechanism by which it was authenticated")
        if exchange.state != AUTHENTICATE:
            self._sasl.opening.answer(buffer, position, end, call, out)
        elif exchange.is_raw:
            _take_raw(exchange, bytes(buffer[position:end]), call, out)
        else:
            self._sasl.tokens.answer(buffer, position, end, call, out)
        if exchange.state == COMPLETE:
            call.principal, call.exchange = exchange.principal, None
            self._connection.answer = self._served if exchange.expires is None else self._answer_for_a_while
            self._connection.largest = self._largest
        elif exchange.state == FAILED:
            raise Refused("authentication failed")

    def _answer_for_a_while(self, buffer, position, end, call, out):
        """Until the session expires; who has one may begin again."""
        if buffer[position : position + 2] == _HANDSHAKE and self._may_begin_again(call.patience.now()):
            self.begin()
            return self._answer(buffer, position, end, call, out)
        if call.now > self._exchange.expires:
            raise Refused("its session has expired")
        self._served(buffer, position, end, call, out)

    def _may_begin_again(self, now):
        if self._began is not None and now - self._began < _SOONEST_MS:
            return False
        self._began = now
        return True


def _take_raw(exchange, token, call, out):
    try:
        told, _ = exchange.token(token, call.now)
    except AuthenticationFailed as failed:
        call.after_failure()
        raise Refused(f"authentication failed: {failed.message}") from None
    except IllegalState as illegal:
        raise Refused(str(illegal)) from None
    out += (len(told).to_bytes(4, "big"), told)


def _out_of_turn(api):
    """A handler of what comes in place of a token: Kafka says why it goes."""

    def refused(request, call):
        call.exchange.fail()
        if api is Produce and request.acks == 0:
            call.close("records that nobody is to hear of, instead of a token")
        call.after_failure()
        return refuse(api, call.version, request, errors.ILLEGAL_SASL_STATE, f"Unexpected Kafka request of type {_constant(api)} during SASL authentication.")

    return refused


def _constant(api):
    """DescribeTopicPartitions as DESCRIBE_TOPIC_PARTITIONS, as ApiKeys has it."""
    return "".join(f"_{letter}" if letter.isupper() and number else letter for number, letter in enumerate(api.name)).upper()
