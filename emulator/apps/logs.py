"""What a server logs to stderr: lines for readers, or a JSON object a line for programs."""

import logging
import sys

OURS = "kafka-emulator"  # the program itself speaks, not a part of it


def set_up(level, form, text="%(asctime)s %(levelname)s %(name)s: %(message)s"):
    """From now on what is logged, from `level` on, goes to stderr; `text`: how a line is made of it."""
    handler = logging.StreamHandler(sys.stderr)
    if form == "json":
        from gevent import get_hub

        from emulator.apps.json_logs import JsonFormatter  # a start is timed

        handler.setFormatter(JsonFormatter())
        get_hub().print_exception = _failed
    else:
        handler.setFormatter(_Text(text))
    logging.basicConfig(level=level.upper(), handlers=[handler])


def _failed(context, kind, error, traceback):
    """gevent's hook for greenlets and callbacks that fail."""
    logging.getLogger(OURS).error("%s failed", context, exc_info=(kind, error, traceback))


def warn(text):
    """The program itself warns."""
    logging.getLogger(OURS).warning("%s", text)


class AsLog:
    """A stream: each line that is written to it is logged."""

    def __init__(self):
        self._rest = ""

    def isatty(self):
        return False

    def write(self, text):
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if line.strip():
                logging.getLogger(OURS).info("%s", line)

    def flush(self):
        pass


class _Text(logging.Formatter):
    """A line each, whatever clients' names hold: what begins a line or moves a terminal's cursor is written as Python writes it."""

    def format(self, record):
        if record.name == OURS:
            return f"{OURS}: {record.levelname.lower()}: {_on_a_line(record.getMessage())}"
        return super().format(record)

    def formatMessage(self, record):
        record.message = _on_a_line(record.message)
        return super().formatMessage(record)


def _on_a_line(text):
    return text if text.isprintable() else "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
