"""A member's next step towards its target: give up, wait until others gave up, take (KIP-1071).

Pure functions of values. Source: streams.CurrentAssignmentBuilder of Kafka 4.3.1.
"""

from emulator.state.groups.streams.member import NOTHING, HeldTasks, MemberState
from wire import errors

STABLE, UNREVOKED, UNRELEASED = MemberState


def reconcile(member, assignment_epoch, target, owned, holders):
    """The member after this heartbeat.

    `target`: Tasks; `owned`: Tasks that it says it has, None when it does not say; `holders`: see state.Holders.
    """
    if member.is_reconciled_to(assignment_epoch):
        return member
    epoch = member.member_epoch
    if member.state == UNREVOKED:
        if owns_any(owned, member.pending_revocation):
            return member
        epoch += 1
    process = member.process_id

    def is_with_process(task):
        return process in holders.standby.get(task, ()) or process in holders.warmup.get(task, ())

    def active_is_taken(task):
        return task in holders.active or is_with_process(task)

    def other_is_taken(task):
        return holders.active.get(task) == process or is_with_process(task)

    kept, revoked, added, unreleased = [], [], [], False
    for held, wanted, is_taken in (
        (member.assigned.active, target.active, active_is_taken),
        (member.assigned.standby, target.standby, other_is_taken),
        (member.assigned.warmup, target.warmup, other_is_taken),
    ):
        stays, goes, comes, waits = _difference(held, wanted, is_taken)
        kept.append(stays)
        revoked.append(goes)
        added.append(comes)
        unreleased = unreleased or waits
    revoked = HeldTasks(*revoked)
    if revoked and owns_any(owned, revoked):
        return member.moved_to(epoch, UNREVOKED, HeldTasks(*kept), revoked)
    active, standby, warmup = added
    since = {subtopology: dict.fromkeys(tasks, assignment_epoch) for subtopology, tasks in active.items()}
    assigned = HeldTasks(_merged(kept[0], since), _merged(kept[1], standby), _merged(kept[2], warmup))
    return member.moved_to(assignment_epoch, UNRELEASED if unreleased else STABLE, assigned)


def _difference(held, wanted, is_taken):
    """(what stays, what must go, what may come now, whether some of what shall come is still taken)."""
    stays, goes, comes, waits = {}, {}, {}, False
    for subtopology in dict.fromkeys([*wanted, *held]):
        here, there = held.get(subtopology, NOTHING), wanted.get(subtopology, ())
        _put(stays, subtopology, _only(here, lambda partition: partition in there))
        _put(goes, subtopology, _only(here, lambda partition: partition not in there))
        new = {partition for partition in there if partition not in here}
        free = frozenset(partition for partition in new if not is_taken((subtopology, partition)))
        waits = waits or len(free) < len(new)
        _put(comes, subtopology, free)
    return stays, goes, comes, waits


def _only(tasks, condition):
    if isinstance(tasks, dict):
        return {partition: epoch for partition, epoch in tasks.items() if condition(partition)}
    return frozenset(filter(condition, tasks))


def _put(tasks, subtopology, partitions):
    if partitions:
        tasks[subtopology] = partitions


def _merged(tasks, more):
    merged = dict(tasks)
    for subtopology, partitions in more.items():
        before = merged.get(subtopology)
        merged[subtopology] = partitions if before is None else before | partitions
    return merged


def owns_any(owned, tasks):
    """Whether it has some of the tasks still, for all that we know."""
    if owned is None:
        return True
    return any(
        not partitions.isdisjoint(mine.get(subtopology, ()))
        for mine, theirs in zip(owned, tasks)
        for subtopology, partitions in ((name, frozenset(some)) for name, some in theirs.items())
    )


def check_epoch(member, received, owned):
    """Raise KafkaError FENCED_MEMBER_EPOCH unless a heartbeat may come with this member epoch."""
    known = member.member_epoch
    if received in (0, known):
        return
    if received < known and received == member.previous_member_epoch and _is_subset(owned, member.assigned):
        return  # the answer that told it of its new epoch was lost
    compared = "greater" if received > known else "smaller"
    raise errors.KafkaError(
        errors.FENCED_MEMBER_EPOCH,
        f"The streams group member has a {compared} member epoch ({received}) than the one known by the group"
        f" coordinator ({known}). The member must abandon all its partitions and rejoin.",
    )


def _is_subset(owned, held):
    if owned is None:
        return False
    return all(
        subtopology in theirs and all(partition in theirs[subtopology] for partition in partitions)
        for mine, theirs in zip(owned, held)
        for subtopology, partitions in mine.items()
    )
