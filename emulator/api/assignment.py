"""What a heartbeat of either group protocol answers as a member's partitions."""

from emulator.state.java import hash_order, int_hash, uuid_hash


def assignment_of(Assignment, assigned):
    """`assigned` ({topic id: partitions}, or None: nothing new) as an `Assignment` record, in Kafka's order; None likewise."""
    if assigned is None:
        return None
    return Assignment(
        topic_partitions=[
            Assignment.TopicPartitions(topic_id=topic_id, partitions=hash_order(assigned[topic_id], int_hash))
            for topic_id in hash_order(assigned, uuid_hash)
        ]
    )
