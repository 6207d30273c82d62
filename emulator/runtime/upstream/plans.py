"""What becomes of the requests of one API and version on their way through a proxy, and of their answers."""


class Plan:
    """Answers pass as they are, unless this says otherwise. `api`, `version`.

    `is_served`: the request is looked into, and answered as by a broker, by layers or here (see Routes.dispatcher);
    `concerns(frame, call)`: whether that is so of this request, which else passes by the plan `otherwise`; None: of each;
    `is_silent(view, position, end)`: whether this request gets no answer; raises IndexError or struct.error where more of it must come
    first; None where each gets one. `rewrite(frame)`: an answer's bytes, without its size, to those that go to the client, None for
    the same; `walk()`: a walk.Walk, for answers too large to be kept.
    """

    __slots__ = ("api", "version", "is_served", "concerns", "otherwise", "is_silent", "rewrite", "walk", "is_plain", "passes")

    def __init__(self, api, version, is_served=False, is_silent=None, rewrite=None, walk=None, concerns=None, otherwise=None):
        self.api = api
        self.version = version
        self.is_served = is_served
        self.concerns = concerns
        self.otherwise = otherwise
        self.is_silent = is_silent
        self.rewrite = rewrite
        self.walk = walk
        self.is_plain = not is_served and is_silent is None  # of its requests nothing but the head is looked at
        self.passes = rewrite is None and walk is None  # nor of its answers


class Asked:
    """In a plan's place: somebody here waits for the answer, which no client is to see."""

    passes, walk, rewrite = False, None, None

    def __init__(self, pending):
        self.pending = pending
