"""What is drawn together: the state that these share is what their answers are about."""

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

# What a family's servers are configured with, beside what they have anyway.
SETTINGS = {
    "acls": {"authorizer_class_name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super_users": "User:ANONYMOUS"},
}

# APIs that no family has, and why.
LEFT_OUT = {
    "AddRaftVoter": "many a random endpoint ends Kafka's process",
    "UpdateFeatures": "what it changes cannot be changed back",
}
