"""`kafka-emulator mirror`: until a signal ends it, or with --once until all is copied. One line says how far it is."""

import logging
import sys
import time

import gevent

from emulator.apps.addresses import format_address, parse_address
from emulator.apps.errors import UsageError
from emulator.apps.mirror.cluster import Cluster
from emulator.apps.mirror.mirror import Mirror
from emulator.apps.mirror.names import Names, matcher
from emulator.apps.mirror.progress import Progress
from emulator.apps.serve import Ending
from emulator.runtime.clock import monotonic_clock
from emulator.runtime.upstream.dial import Dialer

_TIMEOUT_MS = 10_000  # for a connection
_LOOK_S = 0.05


def run(options):
    """Gives the exit status: 1 where a partition could not be copied. Raises UsageError."""
    logging.basicConfig(level=options.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    names = Names(options.topics, options.prefix)
    patience = monotonic_clock()
    source, target = (
        Cluster(what, _addresses(text, what), Dialer(patience, _TIMEOUT_MS)) for what, text in (("--from", options.source), ("--to", options.target))
    )
    takes_group = options.groups and matcher(options.groups, "--groups")
    mirror = Mirror(source, target, names, _number(options.queue, "--queue") * 1024 * 1024, _number(options.refresh, "--refresh"), takes_group)
    ending = Ending()
    mirror.start()
    print(f"from={_shown(options.source)} ({source.cluster_id})\nto={_shown(options.target)} ({target.cluster_id})", flush=True)
    progress = Progress(sys.stderr, time.monotonic)
    waiting = gevent.spawn(ending.wait)
    while not waiting.ready() and not (options.once and mirror.is_done):
        progress(mirror)
        waiting.join(_LOOK_S)
    mirror.end()
    progress(mirror, is_last=True)
    failed = mirror.refused or any(one.failed for one in mirror.partitions.values())
    return 1 if failed else waiting.value if waiting.ready() else 0


def _addresses(text, option):
    if not text:
        raise UsageError(f"mirror needs {option} HOST:PORT, a broker of the cluster")
    found = [parse_address(one.strip(), option) for one in text.split(",")]
    for host, port in found:
        if not host or not port:
            raise UsageError(f"{option} {text}: expected HOST:PORT of a broker")
    return found


def _shown(text):
    return ",".join(format_address(*parse_address(one.strip(), "")) for one in text.split(","))


def _number(text, option):
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 1_000_000):
        raise UsageError(f"{option} {text}: expected a number, one or more")
    return int(text)
