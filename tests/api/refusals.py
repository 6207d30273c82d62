"""What Apache Kafka 4.3.1 answers who may do nothing, to the requests of guarded_requests.py; see `shown` of test_authorized_apis.py."""

# fmt: off
REFUSALS = {
    "DescribeAcls": "{error_code: CLUSTER_AUTHORIZATION_FAILED, error_message: 'Cluster authorization failed.'}",
    "CreateAcls": "{results: [{error_code: CLUSTER_AUTHORIZATION_FAILED, error_message: 'Cluster authorization failed.'}]}",
    "DeleteAcls": "{filter_results: [{error_code: CLUSTER_AUTHORIZATION_FAILED, error_message: 'Cluster authorization failed.'}]}",
    "DescribeConfigs":
        "{results: [{error_code: TOPIC_AUTHORIZATION_FAILED, error_message: 'Topic authorization failed.', resource_type: 2, resource_name: "
        "'guarded'}]}",
    "AlterConfigs":
        "{responses: [{error_code: TOPIC_AUTHORIZATION_FAILED, error_message: 'Topic authorization failed.', resource_type: 2, "
        "resource_name: 'guarded'}]}",
    "IncrementalAlterConfigs":
        "{responses: [{error_code: TOPIC_AUTHORIZATION_FAILED, error_message: 'Topic authorization failed.', resource_type: 2, "
        "resource_name: 'guarded'}]}",
    "ListConfigResources": "{error_code: CLUSTER_AUTHORIZATION_FAILED}",
    "ConsumerGroupHeartbeat": "{error_code: GROUP_AUTHORIZATION_FAILED}",
    "ConsumerGroupDescribe": "{groups: [{error_code: GROUP_AUTHORIZATION_FAILED, group_id: 'guarded-nobodys'}]}",
    "Produce": "{responses: [{topic_id: ID, partition_responses: [{error_code: TOPIC_AUTHORIZATION_FAILED, base_offset: -1}]}]}",
    "Fetch": "{responses: [{topic_id: ID, partitions: [{error_code: TOPIC_AUTHORIZATION_FAILED, high_watermark: -1, records: b''}]}]}",
    "ListOffsets": "{topics: [{name: 'guarded', partitions: [{error_code: TOPIC_AUTHORIZATION_FAILED}]}]}",
    "DeleteRecords": "{topics: [{name: 'guarded', partitions: [{low_watermark: -1, error_code: TOPIC_AUTHORIZATION_FAILED}]}]}",
    "OffsetForLeaderEpoch": "{topics: [{topic: 'guarded', partitions: [{error_code: TOPIC_AUTHORIZATION_FAILED}]}]}",
    "CreateDelegationToken":
        "{error_code: DELEGATION_TOKEN_AUTHORIZATION_FAILED, principal_type: 'User', principal_name: 'bob', token_requester_principal_type: "
        "'User', token_requester_principal_name: 'alice', issue_timestamp_ms: -1, expiry_timestamp_ms: -1, max_timestamp_ms: -1}",
    "OffsetCommit": "{topics: [{topic_id: ID, partitions: [{error_code: GROUP_AUTHORIZATION_FAILED}]}]}",
    "OffsetFetch": "{groups: [{group_id: 'guarded-offsets', error_code: GROUP_AUTHORIZATION_FAILED}]}",
    "JoinGroup": "{error_code: GROUP_AUTHORIZATION_FAILED, protocol_name: None}",
    "Heartbeat": "{error_code: GROUP_AUTHORIZATION_FAILED}",
    "LeaveGroup": "{error_code: GROUP_AUTHORIZATION_FAILED}",
    "SyncGroup": "{error_code: GROUP_AUTHORIZATION_FAILED}",
    "DescribeGroups": "{groups: [{error_code: GROUP_AUTHORIZATION_FAILED, group_id: 'guarded-nobodys'}]}",
    "DeleteGroups": "{results: [{group_id: 'guarded-group', error_code: GROUP_AUTHORIZATION_FAILED}]}",
    "OffsetDelete": "{error_code: GROUP_AUTHORIZATION_FAILED}",
    "Metadata": "{topics: [{error_code: TOPIC_AUTHORIZATION_FAILED, name: 'guarded'}]}",
    "DescribeTopicPartitions": "{topics: [{error_code: TOPIC_AUTHORIZATION_FAILED, name: 'guarded'}]}",
    "FindCoordinator": "{coordinators: [{key: 'guarded-group', node_id: -1, port: -1, error_code: GROUP_AUTHORIZATION_FAILED}]}",
    "UpdateFeatures": "{error_code: CLUSTER_AUTHORIZATION_FAILED, error_message: 'Cluster authorization failed.'}",
    "UnregisterBroker": "{error_code: CLUSTER_AUTHORIZATION_FAILED, error_message: 'Cluster authorization failed.'}",
    "DescribeQuorum": "{error_code: CLUSTER_AUTHORIZATION_FAILED, error_message: 'Cluster authorization failed.'}",
    "AddRaftVoter": "{error_code: CLUSTER_AUTHORIZATION_FAILED, error_message: 'Cluster authorization failed.'}",
    "RemoveRaftVoter": "{error_code: CLUSTER_AUTHORIZATION_FAILED, error_message: 'Cluster authorization failed.'}",
    "DescribeClientQuotas": "{error_code: CLUSTER_AUTHORIZATION_FAILED, error_message: None, entries: None}",
    "AlterClientQuotas":
        "{entries: [{error_code: CLUSTER_AUTHORIZATION_FAILED, error_message: 'Cluster authorization failed.', entity: [{entity_type: "
        "'user', entity_name: 'x'}]}]}",
    "AlterReplicaLogDirs": "{results: [{topic_name: 'guarded', partitions: [{error_code: CLUSTER_AUTHORIZATION_FAILED}]}]}",
    "DescribeLogDirs": "{error_code: CLUSTER_AUTHORIZATION_FAILED}",
    "DescribeUserScramCredentials":
        "{error_code: CLUSTER_AUTHORIZATION_FAILED, error_message: None, results: [{error_code: CLUSTER_AUTHORIZATION_FAILED, "
        "error_message: None}]}",
    "AlterUserScramCredentials":
        "{results: [{user: 'nobody', error_code: CLUSTER_AUTHORIZATION_FAILED, error_message: 'Cluster authorization failed.'}]}",
    "ShareGroupHeartbeat": "{error_code: GROUP_AUTHORIZATION_FAILED}",
    "ShareGroupDescribe": "{groups: [{error_code: GROUP_AUTHORIZATION_FAILED, group_id: 'guarded-nobodys'}]}",
    "ShareFetch": "{error_code: GROUP_AUTHORIZATION_FAILED}",
    "ShareAcknowledge": "{error_code: GROUP_AUTHORIZATION_FAILED}",
    "DescribeShareGroupOffsets": "{groups: [{group_id: 'guarded-group', error_code: GROUP_AUTHORIZATION_FAILED}]}",
    "AlterShareGroupOffsets": "{error_code: GROUP_AUTHORIZATION_FAILED, error_message: 'Group authorization failed.'}",
    "DeleteShareGroupOffsets": "{error_code: GROUP_AUTHORIZATION_FAILED, error_message: 'Group authorization failed.'}",
    "InitializeShareGroupState":
        "{results: [{topic_id: ID, partitions: [{error_code: CLUSTER_AUTHORIZATION_FAILED, error_message: 'Cluster authorization "
        "failed.'}]}]}",
    "ReadShareGroupState":
        "{results: [{topic_id: ID, partitions: [{error_code: CLUSTER_AUTHORIZATION_FAILED, error_message: 'Cluster authorization "
        "failed.'}]}]}",
    "WriteShareGroupState":
        "{results: [{topic_id: ID, partitions: [{error_code: CLUSTER_AUTHORIZATION_FAILED, error_message: 'Cluster authorization "
        "failed.'}]}]}",
    "DeleteShareGroupState":
        "{results: [{topic_id: ID, partitions: [{error_code: CLUSTER_AUTHORIZATION_FAILED, error_message: 'Cluster authorization "
        "failed.'}]}]}",
    "ReadShareGroupStateSummary":
        "{results: [{topic_id: ID, partitions: [{error_code: CLUSTER_AUTHORIZATION_FAILED, error_message: 'Cluster authorization "
        "failed.'}]}]}",
    "StreamsGroupHeartbeat": "{error_code: GROUP_AUTHORIZATION_FAILED}",
    "StreamsGroupDescribe": "{groups: [{error_code: GROUP_AUTHORIZATION_FAILED, group_id: 'guarded-nobodys'}]}",
    "CreateTopics": "{topics: [{name: 'not-there', error_code: TOPIC_AUTHORIZATION_FAILED, error_message: 'Authorization failed.'}]}",
    "DeleteTopics": "{responses: [{name: 'not-there', error_code: TOPIC_AUTHORIZATION_FAILED, error_message: 'Topic authorization failed.'}]}",
    "CreatePartitions": "{results: [{name: 'guarded', error_code: TOPIC_AUTHORIZATION_FAILED}]}",
    "ElectLeaders":
        "{error_code: CLUSTER_AUTHORIZATION_FAILED, replica_election_results: [{topic: 'guarded', partition_result: [{error_code: "
        "CLUSTER_AUTHORIZATION_FAILED, error_message: 'Cluster authorization failed.'}]}]}",
    "AlterPartitionReassignments":
        "{error_code: CLUSTER_AUTHORIZATION_FAILED, error_message: 'Cluster authorization failed.', responses: [{name: 'guarded', "
        "partitions: [{error_code: CLUSTER_AUTHORIZATION_FAILED, error_message: 'Cluster authorization failed.'}]}]}",
    "ListPartitionReassignments": "{error_code: CLUSTER_AUTHORIZATION_FAILED, error_message: 'Cluster authorization failed.'}",
    "InitProducerId": "{error_code: TRANSACTIONAL_ID_AUTHORIZATION_FAILED, producer_epoch: -1}",
    "AddPartitionsToTxn":
        "{results_by_topic_v3_and_below: [{name: 'guarded', results_by_partition: [{partition_error_code: "
        "TRANSACTIONAL_ID_AUTHORIZATION_FAILED}]}]}",
    "AddOffsetsToTxn": "{error_code: TRANSACTIONAL_ID_AUTHORIZATION_FAILED}",
    "EndTxn": "{error_code: TRANSACTIONAL_ID_AUTHORIZATION_FAILED}",
    "WriteTxnMarkers": "{markers: [{producer_id: 1, topics: [{name: 'not-there', partitions: [{error_code: CLUSTER_AUTHORIZATION_FAILED}]}]}]}",
    "TxnOffsetCommit": "{topics: [{name: 'guarded', partitions: [{error_code: TRANSACTIONAL_ID_AUTHORIZATION_FAILED}]}]}",
    "DescribeProducers":
        "{topics: [{name: 'guarded', partitions: [{error_code: TOPIC_AUTHORIZATION_FAILED, error_message: 'Topic authorization "
        "failed.'}]}]}",
    "DescribeTransactions": "{transaction_states: [{error_code: TRANSACTIONAL_ID_AUTHORIZATION_FAILED, transactional_id: 'guarded-transaction'}]}",
}
# fmt: on
