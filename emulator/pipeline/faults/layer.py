"""Faults around the requests of one broker.

A request meets the faults whose conditions it fulfils, in the order in which they were added. It waits for the delays of all, ends
in the way of the first that says how, and of its partitions, groups ... each is refused by the first that is about it.
"""

from emulator.pipeline import layers
from emulator.pipeline.faults.fetching import without_session
from emulator.pipeline.faults.levels import level_of
from emulator.pipeline.faults.plan import Plan, asks_about, fits_scalars
from emulator.pipeline.faults.run import Run
from emulator.pipeline.answers.shapes import KINDS, TOP, shape_of
from wire.apis.data import Fetch


class FaultLayer:
    """A layer around the requests of the broker `broker_id`; where that differs from client to client, `broker_of(call)` gives it.

    `known`: topic_name(topic_id) and topic_id(name), None where it does not know; partitions(), {topic: how many}, or None; and
    in_session(session_id), (topic, topic id, partition) of each that a fetch session is about.
    `handlers_refuse`: the handlers of Fetch and ShareFetch ask `call.refused(topic, topic_id, partition)` for an error code
    by themselves, as a session knows more than each request says; else sessions are done without. Of a call (Call of
    runtime/connection.py) are used: client_id, principal, client_host, correlation_id, time, patience, muted_until, out, refused, pending(),
    close(reason), reset(reason), swallow().
    """

    order = layers.FAULTS

    def __init__(self, faults, broker_id, known, handlers_refuse=True, broker_of=None):
        self._faults = faults
        self._broker_id = broker_id
        self._broker_of = broker_of
        self._known = known
        self._handlers_refuse = handlers_refuse

    def wants(self, api, version):
        return bool(self._mutes() or self._counting(api) or self._concerned(api, version))

    def _mutes(self):
        return any(fault.throttle for fault in self._faults)

    def _counting(self, api):
        return [fault for fault in self._faults if fault.counted is not None and fault.counted[0] is api]

    def _concerned(self, api, version):
        """[(Fault, Level or None)] of those that may happen to such requests."""
        shape, found = shape_of(api, version), []
        for fault in self._faults:
            if not fault.concerns(api, version) or self._broker_of is None and not fault.is_at(self._broker_id):
                continue
            conditions = [kind for kind in KINDS if kind in fault.items]
            if fault.error:
                level = level_of(shape, fault.error, fault.level, conditions)
                if level is not None:
                    found.append((fault, level))
            elif all(kind in shape.kinds for kind in conditions):
                found.append((fault, None))
        return found

    def wrap(self, route):
        handle, run = route.handle, Run(route, self._known, self._handlers_refuse)
        met, mutes, counting = self._meeting(route), self._mutes(), self._counting(route.api)
        spent = self._faults.spent

        def faulted(request, call):
            for fault in counting:
                fault.others += 1
            if mutes and call.muted_until > call.patience.now():
                call.pending().wait(call.muted_until)
            plan = met(request, call)
            if plan is None:
                return handle(request, call)
            try:
                return run(request, call, plan)
            finally:
                spent(plan.struck)

        # What a session is about is known here only where the handlers tell.
        asks_all = route.api is Fetch and not self._handlers_refuse and any(fault.items or level and level.path for fault, level in self._concerned(Fetch, route.version))
        route.handle = without_session(faulted) if asks_all else faulted

    def _meeting(self, route):
        """met(request, call): the Plan of a request, None where it meets no fault."""
        concerned, shape = self._concerned(route.api, route.version), shape_of(route.api, route.version)
        time, known, broker_of = self._faults.time, self._known, self._broker_of

        def met(request, call):
            now, ended, struck, refusing, spoiling = time.now(), False, [], [], []
            for fault, level in concerned:
                if not fault.is_due(now) or not fault.is_of(call) or broker_of is not None and not fault.is_at(broker_of(call)):
                    continue
                if fault.spoils:
                    spoiling.append(fault)
                elif level is not None and level.name != TOP:
                    if fits_scalars(fault, request, shape):
                        refusing.append((fault, level))
                elif asks_about(fault, request, shape, known) and fault.meets() and not (ended and fault.ends):
                    fault.hits += 1
                    struck.append(fault)
                    ended |= fault.ends
            return Plan(struck, refusing, spoiling, known) if struck or refusing or spoiling else None

        return met
