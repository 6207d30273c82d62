"""Records of __consumer_offsets that share groups have (KIP-932)."""

from ..types import array, int8, int32, int64, string, uuid
from .schema import record

group = ["group_id" / string]
member = ["group_id" / string, "member_id" / string]
topic_partitions = array("topic_id" / uuid, "partitions" / array(int32))
named_partitions = array("topic_id" / uuid, "topic_name" / string, "partitions" / array(int32))

ShareGroupMemberMetadata = record(10, "ShareGroupMemberMetadata", "0", flexible="0+",
    key=member,
    value=[
        "rack_id" / string(nullable="0+"),
        "client_id" / string,
        "client_host" / string,
        "subscribed_topic_names" / array(string),
    ])

ShareGroupMetadata = record(11, "ShareGroupMetadata", "0", flexible="0+",
    key=group,
    value=["epoch" / int32, "metadata_hash" / int64])

ShareGroupTargetAssignmentMetadata = record(12, "ShareGroupTargetAssignmentMetadata", "0", flexible="0+",
    key=group,
    value=["assignment_epoch" / int32, "assignment_timestamp" / int64(ignorable=True, tag=0)])

ShareGroupTargetAssignmentMember = record(13, "ShareGroupTargetAssignmentMember", "0", flexible="0+",
    key=member,
    value=["topic_partitions" / topic_partitions])

ShareGroupCurrentMemberAssignment = record(14, "ShareGroupCurrentMemberAssignment", "0", flexible="0+",
    key=member,
    value=[
        "member_epoch" / int32,
        "previous_member_epoch" / int32,
        "state" / int8,
        "assigned_partitions" / topic_partitions,
    ])

ShareGroupStatePartitionMetadata = record(15, "ShareGroupStatePartitionMetadata", "0", flexible="0+",
    key=group,
    value=[
        "initializing_topics" / named_partitions,
        "initialized_topics" / named_partitions,
        "deleting_topics" / array("topic_id" / uuid, "topic_name" / string),
    ])
