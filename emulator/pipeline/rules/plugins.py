"""A function of the user's around requests: it sees one decoded and may change, answer, delay or refuse it.

    def watch(asked):
        if asked.api == "CreateTopics" and asked.client_id == "intern":
            asked.refuse("interns make no topics")
        asked.delay(20)
        answer = asked.go_on()          # what the broker says, which may be changed, too
        return answer                   # or another; nothing: the request goes on as it is by now
"""

from emulator.pipeline.answers.readable import readable


class Asked:
    """A request. `api` is its name, `version` its version, `request` its fields; `client_id`, `client_host` and `listener` say whose."""

    def __init__(self, handle, api, version, request, call):
        self.request = request
        self._handle, self._api, self._call = handle, api, call
        self.version = version
        self.has_gone_on = False
        self.answer = None

    @property
    def api(self):
        return self._api.name

    @property
    def client_id(self):
        return self._call.client_id

    @property
    def client_host(self):
        return self._call.client_host

    @property
    def listener(self):
        return self._call.listener

    def reply(self, **fields):
        """An answer of these fields, all others at Kafka's defaults; its structures are classes of it, such as Topics of Metadata's."""
        return self._api.reply(**fields)

    def go_on(self):
        """The answer to `request`; None where none is expected."""
        if not self.has_gone_on:
            self.has_gone_on = True
            response = self._handle(self.request, self._call)
            self.answer = None if response is None else readable(self._api, self.version, response)
        return self.answer

    def delay(self, milliseconds):
        """Wait, while others are served."""
        call = self._call
        call.pending().wait(call.patience.now() + milliseconds)

    def refuse(self, reason):
        """Close the connection; `reason` stands in the log."""
        self._call.close(reason)


def calling(function):
    """around(handle, api, version) of a rule that asks `function(asked)`; what that raises ends the connection, and is logged."""

    def around(handle, api, version):
        def answer(request, call):
            asked = Asked(handle, api, version, request, call)
            told = function(asked)
            if told is None:
                return asked.go_on()
            if not isinstance(told, api.Response):
                raise TypeError(f"{getattr(function, '__qualname__', function)} answered {api.name} with {type(told).__qualname__}; expected asked.reply(...), or None")
            return told

        return answer

    return around
