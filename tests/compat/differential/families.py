"""What is drawn together: the state that these share is what their answers are about."""

import contextlib

import servers

FAMILIES = {
    "data": (
        "Produce", "Fetch", "ListOffsets", "OffsetForLeaderEpoch", "DeleteRecords", "DescribeProducers", "InitProducerId", "Metadata",
    ),
    "topics": (
        "Metadata", "CreateTopics", "DeleteTopics", "CreatePartitions", "DescribeTopicPartitions", "DescribeCluster", "ListOffsets",
        "AlterPartitionReassignments", "ListPartitionReassignments", "ElectLeaders", "DescribeLogDirs", "AlterReplicaLogDirs",
    ),
    "groups": (
        "OffsetCommit", "OffsetFetch", "OffsetDelete", "ListGroups", "DescribeGroups", "DeleteGroups", "FindCoordinator", "JoinGroup",
        "SyncGroup", "Heartbeat", "LeaveGroup", "ConsumerGroupDescribe", "ShareGroupDescribe", "StreamsGroupDescribe",
    ),
    "transactions": (
        "InitProducerId", "AddPartitionsToTxn", "AddOffsetsToTxn", "TxnOffsetCommit", "EndTxn", "Produce", "ListTransactions",
        "DescribeTransactions", "DescribeProducers", "OffsetFetch", "ListOffsets", "WriteTxnMarkers",
    ),
    "members": (
        "ConsumerGroupHeartbeat", "ShareGroupHeartbeat", "StreamsGroupHeartbeat", "ConsumerGroupDescribe", "ShareGroupDescribe",
        "StreamsGroupDescribe", "OffsetCommit", "OffsetFetch", "JoinGroup", "Heartbeat", "LeaveGroup", "ListGroups",
    ),
    "share": (
        "ShareGroupHeartbeat", "ShareFetch", "ShareAcknowledge", "DescribeShareGroupOffsets", "AlterShareGroupOffsets",
        "DeleteShareGroupOffsets", "Produce", "InitializeShareGroupState", "ReadShareGroupState", "WriteShareGroupState",
        "DeleteShareGroupState", "ReadShareGroupStateSummary",
    ),
    "administration": (
        "DescribeQuorum", "UnregisterBroker", "RemoveRaftVoter", "DescribeClientQuotas", "AlterClientQuotas", "DescribeAcls", "CreateAcls",
        "DeleteAcls", "DescribeUserScramCredentials", "AlterUserScramCredentials", "CreateDelegationToken", "DescribeDelegationToken",
        "RenewDelegationToken", "ExpireDelegationToken", "SaslHandshake", "SaslAuthenticate", "ApiVersions", "GetTelemetrySubscriptions",
        "PushTelemetry",
    ),
    "acls": ("DescribeAcls", "CreateAcls", "DeleteAcls"),
    "configs": (
        "DescribeConfigs", "AlterConfigs", "IncrementalAlterConfigs", "ListConfigResources", "CreateTopics", "Metadata",
    ),
}  # fmt: skip

# All of them, asked by a user whose rights change. Where DescribeLogDirs finds the state of share groups hangs on ids that servers make up; over
# DeleteGroups for some share groups Kafka stumbles, and has them still.
FAMILIES["authorized"] = tuple(sorted(set().union(*FAMILIES.values()) - {"DescribeLogDirs", "DeleteGroups"}))

# Who asks in a family whose servers want to know: who may do everything, and its user.
USERS = {"authorized": {"admin": "admin-secret", "alice": "alice-secret"}}

# What a family's servers are configured with, beside what they have anyway.
SETTINGS = {
    # What waits for a time to pass is a matter of luck.
    "members": dict.fromkeys(("group_consumer_assignment_interval_ms", "group_share_assignment_interval_ms", "group_streams_assignment_interval_ms",
                              "group_streams_initial_rebalance_delay_ms"), 0),
    "acls": {"authorizer_class_name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super_users": "User:ANONYMOUS"},
}
SETTINGS["authorized"] = {**SETTINGS["members"], "delegation_token_secret_key": "key"}

# Requests that are not sent, and why.
NOT_SENT = {
    "JoinGroup with a member's id, to a group of another protocol without members":
        "both answer UNKNOWN_MEMBER_ID, but Kafka then has no such group until it is started anew: it is gone from memory, not from the log "
        "(GroupMetadataManager.maybeDeleteEmptyConsumerGroup)",
    "JoinGroup of a consumer with a subscription that cannot be read": "Kafka never ends the rebalance, nor answers (ClassicGroup.computeSubscribedTopics)",
    "ListOffsets for the highest timestamp, where there are transactions": "whether two markers share a millisecond is a matter of luck",
    "DescribeConfigs of all of a broker's loggers": "each server has its own",
    "heartbeats, and JoinGroup to a consumer group, with short rebalance time-outs": "who is slower is a matter of luck",
    "ConsumerGroupHeartbeat, and JoinGroup to a consumer group, without a member's id":
        "the id that it is given decides which partitions it is assigned: Kafka's assignors go through members by the hashes of their ids",
}

# APIs that no family has, and why.
LEFT_OUT = {
    "AddRaftVoter": "many a random endpoint ends Kafka's process",
    "UpdateFeatures": "what it changes cannot be changed back",
}


@contextlib.contextmanager
def fighters(family, real, ours):
    """(address of a new Kafka, of a new emulator, `users` as a Duel wants them), with the settings of a family; `real`, `ours`: where they put things."""
    users, settings = USERS.get(family), SETTINGS.get(family, {})
    with servers.real_kafka(real, users, **settings) as theirs, servers.emulator(ours, users=users, **settings) as here:
        yield theirs, here, tuple((users or {}).items())
