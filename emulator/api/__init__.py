"""A decoded request and the state that it names, to a response record. Importing this fills HANDLERS."""

from emulator.api import (  # noqa: F401
    acls, api_versions, configs, consumer_groups, data, delegation_tokens, groups, log_dirs, metadata, quorum, quotas, replicas, sasl,
    share_groups, streams_groups, telemetry, topics, transactions,
)
from emulator.api.registry import HANDLERS

__all__ = ["HANDLERS"]
