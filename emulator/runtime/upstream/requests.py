"""From a client to its broker: frames are counted and told apart, and pass as the bytes that they came in."""

from struct import Struct, error as struct_error

from emulator.pipeline.dispatch import Refused
from emulator.runtime.upstream.flow import Flow

_HEAD = Struct(">iIi")  # size; key and version; correlation id
_KIND = Struct(">Ii")
_LEAST = 10  # bytes of a request: its head, and a null client id
_IN_FLIGHT = 512  # requests without an answer; then the client is not read until some have theirs


class Requests(Flow):
    """`pair.in_flight` learns of each request that is to be answered, in order."""

    __slots__ = ("_rest", "_gathered", "_missing")

    def __init__(self, pair, source, sink, buffer, pipes):
        super().__init__(pair, source, sink, buffer, pipes)
        self._rest = b""  # the beginning of a frame, too little to tell what it is
        self._gathered = None  # a bytearray of a frame that is looked into, while it comes,
        self._missing = 0  # and what it lacks

    def take(self, view):
        end = len(view)
        position = 0
        if self._gathered is not None:
            position = min(self._missing, end)
            self._gathered += view[:position]
            self._missing -= position
            if self._missing:
                return
            frame, self._gathered = self._gathered, None
            plan, correlation_id = self._told(frame)
            if self._is_served(plan, frame):
                self.pair.serve(frame, bytes(view[position:]))
                return
            self._pass_whole(plan.otherwise or plan, frame, correlation_id)
            if position == end:
                return
            view = view[position:]
            end -= position
            position = 0
        if self._rest:
            view = self._rest + view
            self._rest = b""
            end = len(view)
        elif self.passing:
            position = min(self.passing, end)
            self.passing -= position
        pair = self.pair
        plans, in_flight, largest = pair.routes.plans, pair.in_flight, pair.largest
        begun = 0  # where what passes begins
        while end - position >= 12:
            size, kind, correlation_id = _HEAD.unpack_from(view, position)
            if not _LEAST <= size <= largest:
                self._pass(view, begun, position)
                raise Refused(f"Invalid receive (size = {size}, largest {largest})")
            plan = plans.get(kind)
            if plan is None:
                try:
                    plan = pair.routes.plan(kind)
                except Refused:
                    self._pass(view, begun, position)
                    raise
            if not plan.is_plain:
                if plan.is_served:
                    after = position + 4 + size
                    if plan.concerns is None or after > end:
                        self._pass(view, begun, position)
                        self._look_into(view, position + 4, size)
                        return
                    try:
                        is_served = plan.concerns(view[position + 4 : after], pair.call)
                    except Refused:
                        self._pass(view, begun, position)
                        raise
                    if is_served:
                        self._pass(view, begun, position)
                        self._look_into(view, position + 4, size)
                        return
                    plan = plan.otherwise
                try:
                    is_silent = plan.is_silent is not None and plan.is_silent(view, position + 4, min(end, position + 4 + size))
                except (IndexError, ValueError, struct_error):
                    if end - position >= 4 + size:
                        self._pass(view, begun, position)
                        raise Refused(f"Malformed {plan.api.name} v{plan.version}") from None
                    break
                if not is_silent:
                    in_flight.append((plan, correlation_id))
            else:
                in_flight.append((plan, correlation_id))
            position += 4 + size
            if position > end:
                self.passing = position - end
                position = end
        self._pass(view, begun, position)
        if position < end:
            self._rest = bytes(view[position:])
        if len(in_flight) > _IN_FLIGHT:
            self.is_held = True
            self.pause()

    def _pass(self, view, begun, position):
        if position > begun:
            self.put(view[begun:position] if begun or position < len(view) else view)

    def _look_into(self, view, start, size):
        """The frame is needed whole; what comes after it waits until it is answered."""
        end = start + size
        if end <= len(view):
            self.pair.serve(bytes(view[start:end]), bytes(view[end:]))
        else:
            self._gathered = bytearray(view[start:])
            self._missing = end - len(view)

    def _told(self, frame):
        """(Plan, correlation id) of a frame that is whole."""
        kind, correlation_id = _KIND.unpack_from(frame)
        return self.pair.routes.plans.get(kind) or self.pair.routes.plan(kind), correlation_id

    def _is_served(self, plan, frame):
        return plan.is_served and (plan.concerns is None or plan.concerns(memoryview(frame), self.pair.call))

    def _pass_whole(self, plan, frame, correlation_id):
        if plan.is_silent is None or not plan.is_silent(memoryview(frame), 0, len(frame)):
            self.pair.in_flight.append((plan, correlation_id))
        self.put(len(frame).to_bytes(4, "big") + frame)

    def answered(self):
        """Some of what was in flight is not any more."""
        if self.is_held and not self.pair.is_serving and len(self.pair.in_flight) <= _IN_FLIGHT // 2:
            self.is_held = False
            self.read_on()

    def ended(self):
        self.pair.client_left()
