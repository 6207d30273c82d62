"""ApiVersions: what this broker serves, computed from the handlers that are registered."""

import re

from emulator.api.registry import handles
from wire import errors
from wire.apis.metadata import ApiVersions
from wire.apis.telemetry import GetTelemetrySubscriptions, PushTelemetry

# Kafka accepts a client's name and version by this rule (KIP-511; ApiVersionsRequest).
_SOFTWARE = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?")

_TELEMETRY = (GetTelemetrySubscriptions.key, PushTelemetry.key)


@handles(ApiVersions)
def api_versions(request, call, cluster, features, telemetry, served):
    if request is None:  # a version that we do not know
        return ApiVersions.reply(error_code=errors.UNSUPPORTED_VERSION, api_keys=[_range(served.handlers[ApiVersions.key])])
    if call.version >= 3:
        software = request.client_software_name, request.client_software_version
        if not all(map(_SOFTWARE.fullmatch, software)):
            return ApiVersions.reply(error_code=errors.INVALID_REQUEST)
        call.software = software
    apis, supported = served.lists(features, call.version >= 4, telemetry.enabled)
    return ApiVersions.reply(
        api_keys=apis,
        supported_features=supported,
        finalized_features_epoch=cluster.metadata_offset,
        finalized_features=[
            ApiVersions.Response.FinalizedFeatures(name=name, min_version_level=level, max_version_level=level)
            for name, level in features.finalized()
        ],
    )


class Served:
    """What a broker serves: `handlers`, {api key: Handler}, which stay as they are while it runs."""

    def __init__(self, handlers):
        self.handlers = handlers
        self._lists = {}

    def lists(self, features, with_zero, with_telemetry):
        """(APIs, supported features) of an answer."""
        found = self._lists.get((with_zero, with_telemetry))
        if found is None:
            Supported = ApiVersions.Response.SupportedFeatures
            supported = [
                Supported(name=name, min_version=lowest, max_version=highest)
                for name, (lowest, highest, _) in features.supported.items()
                if lowest > 0 or with_zero  # v4+: older clients choke on a lowest version of 0 (KAFKA-17011)
            ]
            hidden = () if with_telemetry else _TELEMETRY
            apis = [_range(self.handlers[key]) for key in sorted(self.handlers) if key not in hidden]
            found = self._lists[with_zero, with_telemetry] = apis, supported
        return found


def _range(handler):
    lowest, highest = handler.advertised
    return ApiVersions.Response.ApiKeys(api_key=handler.api.key, min_version=lowest, max_version=highest)
