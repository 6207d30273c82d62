"""What Kafka says beside an error, where that is not a field's default: no offset, no node.

Source: getErrorResponse of the request classes of org.apache.kafka.common.requests, and KafkaApis.
"""

from wire.apis.data import DeleteRecords, Fetch, Produce
from wire.apis.delegation_tokens import CreateDelegationToken
from wire.apis.groups import JoinGroup, OffsetFetch
from wire.apis.metadata import FindCoordinator, Metadata
from wire.apis.quotas import DescribeClientQuotas
from wire.apis.share_groups import ShareFetch
from wire.apis.topics import AlterPartitionReassignments, CreateTopics, ElectLeaders
from wire.apis.transactions import InitProducerId

_BESIDE = {
    (Produce, "partition"): {"base_offset": -1},
    (Fetch, "partition"): {"high_watermark": -1, "records": ()},
    (ShareFetch, "partition"): {"records": ()},
    (DeleteRecords, "partition"): {"low_watermark": -1},
    (OffsetFetch, "partition"): {"committed_offset": -1},
    (FindCoordinator, "top"): {"node_id": -1, "port": -1},
    (FindCoordinator, "coordinator"): {"node_id": -1, "port": -1},
    (Metadata, "partition"): {"leader_id": -1},
    (DescribeClientQuotas, "top"): {"entries": None},
    (CreateDelegationToken, "top"): {"issue_timestamp_ms": -1, "expiry_timestamp_ms": -1, "max_timestamp_ms": -1},
    (InitProducerId, "top"): {"producer_epoch": -1},
    (CreateTopics, "topic_config"): {"num_partitions": -1, "replication_factor": -1, "configs": ()},
}


# Where an error at the top stands at each partition, too.
REPEATED_BELOW = {AlterPartitionReassignments: "partition", ElectLeaders: "partition", Metadata: "topic"}


def values_of_errors(api, level):
    """{field: value} of an answer, or of a part of one, with an error."""
    return _BESIDE.get((api, level), {})


def repeated(api, version, request):
    """{field: value} that an answer repeats of its request, whatever became of it."""
    if api is JoinGroup:  # v7+: no protocol is null
        return {"member_id": request.member_id, "protocol_name": None if version >= 7 else ""}
    if api is AlterPartitionReassignments:
        return {"allow_replication_factor_change": request.allow_replication_factor_change}
    return {}
