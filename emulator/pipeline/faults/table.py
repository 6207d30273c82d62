"""All faults of a cluster, in the order in which they were added."""

from emulator.pipeline.faults.fault import Fault
from emulator.pipeline.faults.language import parse
from emulator.pipeline.words import WordError, refuse_unknown
from wire.apis import BY_KEY

_MOST = 1000


class Faults:
    """`time`: the clock of `since` and `until`; `make_random(seed)`: chance that a text fixes; `seed`: of all that have none of their own.

    `brokers`: the ids that there are, None where that is not known; `apis`: those that are served.
    `on_change`: called with nothing when requests must be looked at in another way, `on_add` with a Fault that is new.
    """

    def __init__(self, time, make_random, seed, brokers=None, apis=None):
        self.time = time
        self.on_change, self.on_add = [], []
        self._make_random = make_random
        self._seed = seed
        self._brokers = brokers
        self._apis = sorted(apis or BY_KEY.values(), key=lambda api: api.key)
        self._faults = {}
        self._added = 0

    def __iter__(self):
        return iter(self._faults.values())

    def __len__(self):
        return len(self._faults)

    def add(self, spec):
        """The Fault that `spec`, {word: value}, describes, which may happen from now on. Raises WordError."""
        if len(self._faults) >= _MOST:
            raise WordError(f"there are {_MOST} faults already")
        values = parse(spec, self._apis, self._brokers)
        name = values.pop("name", None) or f"fault-{self._added + 1}"
        if name in self._faults:
            raise WordError(f"name {name}: there is a fault of this name already")
        seed = values["seed"] if "seed" in values else f"{self._seed} {name}"
        fault = Fault(name, _plain(spec), values, self.time.now(), self._make_random(f"fault {seed}"))
        if fault.since is not None and fault.until is not None and fault.since >= fault.until:
            raise WordError("until: it would be over before it has begun")
        if fault.sequel is not None:
            fault.waits_for = self.get(fault.sequel[0])
        self._added += 1
        self._faults[name] = fault
        self._changed()
        for added in self.on_add:
            added(fault)
        return fault

    def get(self, name):
        """Raises WordError."""
        found = self._faults.get(name)
        if found is None:
            if not self._faults:
                raise WordError(f"no fault {name}: there are none")
            refuse_unknown("fault", name, list(self._faults))
        return found

    def remove(self, name):
        """It never happens again; what it makes wait goes on waiting. Raises WordError."""
        found = self.get(name)
        del self._faults[name]
        self._changed()
        return found

    def clear(self):
        """Remove all; gives how many."""
        count = len(self._faults)
        self._faults.clear()
        self._changed()
        return count

    def spent(self, struck):
        """Some have happened: one that never will again is in nobody's way from now on."""
        if any(fault.is_spent for fault in struck):
            self._changed()

    def _changed(self):
        for changed in self.on_change:
            changed()


def _plain(spec):
    """A description as JSON can have it."""
    return {word: value if isinstance(value, (str, int, float, bool)) else _text(value) for word, value in spec.items() if value is not None}


def _text(value):
    return [_text(one) for one in value] if isinstance(value, (list, tuple, set, frozenset)) else str(value)
