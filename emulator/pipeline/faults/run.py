"""What faults do to one request: before its handler runs, around it, and to its answer."""

from copy import copy

from emulator.pipeline.faults import sending
from emulator.pipeline.faults.elections import leave_out_the_needless, name_all
from emulator.pipeline.faults.fetching import FETCHES, refuse_fetch, spoil
from emulator.pipeline.answers.kafkas import repeated
from emulator.pipeline.answers.readable import readable
from emulator.pipeline.answers.refusing import Refusal, is_all, put_back, refuse_found, refuse_whole, take_out
from emulator.pipeline.answers.shapes import reads, shape_of
from wire import errors
from wire.apis.data import Produce
from wire.apis.metadata import Metadata
from wire.apis.sasl import SaslAuthenticate, SaslHandshake
from wire.apis.topics import ElectLeaders
from wire.apis.transactions import AddPartitionsToTxn


class Run:
    """run(request, call, plan): the answer of a route under a Plan, or None where there is none to be given."""

    def __init__(self, route, known, handlers_refuse):
        self._route = route
        self._api, self._version = route.api, route.version
        self._handle = route.handle
        self._build = route.build
        self._known = known
        self._handlers_refuse = handlers_refuse
        self._levels = shape_of(route.api, route.version).levels

    def __call__(self, request, call, plan):
        _wait(call, plan.next_delay())
        _end(call, plan, "before")
        error = plan.first("error")
        if error is None:
            response = self._skewed(request, call, plan)
        else:
            response = refuse_whole(self._api, self._version, self._levels, error, request, self._known)
            if self._api in _LOG_INS and call.exchange is not None:
                call.exchange.fail()  # Kafka hangs up on whoever it has refused
                call.after_failure()
        _wait(call, plan.next_delay())
        if response is not None and plan.spoiling:
            spoil(self._api, request, call, plan, response)
        _end(call, plan, "after")
        _wait(call, sum(fault.jittered(fault.delay_answer) for fault in plan.struck if fault.delay_answer))
        return self._answer(call, plan, response)

    def _skewed(self, request, call, plan):
        skew = sum(fault.clock_skew for fault in plan.struck)
        if not skew:
            return self._refused(request, call, plan)
        time, call.time = call.time, _Skewed(call.time, skew)
        try:
            return self._refused(request, call, plan)
        finally:
            call.time = time

    def _refused(self, request, call, plan):
        """The answer to what is not refused, with the errors of what is."""
        if not plan.refusing:
            return self._handle(request, call)
        if self._api in FETCHES:
            return refuse_fetch(self._api, request, call, plan, self._handle, self._handlers_refuse, self._known)
        rest = name_all(request, self._known) if self._api is ElectLeaders else request
        refused = []
        named = rest is not request
        for level in plan.levels:
            if level.is_main:
                rest, asked = self._take_out(rest, level, plan.refuser(level))
                if asked is not None:
                    refused.append((level, asked))
        _wait(call, plan.next_delay())
        if any(is_all(asked) for _, asked in refused):
            response = self._without_handler(rest, call)
        else:
            response = self._handle(rest, call)
        if response is None:
            if refused:  # as Kafka does where nobody expects an answer
                call.close(f"{plan.struck[0].name}: a produce request with acks=0 was refused")
            return None
        response = readable(self._api, self._version, response)
        for level in plan.levels:
            if reads(self._api) or not level.is_main:
                refuse_found(self._api, response, level, plan.refuser(level), self._known)
        for level, asked in reversed(refused):
            put_back(self._api, response, level, asked, self._known)
        if named:
            leave_out_the_needless(response)
        return response

    def _take_out(self, request, level, choose):
        rest, asked = take_out(request, level, choose)
        if asked is None or self._api is not AddPartitionsToTxn:
            return rest, asked
        # A transaction takes all of them or none.
        hit = {one.item.transactional_id for one in asked if one.node.kind == "transaction" and one.is_refused}

        def choose_all(named):
            if "transaction" in named and named["transaction"]["transactional_id"] not in hit:
                return None
            return choose(named) or _NOT_ATTEMPTED

        return take_out(request, level, choose_all)

    def _without_handler(self, rest, call):
        """The answer where nothing is left of what was asked."""
        if self._api is Produce and rest.acks == 0:
            return None
        if self._api is not Metadata:
            return self._api.reply(**repeated(self._api, self._version, rest))
        response = copy(self._handle(rest, call))  # which brokers there are is asked in any case
        response.topics = []
        return response

    def _answer(self, call, plan, response):
        throttle_ms = max((fault.throttle for fault in plan.struck), default=0)
        if throttle_ms:
            call.muted_until = max(call.muted_until, call.patience.now() + throttle_ms)
        if response is None:
            return None
        if throttle_ms > getattr(response, "throttle_time_ms", throttle_ms):
            response.throttle_time_ms = throttle_ms
        for fault in plan.struck:
            if fault.bandwidth:
                _wait(call, sending.time_on_the_line(fault, sending.size_of(response, self._build), call.patience.now()))
        fault = plan.first("torn") or plan.first("truncated") or plan.first("correlation_id")
        if fault is not None:
            sending.send_wrong(fault, self._api, self._version, response, call, self._build)
            return None
        if sending.is_old(self._api, response):
            sending.send_old(self._api, response, call)
            return None
        return response


_LOG_INS = SaslHandshake, SaslAuthenticate
_NOT_ATTEMPTED = Refusal(errors.OPERATION_NOT_ATTEMPTED, None)


class _Skewed:
    """A clock that is wrong by so many milliseconds."""

    def __init__(self, time, skew_ms):
        self._time = time
        self._skew = skew_ms

    def now(self):
        return self._time.now() + self._skew

    def __getattr__(self, name):
        return getattr(self._time, name)


def _wait(call, ms):
    if ms:
        call.pending().wait(call.patience.now() + ms)


def _end(call, plan, moment):
    for fault in plan.struck:
        if fault.unreachable:
            call.reset(f"{fault.name} keeps it from this broker")
        if fault.drop == moment:
            call.close(f"{fault.name} drops the connection")
        if fault.hang == moment:
            call.swallow()
