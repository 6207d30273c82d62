"""The consumer protocol that members of the classic protocol embed: subscriptions in, assignments out."""

from wire import errors
from wire.errors import KafkaError
from wire.internal import ConsumerAssignment, ConsumerSubscription, Malformed


def read_subscription(protocols):
    """What the first of ((name, metadata bytes), ...) subscribes to; all of a member say the same."""
    try:
        return ConsumerSubscription.read(protocols[0][1])[1]
    except Malformed as reason:
        raise KafkaError(errors.UNKNOWN_SERVER_ERROR, f"the subscription is malformed: {reason}") from None


def assignment_bytes(partitions, subscription, topics):
    """{topic_id: partitions} as the consumer protocol embeds it, in the version of the member's `subscription`."""
    version = min(int.from_bytes(subscription[:2], "big", signed=True), ConsumerAssignment.versions.max)
    Assigned = ConsumerAssignment.Record.AssignedPartitions
    return ConsumerAssignment.build_from(
        version,
        assigned_partitions=[
            Assigned(topic=name, partitions=sorted(held))
            for topic_id, held in partitions.items()
            if held and (name := topics.name_of(topic_id)) is not None
        ],
    )
