"""The rounds: one request drawn, sent to both, the answers compared; then the next, as both now stand."""

import random
import re
import time
from concurrent.futures import ThreadPoolExecutor

from differential import rights
from differential.answers import brief, compare
from differential.members import Members
from differential.pairs import Pairs
from differential.values import GROUPS, TOPICS, TRANSACTIONAL_IDS, Values
from emulator.state.java import uuid_hash, uuid_key
from tests.wire_client import WireClient
from wire import errors
from wire.apis.consumer_groups import ConsumerGroupDescribe
from wire.apis.groups import DeleteGroups, ListGroups
from wire.apis.metadata import ApiVersions, FindCoordinator, Metadata
from wire.apis.quorum import DescribeQuorum
from wire.apis.share_groups import DescribeShareGroupOffsets, ShareGroupDescribe, ShareGroupHeartbeat
from wire.apis.sasl import AlterUserScramCredentials
from wire.apis.topics import CreateTopics, DeleteTopics
from wire.apis.transactions import ListTransactions
from wire.internal.consumer_protocol import subscribed_topics
from wire.record import Record
from wire.types import Malformed

# Kafka is at work on something that the emulator does at once: ask again.
_BUSY = frozenset({errors.COORDINATOR_LOAD_IN_PROGRESS, errors.COORDINATOR_NOT_AVAILABLE, errors.NOT_COORDINATOR,
                   errors.CONCURRENT_TRANSACTIONS, errors.LEADER_NOT_AVAILABLE, errors.NOT_LEADER_OR_FOLLOWER})  # fmt: skip
_NEW_RIGHTS = 0.1  # in each round
_PATIENCE = 20  # seconds
_ENDS_TRANSACTIONS = frozenset({"EndTxn", "InitProducerId"})  # Kafka writes the markers once it has answered
_BROKER_LOGGER = 8
_HIGHEST = -3  # of the timestamps that ListOffsets knows
_READS = ("Describe", "List", "Metadata")
_SHARED = re.compile(r"assignment\.topic_partitions(\[\d+\]\.partitions(\[\d+\])?)?$")
_OF_SESSIONS = frozenset({"ShareFetch", "ShareAcknowledge"})
_ANY_SHARE_PARTITION = f"any:{'A' * 22}:0"


_GO_ON_BY_THEMSELVES = {"ConsumerGroupHeartbeat": ConsumerGroupDescribe, "ShareGroupHeartbeat": ShareGroupDescribe}
SILENT = "no answer"


class Side:
    """One server: a connection that is made anew when the server ended it. `user`: (name, password) of who asks, where servers want to know.

    `admin`: another Side, over which all is asked that prepares a duel and watches it; without users that is this one.
    """

    def __init__(self, bootstrap, admin=None, user=None):
        self.bootstrap = bootstrap
        self.admin = self if admin is None else Side(bootstrap, user=admin)
        self._user = user
        self._client = None

    def ask(self, api, version, request, answered=True):
        """The response record, or "closed", or None where none is expected."""
        try:
            if self._client is None:
                self._client = WireClient(self.bootstrap, "duel", timeout=10)
                if self._user:
                    self._client.log_in(*self._user)
            client = self._client
            client.socket.sendall(client.frame(api, version, request))
            if answered:
                return client.receive(api, version, client._correlation_id)
            # Without an answer: the next request tells that it is over. Refused, it ends the connection (at Kafka at
            # some time, now and then never: the connection is then deaf).
            client.socket.settimeout(1)
            self.ask(ApiVersions, 0, ApiVersions.Request())
            self._hang_up()
            return None
        except TimeoutError:
            self._hang_up()
            return SILENT
        except ConnectionError:
            self._hang_up()
            return "closed"
        except AssertionError as reason:
            self._hang_up()
            return str(reason)

    def call(self, api, version, **fields):
        return self.admin.ask(api, version, api.Request(**fields))

    def close(self):
        if self.admin is not self:
            self.admin.close()
        self._hang_up()

    def _hang_up(self):
        if self._client is not None:
            self._client.socket.close()
            self._client = None


class Duel:
    """`real` and `ours` are bootstrap addresses of fresh servers; `apis` are drawn from, `seed` fixes the draws.
    `users`: (name, password) of a super user, and of one who asks, with rights that are drawn anew now and then.

    `differences` collects (api, version, request, [(path, Kafka's, ours)]); `played` counts {(api name, version): requests}.
    """

    def __init__(self, real, ours, apis, seed, now=None, users=()):
        self.sides = Side(real, *users), Side(ours, *users)
        self._has_rights = bool(users)
        self._other_thread = ThreadPoolExecutor(1)
        self.random = random.Random(seed)
        self.pairs = Pairs()
        self.members = Members(self.pairs)
        self.apis = apis
        self._has_transactions = any(api.name == "EndTxn" for api in apis)
        self.differences = []
        self.stumbled = []
        self._is_deaf = False  # Kafka: it left a request unanswered, and does not see that this connection is gone
        self.played = {}
        self.last = None
        self.began = int(time.time() * 1000) - 1000
        self.now = self.began - 1_000_000 if now is None else now  # clients' records are older than what servers stamp

    def prepare(self):
        """The same topics on both, and coordinators that are ready."""
        topics = [CreateTopics.Request.Topics(name=name, num_partitions=3 - index, replication_factor=1) for index, name in enumerate(TOPICS)]
        for side in self.sides:  # a broker that has just started is not fit for replicas yet
            _until(lambda: _are_there(side.call(CreateTopics, 7, topics=topics, timeout_ms=5000)))
        self._give_ids_that_are_alike(topics)
        compare(*(side.call(Metadata, 12, topics=None) for side in self.sides), self.pairs)
        # Kafka's broker loses a user that comes in the request that takes the last one of its mechanism away (ScramDelta.apply):
        # one stays.
        Upsertion = AlterUserScramCredentials.Request.Upsertions
        stays = [Upsertion(name="stays", mechanism=mechanism, iterations=4096, salt=b"salt", salted_password=b"x") for mechanism in (1, 2)]
        for side in self.sides:
            for one in stays:
                side.call(AlterUserScramCredentials, 0, upsertions=[one], deletions=[])
        self._settle()
        for kind, keys in ((0, GROUPS.values()), (1, TRANSACTIONAL_IDS), (2, (_ANY_SHARE_PARTITION,))):
            for key in keys:
                for side in self.sides:
                    _until(lambda: _is_found(side.call(FindCoordinator, 6, key_type=kind, coordinator_keys=[key])))
        if any(api.name.startswith("Share") for api in self.apis):
            for side in self.sides:
                _share_once(side)

    def _give_ids_that_are_alike(self, topics):
        """Kafka's assignors walk topics by their ids, which it draws: here each is made anew until its id has the place of that one."""
        theirs, ours = self.sides
        names = [topic.name for topic in topics]
        wanted = _ids(theirs, names)
        for index, topic in enumerate(topics, 1):
            while _places(_ids(ours, names)[:index]) != _places(wanted[:index]):
                ours.call(DeleteTopics, 6, topics=[DeleteTopics.Request.Topics(name=topic.name)], timeout_ms=5000)
                ours.call(CreateTopics, 7, topics=[topic], timeout_ms=5000)

    def play(self, rounds, api=None):
        for _ in range(rounds):
            if self._has_rights and self.random.random() < _NEW_RIGHTS:
                self._change_rights()
            self.round(api or self.random.choice(self.apis))

    def _change_rights(self):
        self.rights = rights.draw(self.random)
        for side in self.sides:
            rights.give(side, self.rights)
        self._settle()
        time.sleep(0.02)  # the controller's authorizer is one of its own

    def round(self, api, version=None):
        if version is None:
            version = self.random.randint(api.versions.min, api.versions.max)
        request = Values(self.random, self.pairs, self.now).request(api, version)
        self.exchange(api, version, self.members.go_on(api, request, self.random))

    def exchange(self, api, version, request):
        if api.name == "JoinGroup" and (_stalls_kafka(request) or self._makes_kafka_forget(request) or self._is_luck(request)):
            return
        if api.name == "DescribeConfigs" and any(_all_loggers(each) for each in request.resources):
            return  # see NOT_SENT
        if api.name == "ListOffsets" and self._has_transactions and _asks_for_highest_timestamp(request):
            return  # see NOT_SENT
        if api.name == "ConsumerGroupHeartbeat" and request.member_id == "":
            return  # see NOT_SENT
        self.last = api.name, version, request
        self.played[api.name, version] = self.played.get((api.name, version), 0) + 1
        answered = getattr(request, "acks", 1) != 0 or api.name != "Produce"
        try:
            asked = [self.pairs.realize(request, side) for side in (0, 1)]
            # Both at once: what waits for long must not wait for the one after the other.
            asking = self._other_thread.submit(self.sides[0].ask, api, version, asked[0], answered)
            ours = self.sides[1].ask(api, version, asked[1], answered)
            real = asking.result()
        except ValueError:
            return  # a value that this version cannot carry
        real = self._until_idle(real, api, version, asked[0], answered, ours)
        self._settle()
        if api.name in _ENDS_TRANSACTIONS:
            deadline = time.monotonic() + 1
            while _are_ending(self.sides[0]) and time.monotonic() < deadline:
                time.sleep(0.005)
        if api.name in _GO_ON_BY_THEMSELVES and (api.name[0] == "S" or request.subscribed_topic_regex):
            self._let_group_go_on(_GO_ON_BY_THEMSELVES[api.name], request.group_id)
        found = self._compare(real, ours)
        deadline = time.monotonic() + 1
        while found and isinstance(real, Record) and api.name.startswith(_READS) and time.monotonic() < deadline:
            # Kafka publishes what it learnt in steps, and ends transactions in steps: what it answered between two of them is not there any more.
            real, ours = (side.ask(api, version, each) for side, each in zip(self.sides, asked))
            found = self._compare(real, ours)
        self._is_deaf = self._is_deaf or real == SILENT
        if found and (real == SILENT or errors.UNKNOWN_SERVER_ERROR in _errors(real) or self._is_deaf and api.name in _OF_SESSIONS):
            self.stumbled.append((api.name, version, request))  # Kafka itself, over something that it did not foresee
        elif found:
            self.differences.append((api.name, version, request, list(found)))
        else:
            self.members.heard(api, request, real)

    def _let_group_go_on(self, describe, group_id):
        """Once it has answered Kafka goes on in another thread, and then the group has a new epoch: it looks for the topics that an expression
        matches, and initializes what a share group subscribes to."""

        def seen(side):
            offsets = side.call(DescribeShareGroupOffsets, 0, groups=[DescribeShareGroupOffsets.Request.Groups(group_id=group_id, topics=None)])
            topics = {topic.topic_name for topic in offsets.groups[0].topics}  # those that are initialized
            return topics, [group.group_epoch for group in side.call(describe, 1, group_ids=[group_id]).groups]

        deadline = time.monotonic() + 5
        while seen(self.sides[0]) != seen(self.sides[1]) and time.monotonic() < deadline:
            time.sleep(0.005)

    def _makes_kafka_forget(self, request):
        """See NOT_SENT of families.py."""
        return request.member_id != "" and self._group(request.group_id)[1:] == ("Empty", False)

    def _is_luck(self, request):
        """See NOT_SENT of families.py."""
        return (request.rebalance_timeout_ms < 60000 or request.member_id == "") and self._group(request.group_id)[0] == "consumer"

    def _group(self, group_id):
        """(type, state, whether it is a classic one) of a group, None where there is none."""
        for group in self.sides[1].call(ListGroups, 5).groups:
            if group.group_id == group_id:
                return group.group_type, group.group_state, group.group_type == "classic"
        return None, None, None

    def _compare(self, real, ours):
        if isinstance(real, Record) and isinstance(ours, Record):
            found = compare(real, ours, self.pairs, self.began)
            return [one for one in found if not (type(real).__qualname__.startswith("Share") and _SHARED.search(one[0]))]
        return [] if real == ours else [("", real, ours)]

    def _until_idle(self, real, api, version, request, answered, ours):
        """Kafka's answer, which it is asked for again while it is busy with something that is done here."""
        deadline = time.monotonic() + _PATIENCE
        while _errors(real) & _BUSY - _errors(ours) and time.monotonic() < deadline:
            time.sleep(0.02)
            real = self.sides[0].ask(api, version, request, answered)
        return real

    def _settle(self):
        """Until Kafka's broker has seen all that its controller wrote: the answer of ApiVersions tells how far it is."""
        real = self.sides[0]
        topic = DescribeQuorum.Request.Topics(topic_name="__cluster_metadata", partitions=[DescribeQuorum.Request.Topics.Partitions(partition_index=0)])
        leader = real.call(DescribeQuorum, 0, topics=[topic])
        if not isinstance(leader, Record):
            return
        end = leader.topics[0].partitions[0].high_watermark
        _until(lambda: real.call(ApiVersions, 3, client_software_name="duel", client_software_version="1").finalized_features_epoch >= end - 1)

    def told(self, where, and_where):
        """Of each difference a line or two: what is there "at Kafka", say, and what "here"."""
        return [
            f"{name} v{version} {brief(request)}: {path} is {brief(one)} {where}, {brief(other)} {and_where}"
            for name, version, request, found in self.differences
            for path, one, other in found[:2]
        ]

    def close(self):
        self._other_thread.shutdown()
        for side in self.sides:
            side.close()


def _are_there(answer):
    return isinstance(answer, Record) and all(topic.error_code in (errors.NONE, errors.TOPIC_ALREADY_EXISTS) for topic in answer.topics)


def _ids(side, names):
    found = {topic.name: topic.topic_id for topic in side.call(Metadata, 12, topics=None).topics}
    return [found[name] for name in names]


def _places(ids):
    """Where ids stand in a hash map of 16 buckets (and so of fewer), and in order."""
    hashes = [uuid_hash(one) & 0xFFFFFFFF for one in ids]
    return [(one ^ one >> 16) & 15 for one in hashes], sorted(range(len(ids)), key=lambda at: uuid_key(ids[at]))


def _share_once(side):
    """A share group comes and goes: the first one takes Kafka longer than any other."""
    member = {"group_id": "first", "member_id": "first"}
    epoch = [side.call(ShareGroupHeartbeat, 1, **member, member_epoch=0, subscribed_topic_names=[TOPICS[0]]).member_epoch]

    def is_given_all():
        answer = side.call(ShareGroupHeartbeat, 1, **member, member_epoch=epoch[0])
        epoch[0] = answer.member_epoch
        return answer.assignment is not None and answer.assignment.topic_partitions

    _until(is_given_all)
    side.call(ShareGroupHeartbeat, 1, **member, member_epoch=-1)
    _until(lambda: side.call(DeleteGroups, 2, groups_names=["first"]).results[0].error_code == errors.NONE)


def _is_found(answer):
    return isinstance(answer, Record) and answer.coordinators[0].error_code == errors.NONE


def _all_loggers(resource):
    return resource.resource_type == _BROKER_LOGGER and not resource.configuration_keys  # no list, or one of nothing, means all


def _asks_for_highest_timestamp(request):
    return any(partition.timestamp == _HIGHEST for topic in request.topics for partition in topic.partitions)


def _are_ending(side):
    return any(each.transaction_state.startswith("Prepare") for each in side.call(ListTransactions, 2).transaction_states)


def _errors(answer):
    """Every error code in an answer."""
    if isinstance(answer, Record):
        found = set()
        for name in answer.fields_in_order:
            value = getattr(answer, name)
            if name == "error_code":
                found.add(value)
            elif isinstance(value, (Record, list, tuple)):
                found |= _errors(value)
        return found
    if isinstance(answer, (list, tuple)):
        return set().union(*map(_errors, answer)) if answer else set()
    return set()


def _stalls_kafka(request):
    """See NOT_SENT of families.py."""
    try:
        for protocol in request.protocols:
            if protocol.metadata and request.protocol_type == "consumer":
                subscribed_topics(protocol.metadata)
    except Malformed:
        return True
    return False


def _until(condition):
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("Kafka is not ready")
        time.sleep(0.002)
