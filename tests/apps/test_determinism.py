"""The same seed and the same requests give the same answers, byte for byte, in another process at another time."""

import socket

from tests.api.test_data import fetch_request, produce_request
from tests.wire_client import WireClient
from wire.apis.configs import DescribeConfigs
from wire.apis.consumer_groups import ConsumerGroupDescribe, ConsumerGroupHeartbeat
from wire.apis.data import Fetch, ListOffsets, Produce
from wire.apis.groups import DescribeGroups, Heartbeat, JoinGroup, ListGroups, OffsetCommit, OffsetFetch, SyncGroup
from wire.apis.metadata import ApiVersions, DescribeCluster, FindCoordinator, Metadata
from wire.apis.share_groups import ShareGroupHeartbeat
from wire.apis.topics import CreateTopics
from wire.apis.transactions import AddPartitionsToTxn, EndTxn, InitProducerId, ListTransactions
from wire.internal import ConsumerSubscription
from wire.records import Record, build_batch

NOW = 1_893_456_000_000
TOPICS = ["orders", "views", "audit", "clicks", "metrics"]
Topics = CreateTopics.Request.Topics


class Conversation:
    """Says what is in the script and keeps every answer as it came."""

    def __init__(self, bootstrap):
        self.client = WireClient(bootstrap, client_id="script")
        self.frames = []

    def say(self, api, version, **fields):
        with_id = self.client.send(api, version, **fields)
        frame = self.client.receive_frame()
        self.frames.append((api.name, version, frame))
        return self._decode(api, version, frame, with_id)

    @staticmethod
    def _decode(api, version, frame, with_id):
        from wire.header import parse_response_header

        answered, position = parse_response_header(api, version, frame)
        assert answered == with_id
        return api.parse_response(version)(frame, position)[0]


def script(say, advance):
    say(ApiVersions, 4, client_software_name="script", client_software_version="1")
    say(CreateTopics, 7, timeout_ms=1000, topics=[Topics(name=name, num_partitions=7, replication_factor=1) for name in TOPICS])
    say(CreateTopics, 7, timeout_ms=1000, topics=[Topics(name="keyed", num_partitions=1, replication_factor=1, configs=[
        Topics.Configs(name="cleanup.policy", value="compact"), Topics.Configs(name="segment.jitter.ms", value="100000"),
        Topics.Configs(name="segment.ms", value="1000000")])])
    say(Metadata, 12, topics=None)
    say(DescribeCluster, 1)
    Resource = DescribeConfigs.Request.Resources
    say(DescribeConfigs, 4, resources=[Resource(resource_type=2, resource_name="keyed"), Resource(resource_type=4, resource_name="1")])
    say(FindCoordinator, 4, key_type=0, coordinator_keys=["classic", "modern", "shared"])
    say(FindCoordinator, 4, key_type=1, coordinator_keys=["txn"])
    for day in range(5):
        stamped = build_batch([Record(index, NOW + index, b"k%d" % index, b"%d" % day) for index in range(3)])
        say(Produce, 12, **produce_request("orders", stamped, partition=day))
        say(Produce, 12, **produce_request("keyed", stamped))
        advance("1d")
    say(Fetch, 12, **fetch_request("orders", 0, partition=3, session_id=0, session_epoch=0))
    say(ListOffsets, 7, topics=[ListOffsets.Request.Topics(name="orders", partitions=[
        ListOffsets.Request.Topics.Partitions(partition_index=index, timestamp=-1) for index in range(7)])])

    subscribed = ConsumerSubscription.build_from(3, topics=TOPICS, owned_partitions=[])
    fields = dict(group_id="classic", session_timeout_ms=30_000, rebalance_timeout_ms=10_000, protocol_type="consumer",
                  protocols=[JoinGroup.Request.Protocols(name="range", metadata=subscribed)])
    member = say(JoinGroup, 9, member_id="", **fields).member_id
    generation = say(JoinGroup, 9, member_id=member, **fields).generation_id
    mine = SyncGroup.Request.Assignments(member_id=member, assignment=b"all")
    say(SyncGroup, 5, group_id="classic", member_id=member, generation_id=generation, protocol_type="consumer", protocol_name="range",
        assignments=[mine])
    say(Heartbeat, 4, group_id="classic", member_id=member, generation_id=generation)
    position = OffsetCommit.Request.Topics.Partitions(partition_index=0, committed_offset=1, committed_metadata="")
    say(OffsetCommit, 8, group_id="classic", member_id=member, generation_id_or_member_epoch=generation,
        topics=[OffsetCommit.Request.Topics(name=name, partitions=[position]) for name in TOPICS])
    say(OffsetFetch, 8, groups=[OffsetFetch.Request.Groups(group_id="classic", topics=None)])
    say(DescribeGroups, 5, groups=["classic"])

    for _ in range(3):
        say(ConsumerGroupHeartbeat, 0, group_id="modern", member_id="", member_epoch=0, rebalance_timeout_ms=10_000,
            subscribed_topic_names=TOPICS, topic_partitions=[])
    say(ConsumerGroupDescribe, 1, group_ids=["modern"])
    say(ShareGroupHeartbeat, 1, group_id="shared", member_id="AAAAAAAAAAAAAAAAAAAAAA", member_epoch=0, subscribed_topic_names=TOPICS)

    producer = say(InitProducerId, 5, transactional_id="txn", transaction_timeout_ms=60_000, producer_id=-1, producer_epoch=-1)
    say(InitProducerId, 5, transactional_id=None, transaction_timeout_ms=60_000, producer_id=-1, producer_epoch=-1)
    names = [AddPartitionsToTxn.Request.V3AndBelowTopics(name=name, partitions=[0, 1]) for name in TOPICS]
    say(AddPartitionsToTxn, 3, v3_and_below_transactional_id="txn", v3_and_below_producer_id=producer.producer_id,
        v3_and_below_producer_epoch=producer.producer_epoch, v3_and_below_topics=names)
    advance("2m")
    say(ListTransactions, 1)
    say(EndTxn, 5, transactional_id="txn", producer_id=producer.producer_id, producer_epoch=producer.producer_epoch, committed=True)
    advance("5m --expire-sessions")
    say(ListGroups, 5)
    say(DescribeGroups, 5, groups=["classic"])
    say(Metadata, 12, topics=None)


def conversation(serve, run, port, seed, hash_seed, script=script):
    server = serve("--seed", seed, "--config", "virtual.yaml", listen=f"127.0.0.1:{port}", PYTHONHASHSEED=hash_seed)
    talk = Conversation(server.bootstrap)

    def advance(by):
        happened = run("clock", "advance", *by.split())
        assert happened.returncode == 0, happened.stderr
        talk.frames.append(("advance", by, happened.stdout))

    with talk.client:
        script(talk.say, advance)
    assert run("stop").returncode == 0
    return talk.frames


def test_it_all_comes_again(serve, run, home):
    # Who joins a second after another would find an assignment that is due: intervals are real time.
    at_once = "group.consumer.assignment.interval.ms: 0\ngroup.share.assignment.interval.ms: 0\n"
    (home / "virtual.yaml").write_text(f"clock: virtual\nclock.start: {NOW}\n{at_once}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    once, again = (conversation(serve, run, port, "7", hash_seed) for hash_seed in ("1", "2"))
    assert len(once) > 30
    for first, second in zip(once, again):
        assert first == second
    assert len(once) == len(again)


def test_another_seed_another_answer(serve, run, home):
    def script(say, advance):
        say(CreateTopics, 7, timeout_ms=1000, topics=[Topics(name="a", num_partitions=1, replication_factor=1)])

    (home / "virtual.yaml").write_text(f"clock: virtual\nclock.start: {NOW}\n")
    assert conversation(serve, run, 0, "7", "1", script) != conversation(serve, run, 0, "8", "1", script)
