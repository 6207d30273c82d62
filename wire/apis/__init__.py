"""The whole protocol: every API of Kafka 4.3.1 that a client can reach, one file per family, one line per field.

`BY_KEY[11]` is JoinGroup; `from wire.apis.groups import JoinGroup` is the usual way.
"""

from ..schema import Api
from . import (
    acls,
    configs,
    consumer_groups,
    data,
    delegation_tokens,
    groups,
    metadata,
    quorum,
    quotas,
    replication,
    sasl,
    share_groups,
    streams_groups,
    telemetry,
    topics,
    transactions,
)

_FAMILIES = (
    acls,
    configs,
    consumer_groups,
    data,
    delegation_tokens,
    groups,
    metadata,
    quorum,
    quotas,
    replication,
    sasl,
    share_groups,
    streams_groups,
    telemetry,
    topics,
    transactions,
)

BY_KEY = {
    api.key: api
    for family in _FAMILIES
    for api in vars(family).values()
    if isinstance(api, Api)
}
