"""ApiVersions: what this broker serves, computed from the handlers that are registered."""

import re

from emulator.api.registry import handles
from wire import errors
from wire.apis.metadata import ApiVersions
from wire.apis.telemetry import GetTelemetrySubscriptions, PushTelemetry
from wire.record import Built

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
    apis, supported, finalized = served.lists(features, call.version, telemetry.enabled)
    return ApiVersions.reply(
        api_keys=apis, supported_features=supported, finalized_features_epoch=cluster.metadata_offset, finalized_features=finalized
    )


class Served:
    """What a broker serves: `handlers`, {api key: Handler}, which stay as they are while it runs."""

    def __init__(self, handlers):
        self.handlers = handlers
        self._lists = {}
        self._finalized = None

    def lists(self, features, version, with_telemetry):
        """(APIs, supported features, finalized features) of an answer: every client asks first, so the APIs are built but once."""
        if features.finalized is not self._finalized:
            self._lists, self._finalized = {}, features.finalized
        found = self._lists.get((version, with_telemetry))
        if found is None:
            Supported, Finalized = ApiVersions.Response.SupportedFeatures, ApiVersions.Response.FinalizedFeatures
            supported = [
                Supported(name=name, min_version=lowest, max_version=highest)
                for name, (lowest, highest, _) in features.supported.items()
                if lowest > 0 or version >= 4  # older clients choke on a lowest version of 0 (KAFKA-17011)
            ]
            finalized = [Finalized(name=name, min_version_level=level, max_version_level=level) for name, level in features.finalized]
            hidden = () if with_telemetry else _TELEMETRY
            build = ApiVersions.response.element_builder(version, "api_keys")
            apis = Built(build(_range(self.handlers[key])) for key in sorted(self.handlers) if key not in hidden)
            found = self._lists[version, with_telemetry] = apis, supported, finalized
        return found


def _range(handler):
    lowest, highest = handler.advertised
    return ApiVersions.Response.ApiKeys(api_key=handler.api.key, min_version=lowest, max_version=highest)
