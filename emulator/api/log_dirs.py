"""DescribeLogDirs, AlterReplicaLogDirs: which directory a replica is in, and how large it is (KIP-113)."""

from emulator.api.authorized import CLUSTER_NAME
from emulator.api.registry import handles
from wire import errors
from wire.apis.replication import AlterReplicaLogDirs, DescribeLogDirs
from wire.errors import KafkaError


@handles(DescribeLogDirs)
def describe_log_dirs(request, call, log_dirs):
    if not call.allowed("describe", "cluster", CLUSTER_NAME):
        return DescribeLogDirs.reply(error_code=errors.CLUSTER_AUTHORIZATION_FAILED)
    Result = DescribeLogDirs.Response.Results
    asked = request.topics
    wanted = None if asked is None else {(topic.topic, index) for topic in asked for index in topic.partitions}
    results = []
    for directory in log_dirs.describe(wanted):
        topics = {}
        for name, index, size in directory.partitions:
            topics.setdefault(name, []).append(Result.Topics.Partitions(partition_index=index, partition_size=size))
        results.append(
            Result(
                error_code=directory.error,
                log_dir=directory.path,
                topics=[Result.Topics(name=name, partitions=partitions) for name, partitions in topics.items()],
                total_bytes=directory.total,
                usable_bytes=directory.usable,
            )
        )
    return DescribeLogDirs.reply(results=results)


@handles(AlterReplicaLogDirs)
def alter_replica_log_dirs(request, call, log_dirs):
    Topic = AlterReplicaLogDirs.Response.Results
    if not call.allowed("alter", "cluster", CLUSTER_NAME):
        return AlterReplicaLogDirs.reply(results=_refused(Topic, request))
    paths = {(topic.name, index): directory.path for directory in request.dirs for topic in directory.topics for index in topic.partitions}
    answers = {}
    for (name, index), path in paths.items():
        answer = Topic.Partitions(partition_index=index)
        try:
            log_dirs.move(name, index, path)
        except KafkaError as error:
            answer.error_code = error.error
        answers.setdefault(name, []).append(answer)
    return AlterReplicaLogDirs.reply(results=[Topic(topic_name=name, partitions=found) for name, found in answers.items()])


def _refused(Topic, request):
    error = errors.CLUSTER_AUTHORIZATION_FAILED
    return [
        Topic(topic_name=topic.name, partitions=[Topic.Partitions(partition_index=index, error_code=error) for index in topic.partitions])
        for directory in request.dirs
        for topic in directory.topics
    ]
