"""Records of __consumer_offsets that consumer groups have (KIP-848)."""

from ..types import array, bytes_, int8, int32, int64, string, struct, uuid
from .schema import record

group = ["group_id" / string]
member = ["group_id" / string, "member_id" / string]
topic_partitions = array("topic_id" / uuid, "partitions" / array(int32))
held_partitions = array(
    "topic_id" / uuid,
    "partitions" / array(int32),
    "assignment_epochs" / array(int32, nullable="0+", tag=0))

ConsumerGroupMetadata = record(3, "ConsumerGroupMetadata", "0", flexible="0+",
    key=group,
    value=["epoch" / int32, "metadata_hash" / int64(tag=0)])

ConsumerGroupPartitionMetadata = record(4, "ConsumerGroupPartitionMetadata", "0", flexible="0+",
    key=group,
    value=[
        "topics" / array(
            "topic_id" / uuid,
            "topic_name" / string,
            "num_partitions" / int32,
            "partition_metadata" / array("partition" / int32, "racks" / array(string))),
    ])

ConsumerGroupMemberMetadata = record(5, "ConsumerGroupMemberMetadata", "0", flexible="0+",
    key=member,
    value=[
        "instance_id" / string(nullable="0+"),
        "rack_id" / string(nullable="0+"),
        "client_id" / string,
        "client_host" / string,
        "subscribed_topic_names" / array(string),
        "subscribed_topic_regex" / string(nullable="0+"),
        "rebalance_timeout_ms" / int32(default=-1),
        "server_assignor" / string(nullable="0+"),
        # Left out it is an empty structure: a member of the consumer protocol says null.
        "classic_member_metadata" / struct(
            "session_timeout_ms" / int32,
            "supported_protocols" / array("name" / string, "metadata" / bytes_),
            nullable="0+", tag=0),
    ])

ConsumerGroupTargetAssignmentMetadata = record(6, "ConsumerGroupTargetAssignmentMetadata", "0", flexible="0+",
    key=group,
    value=["assignment_epoch" / int32, "assignment_timestamp" / int64(ignorable=True, tag=0)])

ConsumerGroupTargetAssignmentMember = record(7, "ConsumerGroupTargetAssignmentMember", "0", flexible="0+",
    key=member,
    value=["topic_partitions" / topic_partitions])

ConsumerGroupCurrentMemberAssignment = record(8, "ConsumerGroupCurrentMemberAssignment", "0", flexible="0+",
    key=member,
    value=[
        "member_epoch" / int32,
        "previous_member_epoch" / int32,
        "state" / int8,
        "assigned_partitions" / held_partitions,
        "partitions_pending_revocation" / held_partitions,
    ])

ConsumerGroupRegularExpression = record(16, "ConsumerGroupRegularExpression", "0", flexible="0+",
    key=["group_id" / string, "regular_expression" / string],
    value=["topics" / array(string), "version" / int64, "timestamp" / int64])
