"""ApiVersions: what this broker serves, computed from the handlers that are registered."""

import re
from functools import cache

from emulator.api.registry import HANDLERS, handles
from wire import errors
from wire.apis.metadata import ApiVersions

# Kafka accepts a client's name and version by this rule (KIP-511; ApiVersionsRequest).
_SOFTWARE = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?")

# Of a freshly formatted 4.3.1 node: feature -> (lowest supported, highest supported, finalized level).
# metadata.version counts releases: 7 is 3.3-IV3, 30 is 4.3-IV0.
_FEATURES = {
    "group.version": (0, 1, 1),
    "kraft.version": (0, 1, 0),
    "metadata.version": (7, 30, 30),
    "share.version": (0, 1, 1),
    "streams.version": (0, 1, 1),
    "transaction.version": (0, 2, 2),
    "eligible.leader.replicas.version": (0, 1, 1),
}


@handles(ApiVersions)
def api_versions(request, call, cluster):
    if request is None:  # a version that we do not know
        own = HANDLERS[ApiVersions.key]
        return ApiVersions.reply(error_code=errors.UNSUPPORTED_VERSION, api_keys=[_range(own)])
    if call.version >= 3 and not (
        _SOFTWARE.fullmatch(request.client_software_name) and _SOFTWARE.fullmatch(request.client_software_version)
    ):
        return ApiVersions.reply(error_code=errors.INVALID_REQUEST)
    served, supported, finalized = _lists(call.version >= 4)
    return ApiVersions.reply(
        api_keys=served,
        supported_features=supported,
        finalized_features_epoch=cluster.metadata_offset,
        finalized_features=finalized,
    )


@cache
def _lists(with_zero):
    """(APIs, supported features, finalized features); nothing of it changes while a server runs."""
    Response = ApiVersions.Response
    supported = [
        Response.SupportedFeatures(name=name, min_version=lowest, max_version=highest)
        for name, (lowest, highest, _) in _FEATURES.items()
        if lowest > 0 or with_zero  # v4+: older clients choke on a lowest version of 0 (KAFKA-17011)
    ]
    finalized = [
        Response.FinalizedFeatures(name=name, min_version_level=level, max_version_level=level)
        for name, (_, _, level) in _FEATURES.items()
        if level > 0
    ]
    return [_range(HANDLERS[key]) for key in sorted(HANDLERS)], supported, finalized


def _range(handler):
    lowest, highest = handler.advertised
    return ApiVersions.Response.ApiKeys(api_key=handler.api.key, min_version=lowest, max_version=highest)
