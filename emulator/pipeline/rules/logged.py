"""A request and what came of it as one line, for a person to read."""

import logging
from copy import copy

from emulator.pipeline.narrate import errors_of, words
from emulator.pipeline.requests import Left
from emulator.pipeline.answers.readable import readable
from emulator.pipeline.secrets import FIELDS
from wire.record import Record

log = logging.getLogger("emulator.requests")
_NANOS_PER_MS = 1_000_000


def logging_lines(nanos):
    """around(handle, api, version) of a rule that logs; `nanos()` is a running clock."""

    def around(handle, api, version):
        def answer(request, call):
            asked, began = words(shown(request)), nanos()
            outcome = "connection closed"
            try:
                response = handle(request, call)
                if response is None:
                    outcome = "without an answer"
                else:
                    outcome = _outcome(api, version, response)
                return response
            finally:
                took = (nanos() - began) / _NANOS_PER_MS
                log.info("%s %s:%s %s v%s %s -> %s (%.1f ms)", call.client_id or "-", call.client_host, call.client_port, api.name, version,
                         asked or "-", outcome, took)

        return answer

    return around


class _Answered:
    """What errors_of asks of an exchange."""

    def __init__(self, response):
        self.response = response


def _outcome(api, version, response):
    response = shown(readable(api, version, response))
    found = errors_of(_Answered(response))
    return f"!! {', '.join(found)}" if found else words(response) or "done"


def shown(record):
    """A copy without records and secrets, of which only the sizes are told."""
    if record is getattr(type(record), "DEFAULT", None):
        return record  # shared, and nothing in it
    record = copy(record)
    for name in record.fields_in_order:
        value = getattr(record, name)
        if isinstance(value, Record):
            setattr(record, name, shown(value))
        elif name == "records" or name in FIELDS:
            if value is not None:
                pieces = value if isinstance(value, (list, tuple)) else (value,)
                setattr(record, name, Left(sum(map(len, pieces))))
        elif isinstance(value, (list, tuple)) and value and isinstance(value[0], Record):
            setattr(record, name, [shown(one) for one in value])
    return record
