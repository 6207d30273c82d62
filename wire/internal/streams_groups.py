"""Records of __consumer_offsets that streams groups have (KIP-1071)."""

from ..types import array, int8, int16, int32, int64, string, struct, uint16
from .schema import record

group = ["group_id" / string]
member = ["group_id" / string, "member_id" / string]
tasks = array("subtopology_id" / string, "partitions" / array(int32))
held_tasks = array(
    "subtopology_id" / string,
    "partitions" / array(int32),
    "assignment_epochs" / array(int32, nullable="0+", tag=0))
topics = array(
    "name" / string,
    "partitions" / int32,
    "replication_factor" / int16,
    "topic_configs" / array("key" / string, "value" / string))

StreamsGroupMetadata = record(17, "StreamsGroupMetadata", "0", flexible="0+",
    key=group,
    value=[
        "epoch" / int32,
        "metadata_hash" / int64,
        "validated_topology_epoch" / int32(default=-1, tag=0),
        "last_assignment_configs" / array("key" / string, "value" / string, nullable="0+", tag=1),
    ])

StreamsGroupMemberMetadata = record(19, "StreamsGroupMemberMetadata", "0", flexible="0+",
    key=member,
    value=[
        "instance_id" / string(nullable="0+"),
        "rack_id" / string(nullable="0+"),
        "client_id" / string,
        "client_host" / string,
        "rebalance_timeout_ms" / int32(default=-1),
        "topology_epoch" / int32,
        "process_id" / string,
        "user_endpoint" / struct("host" / string, "port" / uint16, nullable="0+", default=None),
        "client_tags" / array("key" / string, "value" / string),
    ])

StreamsGroupTargetAssignmentMetadata = record(20, "StreamsGroupTargetAssignmentMetadata", "0", flexible="0+",
    key=group,
    value=["assignment_epoch" / int32, "assignment_timestamp" / int64(ignorable=True, tag=0)])

StreamsGroupTargetAssignmentMember = record(21, "StreamsGroupTargetAssignmentMember", "0", flexible="0+",
    key=member,
    value=["active_tasks" / tasks, "standby_tasks" / tasks, "warmup_tasks" / tasks])

StreamsGroupCurrentMemberAssignment = record(22, "StreamsGroupCurrentMemberAssignment", "0", flexible="0+",
    key=member,
    value=[
        "member_epoch" / int32,
        "previous_member_epoch" / int32,
        "state" / int8,
        "active_tasks" / held_tasks,
        "standby_tasks" / held_tasks,
        "warmup_tasks" / held_tasks,
        "active_tasks_pending_revocation" / held_tasks,
        "standby_tasks_pending_revocation" / held_tasks,
        "warmup_tasks_pending_revocation" / held_tasks,
    ])

StreamsGroupTopology = record(23, "StreamsGroupTopology", "0", flexible="0+",
    key=group,
    value=[
        "epoch" / int32,
        "subtopologies" / array(
            "subtopology_id" / string,
            "source_topics" / array(string),
            "source_topic_regex" / array(string),
            "state_changelog_topics" / topics,
            "repartition_sink_topics" / array(string),
            "repartition_source_topics" / topics,
            "copartition_groups" / array(
                "source_topics" / array(int16),
                "source_topic_regex" / array(int16),
                "repartition_source_topics" / array(int16))),
    ])
