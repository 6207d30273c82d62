"""Random requests to Apache Kafka and to the emulator, both new: every field of every answer is the same, or it is known why not."""

import random

import pytest
import servers
from differential.answers import brief
from differential.duel import Duel
from emulator.api import HANDLERS

ROUNDS = 3000

# What is drawn together: state that these share is what their answers are about.
FAMILIES = {
    "data": ("Produce", "Fetch", "ListOffsets", "OffsetForLeaderEpoch", "DeleteRecords", "DescribeProducers", "InitProducerId", "Metadata"),
    "topics": ("Metadata", "CreateTopics", "DeleteTopics", "CreatePartitions", "DescribeTopicPartitions", "DescribeCluster", "ListOffsets"),
    "groups": ("OffsetCommit", "OffsetFetch", "OffsetDelete", "ListGroups", "DescribeGroups", "DeleteGroups", "FindCoordinator",
               "JoinGroup", "SyncGroup", "Heartbeat", "LeaveGroup", "ConsumerGroupDescribe", "ShareGroupDescribe", "StreamsGroupDescribe"),
    "admin": ("DescribeClientQuotas", "AlterClientQuotas", "DescribeUserScramCredentials", "AlterUserScramCredentials", "SaslHandshake",
              "SaslAuthenticate", "CreateDelegationToken", "RenewDelegationToken", "ExpireDelegationToken", "DescribeDelegationToken",
              "GetTelemetrySubscriptions", "PushTelemetry", "DescribeAcls", "CreateAcls", "DeleteAcls"),
    "acls": ("DescribeAcls", "CreateAcls", "CreateAcls", "DeleteAcls"),
}  # fmt: skip
SETTINGS = {
    "acls": {"authorizer_class_name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super_users": "User:ANONYMOUS"},
}


@pytest.mark.soak
@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_answers(family, tmp_path_factory):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    apis = {handler.api.name: handler.api for handler in HANDLERS.values()}
    real, ours = (tmp_path_factory.mktemp(name) for name in ("kafka", "emulator"))
    settings = SETTINGS.get(family, {})
    with servers.real_kafka(real, **settings) as theirs, servers.emulator(ours, **settings) as here:
        duel = Duel(theirs, here, [apis[name] for name in FAMILIES[family]], seed)
        duel.prepare()
        duel.play(ROUNDS)
        duel.close()
    told = [
        f"{name} v{version} {brief(request)}: {path} is {brief(theirs)} at Kafka, {brief(here)} here"
        for name, version, request, found in duel.differences
        for path, theirs, here in found[:2]
    ]
    assert not told, "\n".join(told[:20])
