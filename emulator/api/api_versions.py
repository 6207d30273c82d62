"""ApiVersions: what this broker serves, computed from the handlers that are registered."""

import re
from functools import cache

from emulator.api.registry import HANDLERS, handles
from emulator.state.features import SUPPORTED
from wire import errors
from wire.apis.metadata import ApiVersions
from wire.apis.telemetry import GetTelemetrySubscriptions, PushTelemetry

# Kafka accepts a client's name and version by this rule (KIP-511; ApiVersionsRequest).
_SOFTWARE = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?")

_TELEMETRY = (GetTelemetrySubscriptions.key, PushTelemetry.key)


@handles(ApiVersions)
def api_versions(request, call, cluster, features, telemetry):
    if request is None:  # a version that we do not know
        own = HANDLERS[ApiVersions.key]
        return ApiVersions.reply(error_code=errors.UNSUPPORTED_VERSION, api_keys=[_range(own)])
    if call.version >= 3:
        software = request.client_software_name, request.client_software_version
        if not all(map(_SOFTWARE.fullmatch, software)):
            return ApiVersions.reply(error_code=errors.INVALID_REQUEST)
        call.software = software
    served, supported = _lists(call.version >= 4, telemetry.enabled)
    return ApiVersions.reply(
        api_keys=served,
        supported_features=supported,
        finalized_features_epoch=cluster.metadata_offset,
        finalized_features=[
            ApiVersions.Response.FinalizedFeatures(name=name, min_version_level=level, max_version_level=level)
            for name, level in features.finalized()
        ],
    )


@cache
def _lists(with_zero, with_telemetry):
    """(APIs, supported features), which stay as they are while a server runs."""
    Supported = ApiVersions.Response.SupportedFeatures
    supported = [
        Supported(name=name, min_version=lowest, max_version=highest)
        for name, (lowest, highest, _) in SUPPORTED.items()
        if lowest > 0 or with_zero  # v4+: older clients choke on a lowest version of 0 (KAFKA-17011)
    ]
    hidden = () if with_telemetry else _TELEMETRY
    return [_range(HANDLERS[key]) for key in sorted(HANDLERS) if key not in hidden], supported


def _range(handler):
    lowest, highest = handler.advertised
    return ApiVersions.Response.ApiKeys(api_key=handler.api.key, min_version=lowest, max_version=highest)
