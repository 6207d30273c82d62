"""From a broker to its client: answers come in the order of the requests, and pass as bytes unless an address in them changes."""

from struct import Struct

from emulator.runtime.upstream.flow import Flow
from emulator.runtime.upstream.plans import Asked

_HEAD = Struct(">ii")  # size, correlation id
_SIZE = Struct(">i")
_LARGEST = 256 * 1024 * 1024  # bytes of an answer that is kept whole
_LONGEST_STEP = 1024 * 1024  # bytes of an answer that passes, between two places where that may stop


class BadAnswer(Exception):
    """What came from the broker is no answer to what was asked."""


class Answers(Flow):
    __slots__ = ("_rest", "_gathered", "_missing", "_plan", "_walk", "_left")

    def __init__(self, pair, source, sink, buffer, pipes):
        super().__init__(pair, source, sink, buffer, pipes)
        self._rest = b""  # what came and cannot be told yet
        self._gathered = None  # a bytearray of an answer that is needed whole, while it comes,
        self._missing = 0  # what it lacks,
        self._plan = None  # and what is to become of it
        self._walk = None  # through an answer that passes as far as it has been walked,
        self._left = 0  # and what has not been

    @property
    def is_between(self):
        """Whether no answer is under way."""
        return not self.passing and self._gathered is None and self._walk is None and not self._rest

    def take(self, view):
        if self._rest:
            view = self._rest + view
            self._rest = b""
        position = begun = 0  # `begun`: where what passes, and has not been put yet, begins
        end = len(view)
        pair = self.pair
        in_flight = pair.in_flight
        while position < end:
            if self.passing:
                step = min(self.passing, end - position)
                self.passing -= step
                position += step
            elif self._walk is not None:
                here = position
                position = self._walk_on(view, position, end)
                if self._walk is None and self._left:  # its end was changed
                    begun, position = self._change_tail(view, begun, position)
                elif position == here:
                    break
            elif self._gathered is not None:
                step = min(self._missing, end - position)
                self._gathered += view[position : position + step]
                self._missing -= step
                begun = position = position + step
                if not self._missing:
                    frame, self._gathered = self._gathered, None
                    self._whole(self._plan, frame, frame)
            elif end - position < 8:
                break
            else:
                size, correlation_id = _HEAD.unpack_from(view, position)
                if size < 4:
                    raise BadAnswer(f"an answer of {size} bytes")
                if not in_flight:
                    raise BadAnswer("an answer to nothing that was asked")
                plan, expected = in_flight.popleft()
                if correlation_id != expected:
                    raise BadAnswer(f"an answer to request {correlation_id} instead of {expected}")
                after = position + 4 + size
                if plan.passes:
                    if after > end:
                        self.passing = after - end
                        position = end
                    else:
                        position = after
                elif plan.walk is not None:
                    self._walk, self._left = plan.walk(), size
                    position += 4
                elif size > _LARGEST:
                    raise BadAnswer(f"an answer of {size} bytes to {plan.api.name}")
                else:
                    if position > begun:
                        self.put(view[begun:position])
                    if after <= end:
                        self._whole(plan, view[position + 4 : after], view[position:after])
                        begun = position = after
                    else:
                        self._plan, self._gathered = plan, bytearray(view[position + 4 :])
                        self._missing = after - end
                        begun = position = end
        if position > begun:
            self.put(view[begun:position] if begun or position < end else view)
        if position < end:
            self._rest = bytes(view[position:])
        pair.answered()

    def _whole(self, plan, frame, framed):
        """An answer that is there, and as it came, if that is one piece."""
        if type(plan) is Asked:
            plan.pending.resolve(bytes(frame))
            return
        pieces = plan.rewrite(frame)
        if pieces is not None:
            self.put(b"".join((_SIZE.pack(sum(map(len, pieces))), *pieces)))
        elif framed is frame:
            self.put(_SIZE.pack(len(frame)) + frame)
        else:
            self.put(framed)

    def _walk_on(self, view, position, end):
        """Where the walk is now; `_walk` is None once it is over, and `_left` not 0 where the end of the answer is another."""
        frame_end = position + self._left
        at = self._walk.advance(view[: min(end, frame_end)], position)
        if at > frame_end:
            raise BadAnswer("an answer to Fetch that runs past its frame")
        if at > end:
            self.passing = at - end
            self._left = frame_end - at
            return end
        if frame_end <= end:  # all of it is there
            if not self._walk.is_over:
                raise BadAnswer("an answer to Fetch that cannot be read")
            if self._walk.is_plain(view, at, frame_end):
                self._walk, self._left = None, 0
                return frame_end
            self._plan, self._walk, self._left = self._walk, None, frame_end - at
            return at
        if end - at > _LONGEST_STEP:
            raise BadAnswer("an answer to Fetch that cannot be read")
        self._left = frame_end - at
        return at

    def _change_tail(self, view, begun, position):
        after = position + self._left
        if position > begun:
            self.put(view[begun:position])
        self.put(self._plan.tail(bytes(view[position:after])))
        self._left = 0
        return after, after

    def ended(self):
        self.pair.broker_left()

    def drained(self):
        self.pair.answered()
