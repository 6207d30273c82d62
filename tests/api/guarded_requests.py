"""A minimal valid request of every API, and what a user must be allowed for it: the table of test_authorized_apis.py."""

from tests.api.test_acls import acl
from tests.api.test_data import batch
from wire.apis.acls import DeleteAcls
from wire.apis.configs import AlterConfigs, DescribeConfigs, IncrementalAlterConfigs
from wire.apis.data import DeleteRecords, Fetch, ListOffsets, OffsetForLeaderEpoch, Produce
from wire.apis.groups import JoinGroup, LeaveGroup, OffsetCommit, OffsetDelete, OffsetFetch
from wire.apis.metadata import DescribeTopicPartitions, Metadata, UpdateFeatures
from wire.apis.quorum import DescribeQuorum
from wire.apis.quotas import AlterClientQuotas
from wire.apis.replication import AlterReplicaLogDirs
from wire.apis.sasl import AlterUserScramCredentials, DescribeUserScramCredentials
from wire.apis.share_groups import (
    AlterShareGroupOffsets, DeleteShareGroupOffsets, DeleteShareGroupState, DescribeShareGroupOffsets, InitializeShareGroupState,
    ReadShareGroupState, ReadShareGroupStateSummary, ShareAcknowledge, ShareFetch, WriteShareGroupState,
)  # fmt: skip
from wire.apis.streams_groups import StreamsGroupHeartbeat
from wire.apis.topics import AlterPartitionReassignments, CreatePartitions, CreateTopics, DeleteTopics, ElectLeaders
from wire.apis.transactions import AddPartitionsToTxn, DescribeProducers, TxnOffsetCommit, WriteTxnMarkers

TOPIC, GROUP, CLUSTER, TRANSACTIONAL_ID, _, USER = range(2, 8)
OPERATIONS = dict(
    zip("read write create delete alter describe cluster_action describe_configs alter_configs idempotent_write create_tokens".split(), range(3, 14))
)
NOTHING = ()


def requests(t):
    """{API name: (version, fields, what must be allowed, as (operation, resource type, name))}, of the topic `t.topic` and its
    `t.id`, the groups `t.group`, `t.nobodys`, `t.committed` (which has offsets) and `t.share`, the transactional id `t.transaction`, and a topic `t.new` that is not there."""
    cluster, topic, group = (CLUSTER, "kafka-cluster"), (TOPIC, t.topic), (GROUP, t.group)
    transaction = (TRANSACTIONAL_ID, t.transaction)
    producer = {"transactional_id": t.transaction, "producer_id": 1, "producer_epoch": 0}
    anything = {"resource_type_filter": 1, "resource_name_filter": t.topic, "pattern_type_filter": 1, "principal_filter": None, "host_filter": None,
                "operation": 1, "permission_type": 1}  # fmt: skip
    member = {"group_id": t.group, "member_id": "m", "member_epoch": 0}

    def share_state(api, **partition):
        Topic = api.Request.Topics
        return {"group_id": t.group, "topics": [Topic(topic_id=t.id, partitions=[Topic.Partitions(partition=0, **partition)])]}

    def of_groups(name):
        return {name: [t.nobodys], "include_authorized_operations": True}

    return {
        "Produce": (13, dict(acks=-1, timeout_ms=1000, topic_data=[Produce.Request.TopicData(topic_id=t.id, partition_data=[
            Produce.Request.TopicData.PartitionData(index=0, records=batch(b"1"))])]), [("write", *topic)]),
        "Fetch": (18, dict(max_wait_ms=0, min_bytes=0, max_bytes=1000, session_epoch=-1, topics=[Fetch.Request.Topics(topic_id=t.id, partitions=[
            Fetch.Request.Topics.Partitions(partition=0, fetch_offset=0, partition_max_bytes=1000)])]), [("read", *topic)]),
        "ListOffsets": (11, dict(replica_id=-1, topics=[ListOffsets.Request.Topics(name=t.topic, partitions=[
            ListOffsets.Request.Topics.Partitions(partition_index=0, timestamp=-1)])]), [("describe", *topic)]),
        "Metadata": (13, dict(topics=[Metadata.Request.Topics(name=t.topic)], include_topic_authorized_operations=True), [("describe", *topic)]),
        "OffsetCommit": (10, dict(group_id=t.group, topics=[OffsetCommit.Request.Topics(topic_id=t.id, partitions=[
            OffsetCommit.Request.Topics.Partitions(partition_index=0, committed_offset=0, committed_metadata="")])]),
            [("read", *group), ("read", *topic)]),
        "OffsetFetch": (10, dict(groups=[OffsetFetch.Request.Groups(group_id=t.committed, topics=[
            OffsetFetch.Request.Groups.Topics(topic_id=t.id, partition_indexes=[0])])]), [("describe", GROUP, t.committed), ("describe", *topic)]),
        "FindCoordinator": (6, dict(key_type=0, coordinator_keys=[t.group]), [("describe", *group)]),
        "JoinGroup": (9, dict(group_id=t.group, session_timeout_ms=10_000, rebalance_timeout_ms=10_000, member_id="m", protocol_type="consumer", protocols=[
            JoinGroup.Request.Protocols(name="range", metadata=b"")]), [("read", *group)]),
        "Heartbeat": (4, dict(group_id=t.group, generation_id=1, member_id="m"), [("read", *group)]),
        "LeaveGroup": (5, dict(group_id=t.group, members=[LeaveGroup.Request.Members(member_id="m")]), [("read", *group)]),
        "SyncGroup": (5, dict(group_id=t.group, generation_id=1, member_id="m", protocol_type="consumer", protocol_name="range"), [("read", *group)]),
        "DescribeGroups": (6, of_groups("groups"), [("describe", GROUP, t.nobodys)]),
        "ListGroups": (5, {}, NOTHING),
        "SaslHandshake": (1, dict(mechanism="PLAIN"), NOTHING),
        "ApiVersions": (4, dict(client_software_name="test", client_software_version="1"), NOTHING),
        "CreateTopics": (7, dict(timeout_ms=5000, validate_only=True, topics=[
            CreateTopics.Request.Topics(name=t.new, num_partitions=1, replication_factor=1)]), [("create", TOPIC, t.new), ("describe_configs", TOPIC, t.new)]),
        "DeleteTopics": (6, dict(timeout_ms=5000, topics=[DeleteTopics.Request.Topics(name=t.new)]), [("delete", TOPIC, t.new)]),
        "DeleteRecords": (2, dict(timeout_ms=5000, topics=[DeleteRecords.Request.Topics(name=t.topic, partitions=[
            DeleteRecords.Request.Topics.Partitions(partition_index=0, offset=0)])]), [("delete", *topic)]),
        "InitProducerId": (5, dict(transactional_id=t.transaction, transaction_timeout_ms=1000, producer_id=-1, producer_epoch=-1),
            [("write", *transaction)]),
        "OffsetForLeaderEpoch": (4, dict(replica_id=-2, topics=[OffsetForLeaderEpoch.Request.Topics(topic=t.topic, partitions=[
            OffsetForLeaderEpoch.Request.Topics.Partitions(partition=0, current_leader_epoch=-1, leader_epoch=0)])]), [("describe", *topic)]),
        "AddPartitionsToTxn": (3, dict(
            v3_and_below_transactional_id=t.transaction, v3_and_below_producer_id=1, v3_and_below_producer_epoch=0, v3_and_below_topics=[
                AddPartitionsToTxn.Request.V3AndBelowTopics(name=t.topic, partitions=[0])]), [("write", *transaction), ("write", *topic)]),
        "AddOffsetsToTxn": (4, dict(**producer, group_id=t.group), [("write", *transaction), ("read", *group)]),
        "EndTxn": (5, dict(**producer, committed=True), [("write", *transaction)]),
        "WriteTxnMarkers": (2, dict(markers=[WriteTxnMarkers.Request.Markers(producer_id=1, topics=[
            WriteTxnMarkers.Request.Markers.Topics(name=t.new, partition_indexes=[0])])]), [("cluster_action", *cluster)]),
        "TxnOffsetCommit": (5, dict(**producer, group_id=t.group, generation_id=1, member_id="m", topics=[
            TxnOffsetCommit.Request.Topics(name=t.topic, partitions=[TxnOffsetCommit.Request.Topics.Partitions(partition_index=0)])]),
            [("write", *transaction), ("read", *group), ("read", *topic)]),
        "DescribeAcls": (3, anything, [("describe", *cluster)]),
        "CreateAcls": (3, dict(creations=[acl(t.new)]), [("alter", *cluster)]),
        "DeleteAcls": (3, dict(filters=[DeleteAcls.Request.Filters(**anything)]), [("alter", *cluster)]),
        "DescribeConfigs": (4, dict(resources=[DescribeConfigs.Request.Resources(resource_type=2, resource_name=t.topic)]), [("describe_configs", *topic)]),
        "AlterConfigs": (2, dict(validate_only=True, resources=[AlterConfigs.Request.Resources(resource_type=2, resource_name=t.topic)]),
            [("alter_configs", *topic)]),
        "AlterReplicaLogDirs": (2, dict(dirs=[AlterReplicaLogDirs.Request.Dirs(path="/nowhere", topics=[
            AlterReplicaLogDirs.Request.Dirs.Topics(name=t.topic, partitions=[0])])]), [("alter", *cluster)]),
        "DescribeLogDirs": (5, dict(topics=[]), [("describe", *cluster)]),
        "SaslAuthenticate": (2, dict(auth_bytes=b""), NOTHING),
        "CreatePartitions": (3, dict(timeout_ms=5000, validate_only=True, topics=[CreatePartitions.Request.Topics(name=t.topic, count=2)]),
            [("alter", *topic)]),
        "CreateDelegationToken": (3, dict(owner_principal_type="User", owner_principal_name="bob", max_lifetime_ms=-1),
            [("create_tokens", USER, "User:bob")]),
        "RenewDelegationToken": (2, dict(hmac=b"none such", renew_period_ms=1), NOTHING),
        "ExpireDelegationToken": (2, dict(hmac=b"none such", expiry_time_period_ms=1), NOTHING),
        "DescribeDelegationToken": (3, dict(owners=None), NOTHING),
        "DeleteGroups": (2, dict(groups_names=[t.group]), [("delete", *group)]),
        "ElectLeaders": (2, dict(election_type=0, timeout_ms=5000, topic_partitions=[ElectLeaders.Request.TopicPartitions(topic=t.topic, partitions=[0])]),
            [("alter", *cluster)]),
        "IncrementalAlterConfigs": (1, dict(validate_only=True, resources=[
            IncrementalAlterConfigs.Request.Resources(resource_type=2, resource_name=t.topic)]), [("alter_configs", *topic)]),
        "AlterPartitionReassignments": (1, dict(timeout_ms=5000, topics=[AlterPartitionReassignments.Request.Topics(name=t.topic, partitions=[
            AlterPartitionReassignments.Request.Topics.Partitions(partition_index=0, replicas=None)])]), [("alter", *cluster)]),
        "ListPartitionReassignments": (0, dict(timeout_ms=5000, topics=None), [("describe", *cluster)]),
        "OffsetDelete": (0, dict(group_id=t.group, topics=[OffsetDelete.Request.Topics(name=t.topic, partitions=[
            OffsetDelete.Request.Topics.Partitions(partition_index=0)])]), [("delete", *group)]),
        "DescribeClientQuotas": (1, dict(components=[], strict=False), [("describe_configs", *cluster)]),
        "AlterClientQuotas": (1, dict(validate_only=True, entries=[AlterClientQuotas.Request.Entries(
            entity=[AlterClientQuotas.Request.Entries.Entity(entity_type="user", entity_name="x")],
            ops=[AlterClientQuotas.Request.Entries.Ops(key="producer_byte_rate", value=1e9)])]), [("alter_configs", *cluster)]),
        "DescribeUserScramCredentials": (0, dict(users=[DescribeUserScramCredentials.Request.Users(name="x")]), [("describe", *cluster)]),
        "AlterUserScramCredentials": (0, dict(deletions=[AlterUserScramCredentials.Request.Deletions(name="nobody", mechanism=1)], upsertions=[]),
            [("alter", *cluster)]),
        "DescribeQuorum": (2, dict(topics=[DescribeQuorum.Request.Topics(topic_name="__cluster_metadata", partitions=[
            DescribeQuorum.Request.Topics.Partitions(partition_index=0)])]), [("describe", *cluster)]),
        "UpdateFeatures": (2, dict(timeout_ms=5000, validate_only=True, feature_updates=[
            UpdateFeatures.Request.FeatureUpdates(feature="group.version", max_version_level=1, upgrade_type=1)]), [("alter", *cluster)]),
        "DescribeCluster": (2, dict(include_cluster_authorized_operations=True, endpoint_type=1), NOTHING),
        "DescribeProducers": (0, dict(topics=[DescribeProducers.Request.Topics(name=t.topic, partition_indexes=[0])]), [("read", *topic)]),
        "UnregisterBroker": (0, dict(broker_id=4711), [("alter", *cluster)]),
        "DescribeTransactions": (0, dict(transactional_ids=[t.transaction]), [("describe", *transaction)]),
        "ListTransactions": (2, {}, NOTHING),
        "ConsumerGroupHeartbeat": (1, dict(**member, rebalance_timeout_ms=10_000, subscribed_topic_names=[t.topic], topic_partitions=[]),
            [("read", *group), ("describe", *topic)]),
        "ConsumerGroupDescribe": (1, of_groups("group_ids"), [("describe", GROUP, t.nobodys)]),
        "GetTelemetrySubscriptions": (0, {}, NOTHING),
        "PushTelemetry": (0, dict(client_instance_id=bytes(15) + b"1", metrics=b""), NOTHING),
        "ListConfigResources": (1, {}, [("describe_configs", *cluster)]),
        "DescribeTopicPartitions": (0, dict(topics=[DescribeTopicPartitions.Request.Topics(name=t.topic)], response_partition_limit=10), [("describe", *topic)]),
        "ShareGroupHeartbeat": (1, dict(**member, subscribed_topic_names=[t.topic]), [("read", *group), ("describe", *topic)]),
        "ShareGroupDescribe": (1, of_groups("group_ids"), [("describe", GROUP, t.nobodys)]),
        "ShareFetch": (2, dict(group_id=t.group, member_id="m", share_session_epoch=0, max_wait_ms=0, max_bytes=1000, max_records=1, batch_size=1, topics=[
            ShareFetch.Request.Topics(topic_id=t.id, partitions=[ShareFetch.Request.Topics.Partitions(partition_index=0)])]),
            [("read", *group), ("read", *topic)]),
        "ShareAcknowledge": (2, dict(group_id=t.group, member_id="m", share_session_epoch=1, topics=[
            ShareAcknowledge.Request.Topics(topic_id=t.id, partitions=[ShareAcknowledge.Request.Topics.Partitions(partition_index=0)])]),
            [("read", *group)]),
        "AddRaftVoter": (1, dict(timeout_ms=5000, voter_id=4711, cluster_id="none such"), [("alter", *cluster)]),
        "RemoveRaftVoter": (0, dict(voter_id=4711, cluster_id="none such"), [("alter", *cluster)]),
        "InitializeShareGroupState": (0, share_state(InitializeShareGroupState), [("cluster_action", *cluster)]),
        "ReadShareGroupState": (0, share_state(ReadShareGroupState), [("cluster_action", *cluster)]),
        "WriteShareGroupState": (1, share_state(WriteShareGroupState), [("cluster_action", *cluster)]),
        "DeleteShareGroupState": (0, share_state(DeleteShareGroupState), [("cluster_action", *cluster)]),
        "ReadShareGroupStateSummary": (1, share_state(ReadShareGroupStateSummary), [("cluster_action", *cluster)]),
        "StreamsGroupHeartbeat": (0, dict(**member, rebalance_timeout_ms=10_000, topology=StreamsGroupHeartbeat.Request.Topology(
            subtopologies=[StreamsGroupHeartbeat.Request.Topology.Subtopologies(subtopology_id="0", source_topics=[t.topic])]),
            active_tasks=[], standby_tasks=[], warmup_tasks=[], process_id="p"), [("read", *group), ("describe", *topic)]),
        "StreamsGroupDescribe": (0, of_groups("group_ids"), [("describe", GROUP, t.nobodys)]),
        "DescribeShareGroupOffsets": (1, dict(groups=[DescribeShareGroupOffsets.Request.Groups(group_id=t.group, topics=[
            DescribeShareGroupOffsets.Request.Groups.Topics(topic_name=t.topic, partitions=[0])])]), [("describe", *group), ("describe", *topic)]),
        "AlterShareGroupOffsets": (0, dict(group_id=t.share, topics=[AlterShareGroupOffsets.Request.Topics(topic_name=t.topic, partitions=[
            AlterShareGroupOffsets.Request.Topics.Partitions(partition_index=0, start_offset=0)])]), [("read", GROUP, t.share), ("read", *topic)]),
        "DeleteShareGroupOffsets": (0, dict(group_id=t.share, topics=[DeleteShareGroupOffsets.Request.Topics(topic_name=t.topic)]),
            [("delete", GROUP, t.share), ("read", *topic)]),
    }  # fmt: skip
