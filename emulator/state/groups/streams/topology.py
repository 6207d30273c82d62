"""A topology against the topics there are: how many tasks it has, which internal topics it misses.

Pure functions of values. Source: streams.topics.{InternalTopicManager, RepartitionTopics, CopartitionedTopicsEnforcer,
ChangelogTopics} of Kafka 4.3.1.
"""

from typing import NamedTuple

from emulator.state.java import hash_order, string_hash
from emulator.state.groups.streams.messages import (
    INCORRECTLY_PARTITIONED_TOPICS, MISSING_INTERNAL_TOPICS, MISSING_SOURCE_TOPICS,
)
from wire.errors import STREAMS_INVALID_TOPOLOGY, UNKNOWN_SERVER_ERROR, KafkaError

_MOST_NAMED = 3


class InternalTopic(NamedTuple):
    name: str
    partitions: int
    replication_factor: int  # 0: the cluster's default
    configs: dict


class Subtopology(NamedTuple):
    """`tasks` is their number; `repartition_sources` and `changelogs` are {name: InternalTopic}."""

    tasks: int
    source_topics: list
    repartition_sources: dict
    repartition_sinks: list
    changelogs: dict


class Configured(NamedTuple):
    """`subtopologies`: {subtopology_id: Subtopology} in order, None when they could not be configured;
    `missing`: {name: InternalTopic}; `problem`: (status code, detail), or None.
    """

    subtopologies: dict | None
    missing: dict
    problem: tuple | None


class Topology:
    """What a member brought: `value` is a StreamsGroupTopology.Value."""

    def __init__(self, value):
        self.value = value
        self.epoch = value.epoch
        self.subtopologies = {each.subtopology_id: each for each in value.subtopologies}
        self.by_source = {}  # name of a topic that some subtopology reads -> that subtopology's id
        self.topics = set()  # all that it needs
        for each in self.subtopologies.values():
            sources = [*each.source_topics, *_names(each.repartition_source_topics)]
            self.by_source.update(dict.fromkeys(sources, each.subtopology_id))
            self.topics.update(sources, _names(each.state_changelog_topics))

    def __eq__(self, other):
        return (self.epoch, self.subtopologies) == (other.epoch, other.subtopologies)

    def ordered(self):
        """The subtopologies in the order in which Kafka's hash map has them: counts may hang on it."""
        return [self.subtopologies[one] for one in hash_order(self.subtopologies, string_hash)]


class _Problem(Exception):
    """(status code, detail)"""


def configure(topology, count_of):
    """The Configured that a Topology is; `count_of(name)` is a topic's number of partitions, None when there is none.

    KafkaError STREAMS_INVALID_TOPOLOGY, UNKNOWN_SERVER_ERROR for one that can be no topology.
    """
    try:
        _check_sources(topology, count_of)
        decided = _decide(topology, count_of)

        def count(name):
            found = count_of(name)
            return decided.get(name) if found is None else found

        subtopologies = {
            one: _configured(topology.subtopologies[one], count, decided) for one in sorted(topology.subtopologies)
        }
        missing = _missing(subtopologies, topology, count_of)
    except _Problem as problem:
        return Configured(None, {}, problem.args)
    problem = (MISSING_INTERNAL_TOPICS, f"Internal topics are missing: {_summary(missing)}") if missing else None
    return Configured(subtopologies, missing, problem)


def _names(topics):
    return [topic.name for topic in topics]


def _summary(names):
    names = list(names)
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} additional topics" if more > 0 else "")


def _check_sources(topology, count_of):
    missing = {name for each in topology.subtopologies.values() for name in each.source_topics if count_of(name) is None}
    if missing:
        raise _Problem(MISSING_SOURCE_TOPICS, f"Source topics {_summary(sorted(missing))} are missing.")


def _decide(topology, count_of):
    """{internal topic: number of partitions}."""
    ordered = topology.ordered()
    decided = _repartition_counts(ordered, count_of)

    def count(name):
        found = count_of(name)
        if found is None:
            found = decided.get(name)
        if found is None:
            raise KafkaError(UNKNOWN_SERVER_ERROR)
        return found

    fixed = {topic.name for each in ordered for topic in each.repartition_source_topics if topic.partitions}
    flexible = {topic.name for each in ordered for topic in each.repartition_source_topics if not topic.partitions}
    for each in ordered:
        for group in each.copartition_groups:
            together = {each.source_topics[index] for index in group.source_topics}
            together.update(each.repartition_source_topics[index].name for index in group.repartition_source_topics)
            decided.update(_copartitioned(together, fixed, flexible, count))
    for each in ordered:
        most = max(map(count, _sources(each)), default=None)
        if most is None:
            raise KafkaError(STREAMS_INVALID_TOPOLOGY, f"No source topics found for subtopology {each.subtopology_id}")
        decided.update(dict.fromkeys(_names(each.state_changelog_topics), most))
    return decided


def _sources(subtopology):
    return [*subtopology.source_topics, *_names(subtopology.repartition_source_topics)]


def _repartition_counts(ordered, count_of):
    """A repartition topic without a count gets the highest of those of what the subtopologies that write to it read."""
    counts = {topic.name: topic.partitions for each in ordered for topic in each.repartition_source_topics if topic.partitions}
    while True:
        progress = unknown = False
        for each in ordered:
            for sink in each.repartition_sink_topics:
                if sink in counts:
                    continue
                candidates = [counts.get(name) for name in _names(each.repartition_source_topics)]
                candidates += map(count_of, each.source_topics)
                found = max((one for one in candidates if one is not None), default=None)
                if found is None:
                    unknown = True
                else:
                    counts[sink] = found
                    progress = True
        if not unknown:
            break
        if not progress:
            raise KafkaError(
                STREAMS_INVALID_TOPOLOGY,
                "Failed to compute number of partitions for all repartition topics. There may be loops in the topology that"
                " cannot be resolved.",
            )
    if any(name not in counts for each in ordered for name in _names(each.repartition_source_topics)):
        raise KafkaError(
            STREAMS_INVALID_TOPOLOGY,
            "Failed to compute number of partitions for all repartition topics, because a repartition source topic is never"
            " used as a sink topic.",
        )
    return counts


def _copartitioned(together, fixed, flexible, count):
    """What the repartition topics among topics that are read together must have, as the others have it."""
    if not together:
        return {}
    counts = {name: count(name) for name in together}
    ours = {name: number for name, number in counts.items() if name in fixed or name in flexible}
    theirs = {name: number for name, number in counts.items() if name not in ours}
    if theirs:
        wanted = _same(theirs, theirs)
    elif fixed:
        wanted = _same({name: count(name) for name in fixed}, ours)
    else:
        wanted = max(ours.values())
    for name, number in ours.items():
        if name in fixed and number != wanted:
            raise _Problem(
                INCORRECTLY_PARTITIONED_TOPICS,
                f"Number of partitions [{number}] of repartition topic [{name}] doesn't match number of partitions"
                f" [{wanted}] of the source topic.",
            )
    return dict.fromkeys(ours, wanted)


def _same(counts, told):
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name}={number}" for name, number in sorted(told.items()))
        raise _Problem(
            INCORRECTLY_PARTITIONED_TOPICS, f"Following topics do not have the same number of partitions: [{{{listed}}}]"
        )
    return next(iter(counts.values()))


def _configured(subtopology, count, decided):
    def internal(topics):
        return {
            topic.name: InternalTopic(
                topic.name,
                topic.partitions or decided[topic.name],
                topic.replication_factor,
                {config.key: config.value for config in topic.topic_configs},
            )
            for topic in topics
        }

    return Subtopology(
        max(map(count, _sources(subtopology))),
        subtopology.source_topics,
        internal(subtopology.repartition_source_topics),
        subtopology.repartition_sink_topics,
        internal(subtopology.state_changelog_topics),
    )


def _missing(subtopologies, topology, count_of):
    wanted = {}
    for each in subtopologies.values():
        wanted.update(each.repartition_sources)
        wanted.update(each.changelogs)
    for name in hash_order(topology.topics, string_hash):
        found, topic = count_of(name), wanted.get(name)
        if found is None or topic is None:
            continue
        if found != topic.partitions:
            raise _Problem(
                INCORRECTLY_PARTITIONED_TOPICS,
                f"Existing topic {name} has different number of partitions: expected {topic.partitions}, found {found}",
            )
        del wanted[name]
    return {name: wanted[name] for name in hash_order(wanted, string_hash)}
