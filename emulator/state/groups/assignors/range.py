"""`range`: of each topic, every subscriber gets a run of neighbouring partitions.

Members are in the order of their static ids, then of their member ids; so topics of as many partitions are
co-partitioned. Source: org.apache.kafka.coordinator.group.assignor.RangeAssignor of 4.3.1.
"""


def assign(members, partitions, same_topics):
    order = sorted(members, key=lambda member_id: _rank(member_id, members[member_id].instance_id))
    subscribers = {}
    for member_id in order:
        for topic_id in members[member_id].topic_ids:
            subscribers.setdefault(topic_id, []).append(member_id)
    target = {member_id: {} for member_id in order}
    for topic_id, subscribed in subscribers.items():
        quota, extra = divmod(partitions[topic_id], len(subscribed))
        start = 0
        for number, member_id in enumerate(subscribed):
            end = start + quota + (number < extra)
            if start < end:
                target[member_id][topic_id] = frozenset(range(start, end))
            start = end
    return target


def _rank(member_id, instance_id):
    return (instance_id is None, member_id if instance_id is None else instance_id)
