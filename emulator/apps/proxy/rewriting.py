"""Where a broker's answers name brokers: each such place, and what a client is told instead.

`local` is who knows: `local.broker(node_id, host, port)` and `local.controller(node_id, host, port)` give the (host, port) here.
"""

from wire.apis.data import Fetch, Produce
from wire.apis.metadata import DescribeCluster, FindCoordinator, Metadata
from wire.apis.quorum import DescribeQuorum
from wire.apis.share_groups import ShareAcknowledge, ShareFetch
from wire.apis.streams_groups import StreamsGroupDescribe, StreamsGroupHeartbeat

# Of each API the records that have a host and a port: the array that they are in ("" is the answer itself), the field of the id.
_PLACES = {
    Metadata.key: [("brokers", "node_id")],
    FindCoordinator.key: [("", "node_id"), ("coordinators", "node_id")],
    DescribeCluster.key: [("brokers", "broker_id")],
    DescribeQuorum.key: [("nodes", "node_id")],
    **{api.key: [("node_endpoints", "node_id")] for api in (Produce, Fetch, ShareFetch, ShareAcknowledge)},
}
# Hosts and ports that are those of applications (`application.server`), which talk to each other and not to brokers.
OF_APPLICATIONS = {(StreamsGroupHeartbeat.key, "partitions_by_user_endpoint"), (StreamsGroupDescribe.key, "groups")}
_CONTROLLERS = 2  # DescribeCluster's endpoint type


def rewriter(api, version):
    """f(response, local), which changes the response in place; None where this version has no addresses."""
    fields = {field.name: field.type for field in api.response.fields}
    places = [(name, id_name) for name, id_name in _PLACES.get(api.key, ()) if version in fields[name or "host"].versions]
    if not places:
        return None
    if api is DescribeQuorum:
        return _quorum

    def rewrite(response, local):
        for name, id_name in places:
            told = local.controller if api is DescribeCluster and response.endpoint_type == _CONTROLLERS else local.broker
            for one in getattr(response, name) if name else (response,):
                if (node_id := getattr(one, id_name)) >= 0:  # -1: there is none
                    one.host, one.port = told(node_id, one.host, one.port)

    return rewrite


def _quorum(response, local):
    for node in response.nodes:
        for one in node.listeners:
            one.host, one.port = local.controller(node.node_id, one.host, one.port)
