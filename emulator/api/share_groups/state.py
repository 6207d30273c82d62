"""InitializeShareGroupState, ReadShareGroupState, WriteShareGroupState, DeleteShareGroupState, ReadShareGroupStateSummary:
what leaders of partitions, here or on another broker, ask of the share coordinator.

Source: KafkaApis, org.apache.kafka.coordinator.share.ShareCoordinatorService of Kafka 4.3.1; KIP-932.
"""

from emulator.api.authorized import CLUSTER_NAME
from emulator.api.registry import handles
from emulator.api.share_groups.common import NOT_COORDINATOR_TEXT
from emulator.state.cluster.names import SHARE_GROUP_STATE
from emulator.state.java import hash_order, int_hash, uuid_hash
from emulator.state.share.state import NO_OFFSET
from wire import errors
from wire.apis.share_groups import (
    DeleteShareGroupState, InitializeShareGroupState, ReadShareGroupState, ReadShareGroupStateSummary, WriteShareGroupState,
)
from wire.errors import KafkaError

_TEXTS = {
    errors.UNKNOWN_TOPIC_OR_PARTITION: "This server does not host this topic-partition.",
    errors.CLUSTER_AUTHORIZATION_FAILED: "Cluster authorization failed.",
    errors.FENCED_LEADER_EPOCH: "The leader epoch in the request is older than the epoch on the broker.",
    errors.FENCED_STATE_EPOCH: "The share coordinator rejected the request because the share-group state epoch did not match.",
}


def _answer(api, request, call, cluster, verb, answer_partition):
    """The response, with what `answer_partition(key, asked)` gives for each partition; all or nothing is refused at the door."""
    Result = api.Response.Results
    Partition = Result.Partitions
    if not call.allowed("cluster_action", "cluster", CLUSTER_NAME):
        error = errors.CLUSTER_AUTHORIZATION_FAILED
        return api.reply(
            results=[
                Result(
                    topic_id=topic.topic_id,
                    partitions=[Partition(partition=asked.partition, error_code=error, error_message=_TEXTS[error]) for asked in topic.partitions],
                )
                for topic in request.topics
            ]
        )
    all_say_where = api is InitializeShareGroupState or all(topic.partitions for topic in request.topics)
    if not request.group_id or not all_say_where:
        return api.reply()
    is_there = SHARE_GROUP_STATE in cluster.topics
    answers = {}
    for topic in request.topics:
        for asked in topic.partitions:
            index = asked.partition
            try:
                if not is_there:
                    message = f"Unable to {verb} share group state{_OF_SUMMARY.get(api, '')}: {NOT_COORDINATOR_TEXT}"
                    raise KafkaError(errors.NOT_COORDINATOR, message)
                fields = answer_partition((request.group_id, topic.topic_id, index), asked) or {}
                answer = Partition(partition=index, **fields)
            except KafkaError as refusal:
                text = refusal.message or _TEXTS.get(refusal.error)
                answer = Partition(partition=index, error_code=refusal.error, error_message=text)
            answers.setdefault(topic.topic_id, {})[index] = answer
    return api.reply(
        results=[
            Result(topic_id=topic_id, partitions=[answers[topic_id][index] for index in hash_order(answers[topic_id], int_hash)])
            for topic_id in hash_order(answers, uuid_hash)
        ]
    )


_OF_SUMMARY = {ReadShareGroupStateSummary: " summary"}


@handles(InitializeShareGroupState)
def initialize_share_group_state(request, call, cluster, persister):
    def initialize(key, asked):
        persister.initialize(key, asked.state_epoch, asked.start_offset)

    return _answer(InitializeShareGroupState, request, call, cluster, "initialize", initialize)


@handles(ReadShareGroupState)
def read_share_group_state(request, call, cluster, persister):
    Batch = ReadShareGroupState.Response.Results.Partitions.StateBatches

    def read(key, asked):
        state = persister.read(key, asked.leader_epoch)
        return {
            "state_epoch": state.state_epoch,
            "start_offset": state.start_offset,
            "state_batches": [
                Batch(first_offset=first, last_offset=last, delivery_state=fate, delivery_count=count) for first, last, fate, count in state.batches
            ],
        }

    return _answer(ReadShareGroupState, request, call, cluster, "read", read)


@handles(WriteShareGroupState)
def write_share_group_state(request, call, cluster, persister):
    def write(key, asked):
        batches = [(each.first_offset, each.last_offset, each.delivery_state, each.delivery_count) for each in asked.state_batches]
        persister.write(key, asked.state_epoch, asked.leader_epoch, asked.start_offset, asked.delivery_complete_count, batches)

    return _answer(WriteShareGroupState, request, call, cluster, "write", write)


@handles(DeleteShareGroupState)
def delete_share_group_state(request, call, cluster, persister):
    return _answer(DeleteShareGroupState, request, call, cluster, "delete", lambda key, _: persister.delete(key))


@handles(ReadShareGroupStateSummary)
def read_share_group_state_summary(request, call, cluster, persister):
    def summary(key, _):
        state = persister.checked_summary(key)
        if state is None:
            return {"start_offset": NO_OFFSET, "delivery_complete_count": NO_OFFSET}
        return {
            "state_epoch": state.state_epoch,
            "leader_epoch": state.leader_epoch,
            "start_offset": state.start_offset,
            "delivery_complete_count": state.delivery_complete_count,
        }

    return _answer(ReadShareGroupStateSummary, request, call, cluster, "read", summary)
