"""Topics and their partitions: what there is, made and deleted."""

from emulator.apps.control.schema import counts, many, number, or_null, text, thing
from emulator.apps.control.table import Conflict, NotThere, Route
from emulator.apps.errors import UsageError
from emulator.runtime.turns import Turns
from emulator.state.cluster.ids import uuid_text
from wire.errors import KafkaError

_REPLICA = thing(broker=number("its id"), end_offset=number("of its log"), lag=number("records that its log lacks"))
PARTITION = thing(
    partition=number("its index"),
    start_offset=number("the first that is there"),
    end_offset=number("the high watermark"),
    bytes=number("of the leader's log"),
    leader=number("a broker's id, -1 for none"),
    leader_epoch=number("grows with every change of leader"),
    isr=many(number("a broker's id"), "replicas in sync"),
    replicas=many(_REPLICA, "the preferred leader first"),
)
TOPIC = thing(
    name=text("of the topic"),
    topic_id=text("as Kafka writes it"),
    internal={"type": "boolean", "description": "whether it is one of Kafka's own"},
    partitions=many(PARTITION, "by index"),
)


def topic_named(server, name):
    """The Topic. Raises NotThere."""
    topic = server.cluster.topics.get(name)
    if topic is None:
        raise NotThere(f"no topic {name[:250]}")
    return topic


def partition_of(server, asked):
    """The Partition that `topic` and `partition` name. Raises NotThere."""
    topic, index = topic_named(server, asked["topic"]), asked["partition"]
    if not 0 <= index < len(topic.partitions):
        raise NotThere(f"{topic.name} has partitions 0 to {len(topic.partitions) - 1}, and no {index}")
    return topic.partitions[index]


def show(server, asked):
    turns = Turns()
    return {"topics": [_shown(topic, turns) for topic in sorted(server.cluster.topics.values(), key=lambda one: one.name)]}


def describe(server, asked):
    return _shown(topic_named(server, asked["topic"]))


def create(server, asked):
    count = asked["partitions"]
    factor = asked["replication_factor"]
    try:
        topic = server.cluster.create_topic(asked["name"], count or None, factor or None, asked["configs"])
    except KafkaError as refusal:
        raise UsageError(f"topic {asked['name'][:250]}: {refusal.message or refusal}") from None
    return _shown(topic)


def grow(server, asked):
    topic = topic_named(server, asked["topic"])
    try:
        server.cluster.create_partitions(topic.name, asked["count"])
    except KafkaError as refusal:
        raise Conflict(f"topic {topic.name}: {refusal.message or refusal}") from None
    return _shown(topic)


def empty(server, asked):
    """As DeleteRecords does, whatever its cleanup.policy."""
    topic = topic_named(server, asked["topic"])
    partitions = topic.partitions if asked["partition"] is None else [partition_of(server, asked)]
    if topic.internal:
        raise UsageError(f"{topic.name} is one of Kafka's own topics: its records stay")
    replication = server.services["replication"]
    for one in partitions:
        try:
            one.log.delete_records(-1 if asked["before"] is None else min(asked["before"], one.log.high_watermark))
        except KafkaError as refusal:
            raise Conflict(f"{topic.name}-{one.index}: {refusal.message or refusal}") from None
        if (leading := replication.leading(one)) is not None:
            replication.spread(leading)
    return _shown(topic)


def delete(server, asked):
    topic = topic_named(server, asked["topic"])
    if topic.internal:
        raise UsageError(f"{topic.name} is one of Kafka's own topics: it stays")
    try:
        server.cluster.delete_topic(topic.topic_id)
    except KafkaError as refusal:
        raise UsageError(f"topic {topic.name}: {refusal.message or refusal}") from None
    return {"deleted": topic.name}


def _shown(topic, turns=None):
    return {
        "name": topic.name,
        "topic_id": uuid_text(topic.topic_id),
        "internal": topic.internal,
        "partitions": [shown_partition(one) for one in _in_turns(topic.partitions, turns or Turns())],
    }


def _in_turns(partitions, turns):
    for one in list(partitions):
        turns.over()
        yield one


def shown_partition(one):
    return {
        "partition": one.index,
        "start_offset": one.log.log_start_offset,
        "end_offset": one.log.high_watermark,
        "bytes": one.log.size,
        "leader": one.leader,
        "leader_epoch": one.leader_epoch,
        "isr": one.isr,
        "replicas": [
            {"broker": broker, "end_offset": log.end_offset, "lag": max(one.log.end_offset - log.end_offset, 0)}
            for broker, log in ((broker, one.logs[broker]) for broker in one.replicas if broker in one.logs)
        ],
    }


_TOPIC = text("its name")

ROUTES = (
    Route("GET", "/topics", show, "all topics with their partitions", answer=thing(topics=many(TOPIC, "by name"))),
    Route("POST", "/topics", create, "makes a topic", {
        "name": _TOPIC,
        "partitions": number("how many; 0: num.partitions", default=0, minimum=0, maximum=10_000),
        "replication_factor": number("replicas of each; 0: default.replication.factor", default=0, minimum=0, maximum=32_767),
        "configs": counts("of the topic, with their values as text", of="string", default={}),
    }, TOPIC),
    Route("GET", "/topics/{topic}", describe, "one topic", {"topic": _TOPIC}, TOPIC),
    Route("POST", "/topics/{topic}/partitions", grow, "brings a topic to so many partitions", {"topic": _TOPIC, "count": number("more than there are", minimum=1, maximum=10_000)},
          TOPIC),
    Route("DELETE", "/topics/{topic}/records", empty, "deletes all records, or those before an offset, whatever cleanup.policy says", {
        "topic": _TOPIC, "partition": or_null(number("of one only", default=None)), "before": or_null(number("an offset", default=None, minimum=0)),
    }, TOPIC),
    Route("DELETE", "/topics/{topic}", delete, "deletes a topic", {"topic": _TOPIC}, thing(deleted=_TOPIC)),
)  # fmt: skip
