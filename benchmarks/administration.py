"""What administrative requests cost with 1, 100 and 2,000 topics: a table of medians in microseconds, the emulator's beside Kafka's.

Every request is the only one under way, on a raw socket, and is timed from its first byte to the last of its answer. Both servers
are first warmed by hundreds of the same.
"""

import itertools
import statistics
import sys
import time

from benchmarks import raw, servers
from benchmarks.curves import OF_BROKER, OF_TOPIC, SET
from benchmarks.members import answer, find_coordinator, message
from wire import errors
from wire.apis.acls import CreateAcls, DeleteAcls, DescribeAcls
from wire.apis.configs import AlterConfigs, DescribeConfigs, IncrementalAlterConfigs, ListConfigResources
from wire.apis.consumer_groups import ConsumerGroupDescribe
from wire.apis.data import DeleteRecords, ListOffsets
from wire.apis.delegation_tokens import DescribeDelegationToken
from wire.apis.groups import DeleteGroups, DescribeGroups, ListGroups, OffsetCommit, OffsetDelete, OffsetFetch
from wire.apis.metadata import ApiVersions, DescribeCluster, DescribeTopicPartitions, FindCoordinator, Metadata, UpdateFeatures
from wire.apis.quorum import DescribeQuorum
from wire.apis.quotas import AlterClientQuotas, DescribeClientQuotas
from wire.apis.replication import AlterReplicaLogDirs, DescribeLogDirs
from wire.apis.sasl import AlterUserScramCredentials, DescribeUserScramCredentials
from wire.apis.telemetry import GetTelemetrySubscriptions
from wire.apis.topics import AlterPartitionReassignments, CreatePartitions, CreateTopics, DeleteTopics, ElectLeaders, ListPartitionReassignments
from wire.apis.transactions import DescribeProducers, DescribeTransactions, InitProducerId, ListTransactions
from wire.record import Record

TOPICS = (1, 100, 2_000)
WARMING, MEASURED = (400, 2.0), (100, 1.5)  # requests at most, seconds at most
FEWEST = 5
AT_ONCE = 100  # topics that one request creates
GROUP, TRANSACTIONAL_ID, USER = "administered", "none", "alice"


def request(api, version, /, **fields):
    """A request frame, its nested messages given as dictionaries."""
    return message(api, version, **_plain(api.Request, fields))


def _plain(cls, fields):
    return {name: [_nested(cls, name, one) for one in value] if isinstance(value, list) else value for name, value in fields.items()}


def _nested(cls, name, value):
    if not isinstance(value, dict):
        return value
    nested = getattr(cls, "".join(word.title() for word in name.split("_")))
    return nested(**_plain(nested, value))


def rows(names, made, serial):
    """{row: (api, version, error codes of the answer beside none, frames)} of a server that has topics of these names.

    CreateTopics adds to `made`, DeleteTopics ends with it; `serial` numbers what must be new.
    """
    one = names[0]

    def same(api, version, expected=frozenset(), /, **fields):
        return api, version, expected, itertools.repeat(request(api, version, **fields))

    def each(api, version, fields, of=serial):
        return api, version, frozenset(), (request(api, version, **fields(item)) for item in of)

    def creation(number):
        made.append(f"made-{number}")
        return {"topics": [{"name": made[-1], "num_partitions": 1, "replication_factor": 1}], "timeout_ms": 60_000}

    grown = ((name, count) for count in itertools.count(2) for name in made)
    entity = [{"entity_type": "user", "entity_name": USER}]
    refused = {"resource_type": 2, "resource_name": one, "resource_pattern_type": 3, "principal": "User:a", "host": "*", "operation": 3,
               "permission_type": 3}  # fmt: skip
    pattern = {"resource_type_filter": 2, "resource_name_filter": one, "pattern_type_filter": 3, "principal_filter": None,
               "host_filter": None, "operation": 1, "permission_type": 1}  # fmt: skip
    return {
        "ApiVersions": same(ApiVersions, 4, client_software_name="benchmarks", client_software_version="1"),
        "Metadata of one topic": same(Metadata, 12, topics=[{"name": one}]),
        "Metadata of all topics": same(Metadata, 12, topics=None),
        "DescribeTopicPartitions of all": same(DescribeTopicPartitions, 0, topics=[], response_partition_limit=2000),
        "DescribeCluster": same(DescribeCluster, 2, endpoint_type=1),
        "FindCoordinator": same(FindCoordinator, 6, key_type=0, coordinator_keys=[GROUP]),
        "DescribeConfigs of a topic": same(DescribeConfigs, 4, resources=[_whole(OF_TOPIC, one)]),
        "DescribeConfigs of all topics": same(DescribeConfigs, 4, resources=[_whole(OF_TOPIC, name) for name in names]),
        "DescribeConfigs of the broker": same(DescribeConfigs, 4, resources=[_whole(OF_BROKER, "1")], include_synonyms=True),
        "ListConfigResources": same(ListConfigResources, 1, resource_types=[]),
        "ListOffsets of all": same(ListOffsets, 9, replica_id=-1, topics=[
            {"name": name, "partitions": [{"partition_index": 0, "timestamp": -1}]} for name in names]),
        "DescribeLogDirs of all": same(DescribeLogDirs, 4, topics=None),
        "DeleteRecords": same(DeleteRecords, 2, topics=[{"name": one, "partitions": [{"partition_index": 0, "offset": 0}]}], timeout_ms=60_000),
        "DescribeProducers": same(DescribeProducers, 0, topics=[{"name": one, "partition_indexes": [0]}]),
        "ListTransactions": same(ListTransactions, 1),
        "DescribeTransactions": same(DescribeTransactions, 0, {errors.TRANSACTIONAL_ID_NOT_FOUND}, transactional_ids=[TRANSACTIONAL_ID]),
        "InitProducerId": same(InitProducerId, 5, {errors.COORDINATOR_LOAD_IN_PROGRESS}, transactional_id=None, transaction_timeout_ms=60_000),
        "ListGroups": same(ListGroups, 5),
        "DescribeGroups": same(DescribeGroups, 5, groups=[GROUP]),
        "ConsumerGroupDescribe": same(ConsumerGroupDescribe, 1, {errors.GROUP_ID_NOT_FOUND}, group_ids=[GROUP]),
        "OffsetFetch of all": same(OffsetFetch, 9, groups=[{"group_id": GROUP, "topics": None}]),
        "OffsetDelete": same(OffsetDelete, 0, {errors.UNKNOWN_TOPIC_OR_PARTITION}, group_id=GROUP, topics=[{"name": "none", "partitions": [{"partition_index": 0}]}]),
        "DeleteGroups": same(DeleteGroups, 2, {errors.GROUP_ID_NOT_FOUND}, groups_names=["none"]),
        "DescribeQuorum": same(DescribeQuorum, 2, topics=[{"topic_name": "__cluster_metadata", "partitions": [{"partition_index": 0}]}]),
        "UpdateFeatures, validated": same(UpdateFeatures, 1, timeout_ms=60_000, validate_only=True, feature_updates=[
            {"feature": "group.version", "max_version_level": 1, "upgrade_type": 1}]),
        "DescribeAcls, refused": same(DescribeAcls, 3, {errors.SECURITY_DISABLED}, **pattern),
        "CreateAcls, refused": same(CreateAcls, 3, {errors.SECURITY_DISABLED}, creations=[refused]),
        "DeleteAcls, refused": same(DeleteAcls, 3, {errors.SECURITY_DISABLED}, filters=[pattern]),
        "DescribeDelegationToken, refused": same(DescribeDelegationToken, 3, {errors.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED}, owners=None),
        "DescribeUserScramCredentials": same(DescribeUserScramCredentials, 0, users=None),
        "AlterUserScramCredentials": same(AlterUserScramCredentials, 0, deletions=[], upsertions=[
            {"name": USER, "mechanism": 1, "iterations": 4096, "salt": b"salt", "salted_password": b"x" * 32}]),
        "GetTelemetrySubscriptions": same(GetTelemetrySubscriptions, 0, {errors.UNSUPPORTED_VERSION}),
        "DescribeClientQuotas": same(DescribeClientQuotas, 1, components=[], strict=False),
        "AlterClientQuotas": each(AlterClientQuotas, 1, lambda number: {"entries": [
            {"entity": entity, "ops": [{"key": "producer_byte_rate", "value": 1e12 + number, "remove": False}]}]}),
        "ListPartitionReassignments": same(ListPartitionReassignments, 0, topics=None, timeout_ms=60_000),
        "AlterPartitionReassignments": same(AlterPartitionReassignments, 1, timeout_ms=60_000, topics=[
            {"name": one, "partitions": [{"partition_index": 0, "replicas": [1]}]}]),
        "ElectLeaders": same(ElectLeaders, 2, {errors.ELECTION_NOT_NEEDED}, election_type=0, timeout_ms=60_000, topic_partitions=[
            {"topic": one, "partitions": [0]}]),
        "AlterReplicaLogDirs, refused": same(AlterReplicaLogDirs, 2, {errors.LOG_DIR_NOT_FOUND}, dirs=[
            {"path": "/nowhere", "topics": [{"name": one, "partitions": [0]}]}]),
        "IncrementalAlterConfigs": each(IncrementalAlterConfigs, 1, lambda number: {"resources": [
            {"resource_type": OF_TOPIC, "resource_name": one, "configs": [
                {"name": "retention.ms", "config_operation": SET, "value": str(10**10 + number)}]}]}),
        "AlterConfigs": each(AlterConfigs, 2, lambda number: {"resources": [
            {"resource_type": OF_TOPIC, "resource_name": one, "configs": [{"name": "retention.ms", "value": str(10**10 + number)}]}]}),
        "CreateTopics": each(CreateTopics, 7, creation),
        "CreatePartitions": each(CreatePartitions, 3, lambda grows: {"timeout_ms": 60_000, "topics": [
            {"name": grows[0], "count": grows[1], "assignments": None}]}, grown),
        "DeleteTopics": each(DeleteTopics, 6, lambda _: _deletion([made.pop()]), iter(lambda: bool(made), False)),
    }


def _deletion(names):
    return {"timeout_ms": 60_000, "topics": [{"name": name} for name in names]}


def _whole(kind, name):
    return {"resource_type": kind, "resource_name": name, "configuration_keys": None}


def codes(value):
    """Every error code of an answer."""
    if isinstance(value, Record):
        own = {value.error_code} if hasattr(value, "error_code") else set()
        return own.union(*(codes(getattr(value, name)) for name in value.fields_in_order))
    return set().union(*map(codes, value)) if isinstance(value, (list, tuple)) else set()


def median_us(connection, row, limits):
    """Of as many requests as `limits` let: (requests, seconds)."""
    api, version, expected, frames = row
    most, seconds = limits
    took, ends = [], time.perf_counter() + seconds
    for frame in itertools.islice(frames, most):
        started = time.perf_counter()
        reply = connection.call(frame)
        took.append(time.perf_counter() - started)
        if len(took) in (1, FEWEST):  # a client that reads every answer disturbs the clock
            seen = codes(answer(api, version, reply)) - {errors.NONE}
            if seen - expected:
                raise ValueError(f"{api.name} was answered with errors {seen}")
        if len(took) >= FEWEST and time.perf_counter() > ends:
            break
    return statistics.median(took) * 1e6


def fill(connection, names):
    """Topics of one partition each, and an offset of each that a group has committed."""
    for first in range(0, len(names), AT_ONCE):
        asked = [{"name": name, "num_partitions": 1, "replication_factor": 1} for name in names[first : first + AT_ONCE]]
        made = answer(CreateTopics, 7, connection.call(request(CreateTopics, 7, topics=asked, timeout_ms=60_000)))
        if codes(made) - {errors.NONE}:
            raise ValueError(f"CreateTopics was answered with errors {codes(made)}")
    committed = [{"name": name, "partitions": [{"partition_index": 0, "committed_offset": 0}]} for name in names]
    deadline = time.monotonic() + 120
    while codes(answer(OffsetCommit, 8, connection.call(request(
            OffsetCommit, 8, group_id=GROUP, generation_id_or_member_epoch=-1, member_id="", topics=committed)))) - {errors.NONE}:
        if time.monotonic() > deadline:
            raise ValueError("offsets of the new topics cannot be committed")
        time.sleep(0.1)


def measure(server, counts):
    """{row: [a median for each of `counts` topics]}"""
    found, names, made, serial = {}, [], [], itertools.count()
    find_coordinator(server.address, GROUP)
    find_coordinator(server.address, TRANSACTIONAL_ID, kind=1)
    with raw.Connection(server.address) as connection:
        for count in counts:
            new = [f"topic-{number:04}" for number in range(len(names), count)]
            fill(connection, new)
            names += new
            for limits in (WARMING, MEASURED):
                for title, row in rows(names, made, serial).items():
                    try:
                        figure = median_us(connection, row, limits)
                    except (OSError, ValueError) as why:
                        raise ValueError(f"{title} of {count:,} topics: {why}") from why
                    if limits is MEASURED:
                        found.setdefault(title, []).append(figure)
                connection.call(request(DeleteTopics, 6, **_deletion(made)))
                made.clear()
            print(f"{server.kind.name}: {count:,} topics", file=sys.stderr, flush=True)
    return found


def show(counts, found):
    """`found`: {server's name: what `measure` gave}."""
    kinds = list(found)
    width = max(len(title) for each in found.values() for title in each)
    print("An administrative request's time with so many topics, us\n" + " " * width + "".join(
        f"{f'{kind}, {count:,}':>18}" for count in counts for kind in kinds))
    for title in next(iter(found.values())):
        figures = [found[kind][title][at] for at in range(len(counts)) for kind in kinds]
        print(f"{title:<{width}}" + "".join(f"{figure:>18,.0f}" for figure in figures))
    if len(kinds) == 2:
        own, other = kinds
        slower = [f"{title} at {count:,}" for title in found[own] for at, count in enumerate(counts)
                  if found[own][title][at] > found[other][title][at]]
        print(f"\nSlower than {other}: {', '.join(slower) or 'none'}.")


def main(kinds, quick):
    counts = TOPICS[:2] if quick else TOPICS
    found = {}
    for kind in kinds:
        with servers.Running(kind) as server:
            found[kind.name] = measure(server, counts)
    show(counts, found)
