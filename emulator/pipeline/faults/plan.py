"""What becomes of one request: which faults it meets, decided once for each."""

from wire.apis.data import Fetch


class Plan:
    """The faults that have struck a request, `struck`, in the order in which they did.

    `refusing`: [(Fault, Level)] that refuse some of what is asked, and `spoiling`, which make wrong what is brought: these strike
    when the first of it is found.
    """

    def __init__(self, struck, refusing, spoiling, known):
        self.struck = struck
        self.refusing = refusing
        self.spoiling = spoiling
        self._known = known
        self._met = {}  # {Fault: whether it happens to this request}
        self._waited_for = set()

    @property
    def levels(self):
        return list({level.name: level for _, level in self.refusing}.values())

    def refuser(self, level):
        """choose(named): the Fault that refuses what is called so at `level`, or None."""
        faults = [fault for fault, one in self.refusing if one is level]
        return lambda named: next(iter(self._meeting(faults, named)), None)

    def spoilers(self, named):
        """The faults that make wrong what is called so."""
        return self._meeting(self.spoiling, named, every=True)

    def _meeting(self, faults, named, every=False):
        """Those of `faults` that happen to what is called so: the first, or `every` one. All that are about it know of the request."""
        about = [fault for fault in faults if is_about(fault, named, self._known)]
        for fault in about:
            if fault not in self._met:
                self._met[fault] = fault.meets()
        happens = [fault for fault in about if self._met[fault]]
        happens = happens if every else happens[:1]
        for fault in happens:
            if fault not in self.struck:
                fault.hits += 1
                self.struck.append(fault)
        return happens

    def first(self, word):
        """The first fault that says this, or None."""
        return next((fault for fault in self.struck if getattr(fault, word)), None)

    def next_delay(self):
        """Milliseconds to wait for the faults that have struck since this was last asked."""
        new = [fault for fault in self.struck if fault.delay and fault not in self._waited_for]
        self._waited_for.update(new)
        return sum(fault.jittered(fault.delay) for fault in new)


def is_about(fault, named, known):
    """Whether `named`, {kind: what a thing is called}, is what the fault is about, as far as that says."""
    return all(_matches(kind, condition, named[kind], known) for kind, condition in fault.items.items() if kind in named)


def _matches(kind, condition, called, known):
    for value in called.values():
        if kind == "topic" and isinstance(value, bytes):
            value = known.topic_name(value)
        elif kind != "partition" and not isinstance(value, str):
            continue
        if condition.matches(value):
            return True
    return False


def fits_scalars(fault, request, shape):
    """Whether what a request names at its top is what the fault is about, as far as that says."""
    return all(
        condition.matches(getattr(request, shape.scalars[kind])) for kind, condition in fault.items.items() if kind in shape.scalars
    )


def asks_about(fault, request, shape, known):
    """Whether a request asks for something that the fault is about."""
    if not fits_scalars(fault, request, shape):
        return False
    wanted = {kind: condition for kind, condition in fault.items.items() if kind not in shape.scalars}
    if not wanted or any(_lists(request, node, wanted, {}, known) for node in shape.items):
        return True
    if isinstance(request, Fetch.Request):
        for topic, topic_id, partition in known.in_session(request.session_id):
            if is_about(fault, in_fetch(topic, topic_id, partition), known):
                return True
    return False


def in_fetch(topic, topic_id, partition):
    return {"topic": {"topic": topic, "topic_id": topic_id}, "partition": {"partition": partition}}


def _lists(parent, node, wanted, named, known):
    """Whether the list at `node`, or one inside it, has a thing in which all that is wanted comes together."""
    for item in getattr(parent, node.field) or ():
        here = {**named, node.kind: node.identify(item)}
        if node.kind in wanted and not _matches(node.kind, wanted[node.kind], here[node.kind], known):
            continue
        if wanted.keys() <= here.keys() or any(_lists(item, child, wanted, here, known) for child in node.children):
            return True
    return False
