"""One run of a broker: what it has set a clock for, and what it has hooked into what all brokers share, ends with it."""

from contextlib import contextmanager


class Lifetime:
    """From a broker's start until it is stopped or killed. While it is `frozen` nothing of it happens; what falls due waits."""

    def __init__(self):
        self.over = self.frozen = False
        self._held = []  # (deadline, action) that fell due in the meantime
        self._hooks = []  # (list, what was appended to it)

    def clock(self, clock):
        """A view of `clock` whose deadlines are this broker's."""
        return _Clock(clock, self)

    @contextmanager
    def hooking(self, *lists):
        """What is appended to these lists of hooks in the meantime is taken back at the end."""
        lengths = [len(hooks) for hooks in lists]
        yield
        for hooks, length in zip(lists, lengths):
            self._hooks += [(hooks, hook) for hook in hooks[length:]]

    def due(self, deadline, action):
        if self.frozen:
            deadline.action = action  # it can still be cancelled
            self._held.append((deadline, action))
        elif not self.over:
            action()

    def freeze(self):
        self.frozen = True

    def thaw(self):
        self.frozen = False
        held, self._held = self._held, []
        for deadline, action in held:
            if deadline.action is action:
                deadline.action = None
                self.due(deadline, action)

    def end(self):
        self.over, self.frozen = True, False
        self._held.clear()
        for hooks, hook in self._hooks:
            hooks.remove(hook)
        self._hooks.clear()


class _Clock:
    def __init__(self, clock, lifetime):
        self.now, self.happened, self.spared = clock.now, clock.happened, clock.spared
        self._clock = clock
        self._lifetime = lifetime

    def at(self, when, action):
        return self._schedule(self._clock.at, when, action)

    def after(self, delay_ms, action):
        return self._schedule(self._clock.at, self.now() + delay_ms, action)

    def soon(self, action):
        return self._schedule(lambda _, due: self._clock.soon(due), None, action)

    def _schedule(self, at, when, action):
        lifetime = self._lifetime
        deadline = at(when, lambda: lifetime.due(deadline, action))
        return deadline
