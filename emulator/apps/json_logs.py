"""A log as JSON: an object a line."""

import json
import logging
from datetime import datetime, timezone

from emulator.apps.logs import OURS


class JsonFormatter(logging.Formatter):
    """`template` is the message before anything was put into it: the same for all of a kind."""

    def format(self, record):
        moment = datetime.fromtimestamp(record.created, timezone.utc)
        told = {
            "timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.args and record.name != OURS:
            told["template"] = str(record.msg)
        if record.exc_info and record.exc_info[0] is not None:
            told["error"] = record.exc_info[0].__name__
            told["traceback"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False, default=str)
