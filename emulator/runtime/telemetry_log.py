"""What clients push is told to the log, a line for each push."""

import logging

from emulator.state.otlp import metric_names

log = logging.getLogger("emulator.telemetry")

_SHOWN = 5


def report_telemetry(push):
    """Who pushed, how much, and the names of the first metrics."""
    try:
        names = list(dict.fromkeys(metric_names(push.metrics)))
    except ValueError as error:
        what = f"what is not OTLP: {error}"
    else:
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        what = f"{', '.join(names[:_SHOWN]) or 'no metric'}{more}"
    log.info(
        "%s (client id %r, %s %s) pushed %d bytes%s: %s",
        push.client_instance_id, push.client_id, push.software_name, push.software_version, len(push.metrics),
        ", its last" if push.terminating else "", what,
    )  # fmt: skip
