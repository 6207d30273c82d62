"""A member's next step towards its target: give up, wait until others gave up, take (KIP-848).

Pure functions of values. Source: CurrentAssignmentBuilder of Kafka 4.3.1.
"""

from emulator.state.groups.consumer.member import NOTHING, MemberState
from wire import errors

STABLE, UNREVOKED, UNRELEASED = MemberState


def reconcile(member, assignment_epoch, target, subscribed, owned, is_free, subscription_changed):
    """The member after this heartbeat.

    `target`: {topic_id: partitions}; `subscribed`: topic_ids it subscribes to; `owned`: [(topic_id, [partition])]
    that it says it has, None when it does not say; `is_free(topic_id, partition)`: nobody has it.
    """
    if member.state == STABLE and member.member_epoch == assignment_epoch:
        return _shrink(member, subscribed, owned) if subscription_changed else member
    if member.state == UNREVOKED and owns_any(owned, member.pending_revocation):
        return _shrink(member, subscribed, owned) if subscription_changed else member
    return _advance(member, assignment_epoch, target, subscribed, owned, is_free)


def owns_any(owned, partitions):
    """Whether it has some of the partitions still, for all that we know."""
    if owned is None:
        return True
    return any(index in partitions.get(topic_id, NOTHING) for topic_id, indexes in owned for index in indexes)


def is_subset(owned, partitions):
    """Whether it says that it has nothing but these partitions."""
    if owned is None:
        return False
    return all(
        topic_id in partitions and all(index in partitions[topic_id] for index in indexes) for topic_id, indexes in owned
    )


def _shrink(member, subscribed, owned):
    """Take away at once what the member subscribes to no more."""
    assigned = {topic_id: held for topic_id, held in member.assigned.items() if topic_id in subscribed}
    if len(assigned) == len(member.assigned):
        return member
    pending = dict(member.pending_revocation)
    for topic_id, held in member.assigned.items():
        if topic_id not in subscribed:
            pending[topic_id] = {**pending.get(topic_id, NOTHING), **held}
    if owns_any(owned, pending):
        return member.moved_to(member.member_epoch, UNREVOKED, assigned, pending)
    return member.moved_to(member.member_epoch, member.state, assigned, member.pending_revocation)


def _advance(member, assignment_epoch, target, subscribed, owned, is_free):
    assigned, revoked, unreleased = {}, {}, False
    for topic_id in dict.fromkeys([*target, *member.assigned]):
        wanted = target.get(topic_id, ()) if topic_id in subscribed else ()
        held = member.assigned.get(topic_id, NOTHING)
        kept = {index: epoch for index, epoch in held.items() if index in wanted}
        if len(kept) < len(held):
            revoked[topic_id] = {index: epoch for index, epoch in held.items() if index not in wanted}
        if kept:
            assigned[topic_id] = kept
    if revoked and owns_any(owned, revoked):
        return member.moved_to(member.member_epoch, UNREVOKED, assigned, revoked)
    for topic_id, wanted in target.items():
        if topic_id not in subscribed:
            continue
        kept = assigned.get(topic_id, NOTHING)
        leaving = member.pending_revocation.get(topic_id, NOTHING)
        # What it gives up itself is not with anybody else.
        free = [i for i in wanted if i not in kept and (is_free(topic_id, i) or i in leaving)]
        if len(kept) + len(free) < len(wanted):
            unreleased = True
        if free:
            assigned[topic_id] = {**kept, **dict.fromkeys(free, assignment_epoch)}
    return member.moved_to(assignment_epoch, UNRELEASED if unreleased else STABLE, assigned)


def check_epoch(member, received, owned):
    """Raise KafkaError FENCED_MEMBER_EPOCH unless a heartbeat may come with this member epoch."""
    known = member.member_epoch
    if received in (0, known):
        return
    if received < known and received == member.previous_member_epoch and is_subset(owned, member.assigned):
        return  # the answer that told it of its new epoch was lost
    compared = "greater" if received > known else "smaller"
    raise errors.KafkaError(
        errors.FENCED_MEMBER_EPOCH,
        f"The consumer group member has a {compared} member epoch ({received}) than the one known by the group"
        f" coordinator ({known}). The member must abandon all its partitions and rejoin.",
    )
