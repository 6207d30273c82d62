"""What the control socket answers: a JSON object per method and path.

GET /status   version, pid, bootstrap, bound, seed, uptime_ms, topics, connections; without a data directory also
              memory_bytes (of records) and memory_max_bytes
GET /topics   topics: name, topic_id, partitions: partition, start_offset, end_offset (the high watermark), leader, leader_epoch,
              isr, replicas: broker, end_offset, lag (records that its log lacks)
GET /brokers  see control/brokers.py, as for POST /brokers/ID/kill and its like
GET /clock    see control/clock.py, as for POST /clock/advance; upkeep.py for POST /cleaner/run, /retention/run
POST /stop    ends the server once the answer is out
What a POST needs comes as a JSON object. An error is {"error": why} under its HTTP status.
"""

import json
import logging
import os
import time

from emulator import __version__
from emulator.apps.addresses import format_address
from emulator.apps.control import brokers, clock, upkeep
from emulator.apps.control.asked import body, read
from emulator.apps.errors import UsageError
from emulator.state.cluster.ids import uuid_text

log = logging.getLogger(__name__)


class ControlApi:
    """A WSGI application over one server that runs since `started` (time.monotonic()); `stop()` asks for its end."""

    def __init__(self, server, bootstrap, started, stop):
        self._server = server
        self._bootstrap = bootstrap
        self._stop = stop
        self._started = started
        self._routes = {
            "/status": {"GET": self.status},
            "/topics": {"GET": self.topics},
            "/stop": {"POST": self.stop},
            "/brokers": {"GET": lambda: brokers.show(server)},
            "/clock": {"GET": lambda: clock.show(server)},
            "/cleaner/run": {"POST": lambda asked: upkeep.run_cleaner(server, asked)},
            "/retention/run": {"POST": lambda asked: upkeep.run_retention(server, asked)},
            "/clock/advance": {"POST": lambda asked: clock.advance(server, asked)},
        }

    def __call__(self, environ, start_response):
        status, headers, answer = self._answer(environ)
        text = json.dumps(answer).encode() + b"\n"
        headers += [("Content-Type", "application/json"), ("Content-Length", str(len(text))), ("Connection", "close")]
        start_response(status, headers)
        return [text]

    def _answer(self, environ):
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        methods = self._routes.get(path) or self._of_broker(path)
        if methods is None:
            return "404 Not Found", [], {"error": f"no {path}; there are {', '.join(self._routes)}"}
        if method not in methods:
            return "405 Method Not Allowed", [("Allow", ", ".join(methods))], {"error": f"{path} takes {', '.join(methods)}"}
        try:
            return "200 OK", [], methods[method](body(environ)) if method == "POST" else methods[method]()
        except UsageError as error:
            return "400 Bad Request", [], {"error": str(error)}
        except Exception as error:
            log.exception("control: %s %s failed", method, path)
            return "500 Internal Server Error", [], {"error": f"{type(error).__name__}: {error}"}

    def _of_broker(self, path):
        """What may be asked at /brokers/ID/ACTION."""
        _, _, rest = path.partition("/brokers/")
        broker_id, _, action = rest.partition("/")
        if action not in brokers.ACTIONS:
            return None
        return {"POST": lambda asked: brokers.act(self._server, broker_id, action, asked)}

    def status(self):
        return {
            "version": __version__,
            "pid": os.getpid(),
            "bootstrap": self._bootstrap,
            "bound": [format_address(host, port) for _, host, port in self._server.bound],
            "seed": self._server.seed,
            "uptime_ms": int((time.monotonic() - self._started) * 1000),
            "brokers": len(self._server.brokers),
            "topics": len(self._server.cluster.topics),
            "connections": len(self._server.connections),
            **_memory(self._server.memory),
        }

    def topics(self):
        return {"topics": [_topic(topic) for topic in sorted(self._server.cluster.topics.values(), key=lambda t: t.name)]}

    def stop(self, asked):
        read(asked)
        self._stop()
        return {"stopping": True}


def _memory(memory):
    return {} if memory is None else {"memory_bytes": memory.used, "memory_max_bytes": memory.limit}


def _topic(topic):
    return {
        "name": topic.name,
        "topic_id": uuid_text(topic.topic_id),
        "partitions": [
            {
                "partition": one.index,
                "start_offset": one.log.log_start_offset,
                "end_offset": one.log.high_watermark,
                "leader": one.leader,
                "leader_epoch": one.leader_epoch,
                "isr": one.isr,
                "replicas": [
                    {"broker": broker, "end_offset": log.end_offset, "lag": max(one.log.end_offset - log.end_offset, 0)}
                    for broker, log in ((broker, one.logs[broker]) for broker in one.replicas)
                ],
            }
            for one in topic.partitions
        ],
    }
