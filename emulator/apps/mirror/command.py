"""`kafka-emulator mirror`: until a signal ends it, or with --once until all is copied. One line says how far it is."""

import logging
import sys
import time

import gevent

from emulator.apps.addresses import format_address
from emulator.apps.mirror.cluster import Cluster
from emulator.apps.mirror.mirror import Mirror
from emulator.apps.mirror.progress import Progress
from emulator.apps.mirror.settings import MirrorSettings
from emulator.apps.serve import Ending
from emulator.runtime.clock import monotonic_clock

_LOOK_S = 0.05


def run(options):
    """Gives the exit status: 1 where a partition could not be copied. Raises UsageError."""
    logging.basicConfig(level=options.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = MirrorSettings(options)
    patience = monotonic_clock()
    source, target = (Cluster(what, side.bootstrap, side.dialer(patience)) for what, side in zip(("--from", "--to"), settings.sides.values()))
    mirror = Mirror(source, target, settings.names, settings.queue_bytes, settings.refresh_s, settings.takes_group, settings.exactly_once)
    ending = Ending()
    mirror.start()
    shown = {name: _shown(side) for name, side in settings.sides.items()}
    print(f"from={shown['from']} ({source.cluster_id})\nto={shown['to']} ({target.cluster_id})", flush=True)
    progress = Progress(sys.stderr, time.monotonic)
    waiting = gevent.spawn(ending.wait)
    while not waiting.ready() and not mirror.why and not (options.once and (mirror.is_done or mirror.denied)):
        progress(mirror)
        waiting.join(_LOOK_S)
    mirror.end()
    progress(mirror, is_last=True)
    why = mirror.why or options.once and mirror.denied
    if why:
        print(f"kafka-emulator: error: {why}", file=sys.stderr)
    failed = why or mirror.refused or any(one.failed for one in mirror.partitions.values())
    return 1 if failed else waiting.value if waiting.ready() else 0


def _shown(side):
    return ",".join(format_address(*address) for address in side.bootstrap)
