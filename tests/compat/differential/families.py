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
    "ConsumerGroupHeartbeat": "members, step by step: tests/api and the traces of tests/state",
    "ShareGroupHeartbeat": "as ConsumerGroupHeartbeat",
    "StreamsGroupHeartbeat": "as ConsumerGroupHeartbeat",
    "ShareFetch": "needs members and time; see tests/api",
    "ShareAcknowledge": "as ShareFetch",
    "AlterShareGroupOffsets": "as ShareFetch",
    "DeleteShareGroupOffsets": "as ShareFetch",
    "DescribeShareGroupOffsets": "as ShareFetch",
    "UpdateFeatures": "what it changes cannot be changed back",
    "InitializeShareGroupState": "between brokers; see tests/api",
    "ReadShareGroupState": "between brokers; see tests/api",
    "WriteShareGroupState": "between brokers; see tests/api",
    "DeleteShareGroupState": "between brokers; see tests/api",
    "ReadShareGroupStateSummary": "between brokers; see tests/api",
}
