"""Rules around the requests of one broker: the first is the outermost, and sees what the client said as it said it."""

from emulator.pipeline import layers


class Rule:
    """`around(handle, api, version)` is what it does, None where that version is nothing to it.

    `apis`: a set of Api, `listener`, `client`: Patterns; None: for all.
    """

    def __init__(self, around, apis=None, listener=None, client=None):
        self._around = around
        self._apis = apis
        self._listener = listener
        self._client = client

    def wrap(self, handle, api, version):
        """`handle` with the rule around it, or as it is."""
        if self._apis is not None and api not in self._apis:
            return handle
        around = self._around(handle, api, version)
        if around is None:
            return handle
        listener, client = self._listener, self._client
        if listener is None and client is None:
            return around

        def chosen(request, call):
            concerned = (listener is None or listener.matches(call.listener)) and (client is None or client.matches(call.client_id or ""))
            return (around if concerned else handle)(request, call)

        return chosen


class RuleLayer:
    """A layer of what `parse_rules` gives."""

    order = layers.RULES

    def __init__(self, rules):
        self._rules = tuple(rules)

    def wants(self, api, version):
        return self._wrapped(_nothing, api, version) is not _nothing

    def wrap(self, route):
        handle = route.handle
        ruled = self._wrapped(handle, route.api, route.version)

        def answer(request, call):  # a version that cannot be read is none of theirs
            return handle(request, call) if request is None else ruled(request, call)

        route.handle = answer

    def _wrapped(self, handle, api, version):
        for rule in reversed(self._rules):
            handle = rule.wrap(handle, api, version)
        return handle


def _nothing(request, call):
    return None
