"""A classic group becomes a consumer group when a member of that protocol joins it, and back when the last one is gone.

Source: GroupMetadataManager.validateOnlineUpgrade, convertToConsumerGroup, validateOnlineDowngrade*, convertToClassicGroup,
ConsumerGroup.fromClassicGroup, ClassicGroup.fromConsumerGroup of Kafka 4.3.1; group.consumer.migration.policy.
"""

import logging

from emulator.state.groups.consumer.embedded import assignment_bytes
from emulator.state.groups.consumer.member import NOTHING, Classic, ConsumerMember, at_epoch
from emulator.state.groups.messages import Join
from wire import errors
from wire.errors import KafkaError
from wire.internal import ConsumerAssignment, ConsumerSubscription, Malformed

log = logging.getLogger(__name__)

CONSUMER = "consumer"


def _allows(settings, direction):
    return settings.group_consumer_migration_policy.lower() in ("bidirectional", direction)


# -- up --------------------------------------------------------------------------------------------


def check_upgrade(classic, settings):
    """Raise KafkaError GROUP_ID_NOT_FOUND unless this ClassicGroup may become a consumer group."""
    if not _allows(settings, "upgrade"):
        reason = "online upgrade is disabled"
    elif classic.protocol_type != CONSUMER:
        reason = "the group does not use the consumer embedded protocol"
    elif len(classic.members) > settings.group_consumer_max_size:
        reason = "the group size exceeds the consumer group maximum size"
    else:
        return
    raise _no_upgrade(classic, reason)


def _no_upgrade(classic, reason):
    message = f"Cannot upgrade classic group {classic.group_id} to consumer group because {reason}."
    return KafkaError(errors.GROUP_ID_NOT_FOUND, message)


def to_consumer(classic, group):
    """Fill `group`, a new ConsumerGroup, from a ClassicGroup, which stays as it is. Raises KafkaError.

    Everybody is where the last assignment of the classic group put it, in the epoch of its generation.
    """
    if classic.protocol_name is None:
        raise KafkaError(errors.UNKNOWN_SERVER_ERROR)  # its first generation is still to come; so answers Kafka
    epoch = group.group_epoch = group.assignment_epoch = classic.generation_id
    topics = group.env.topics
    for old in classic.members:
        try:
            _, subscription = ConsumerSubscription.read(old.metadata(classic.protocol_name))
            assigned = _assigned(classic, old, topics)
        except Malformed:
            raise _no_upgrade(classic, "the embedded consumer protocol is malformed") from None
        member = ConsumerMember(
            old.member_id,
            old.group_instance_id,
            subscription.rack_id or None,
            old.client_id,
            old.client_host,
            old.rebalance_timeout_ms,
            frozenset(subscription.topics),
            classic=Classic(old.session_timeout_ms, old.protocols),
            member_epoch=epoch,
            previous_member_epoch=epoch,
            assigned=at_epoch(assigned, epoch),
        )
        group.adopt(member, {topic_id: frozenset(held) for topic_id, held in assigned.items()})
    group.metadata_hash = topics.hash_of(group.subscribed_topics())


def _assigned(classic, member, topics):
    if not member.assignment:
        return {}
    _, assignment = ConsumerAssignment.read(member.assignment)
    if assignment.user_data:
        raise _no_upgrade(
            classic,
            "an unsupported custom assignor is in use. Please refer to the documentation or switch to a default assignor"
            " before re-attempting the upgrade",
        )
    return {
        topic_id: each.partitions
        for each in assignment.assigned_partitions
        if (topic_id := topics.id_of(each.topic)) is not None
    }


# -- down ------------------------------------------------------------------------------------------


def may_downgrade_without(group, leaving):
    """Whether the group becomes a classic one when these members leave."""
    leaving = {member.member_id for member in leaving}
    staying = [member for member in group.members.values() if member.member_id not in leaving]
    return bool(staying) and all(member.classic for member in staying) and _may_downgrade(group, len(staying))


def may_downgrade_replacing(group, replaced):
    """Whether it does when a static member comes back with the classic protocol."""
    if replaced.classic is not None:
        return False
    others = [member for member in group.members.values() if member.member_id != replaced.member_id]
    return all(member.classic for member in others) and _may_downgrade(group, len(group.members))


def _may_downgrade(group, size):
    settings = group.env.settings
    if _allows(settings, "downgrade") and size <= settings.group_max_size:
        return True
    log.info("group %s has only classic members but may not become a classic group", group.group_id)
    return False


def to_classic(group, leaving=(), rebalance=True, reason="the last member of the consumer protocol left"):
    """Put a ClassicGroup in the place of a ConsumerGroup, with all members but those `leaving`."""
    leaving = {member.member_id for member in leaving}
    staying = [member for member in group.members.values() if member.member_id not in leaving]
    classic = group.env.new_classic(group.group_id)
    joins = [
        Join(
            member.member_id,
            member.instance_id,
            member.client_id,
            member.client_host,
            member.classic.session_timeout_ms,
            member.rebalance_timeout_ms,
            CONSUMER,
            member.classic.protocols,
            client=group.timers.client_of(member.member_id),
        )
        for member in staying
    ]

    def assignment(member_id, subscription):
        return assignment_bytes(group.target.get(member_id, NOTHING), subscription, group.env.topics)

    group.erase()
    group.close()
    classic.take_over(group.group_epoch, CONSUMER, joins, assignment)
    group.env.replace(classic)
    log.info("group %s is a classic group now: %s", group.group_id, reason)
    if rebalance:
        classic.rebalance(reason)
