"""Which process serves which partitions, for interactive queries: told to every member that does not know yet.

Source: streams.topics.EndpointToPartitionsManager of Kafka 4.3.1.
"""

from emulator.state.java import hash_order, int_hash, string_hash
from wire.errors import UNKNOWN_SERVER_ERROR, KafkaError


def endpoints_of(members, subtopologies, count_of):
    """[(endpoint, [(topic, partitions)] of active tasks, the same of standby tasks)] of the members that have one.

    KafkaError UNKNOWN_SERVER_ERROR when it cannot be told, as Kafka does.
    """
    found = []
    for member in members:
        if member.user_endpoint is None:
            continue
        if subtopologies is None:
            raise KafkaError(UNKNOWN_SERVER_ERROR)
        tasks = member.assigned
        found.append((member.user_endpoint, *(_partitions(kind, subtopologies, count_of) for kind in (tasks.active, tasks.standby))))
    return found


def _partitions(tasks, subtopologies, count_of):
    found = []
    for subtopology_id in sorted(tasks):
        subtopology, partitions = subtopologies[subtopology_id], tasks[subtopology_id]
        for topic in hash_order(dict.fromkeys([*subtopology.source_topics, *subtopology.repartition_sources]), string_hash):
            count = count_of(topic)
            if count is None:
                raise KafkaError(UNKNOWN_SERVER_ERROR)
            if count < len(partitions):
                found.append((topic, sorted(partitions)[:count]))
            else:
                found.append((topic, hash_order(partitions, int_hash)))
    return found
