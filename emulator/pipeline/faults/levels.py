"""At which of the levels of an answer an error stands, where nobody says so: where Kafka would put it."""

from emulator.pipeline.answers.shapes import TOP
from wire import errors

# Errors of topics and of partitions; all others are of what was asked as a whole, as far out as there is room.
_OF_TOPICS = frozenset({
    errors.UNKNOWN_TOPIC_OR_PARTITION, errors.UNKNOWN_TOPIC_ID, errors.INCONSISTENT_TOPIC_ID, errors.INVALID_TOPIC_EXCEPTION,
    errors.TOPIC_AUTHORIZATION_FAILED, errors.TOPIC_ALREADY_EXISTS, errors.INVALID_PARTITIONS, errors.INVALID_REPLICATION_FACTOR,
    errors.INVALID_REPLICA_ASSIGNMENT, errors.TOPIC_DELETION_DISABLED,
})  # fmt: skip
_OF_PARTITIONS = frozenset({
    errors.OFFSET_OUT_OF_RANGE, errors.CORRUPT_MESSAGE, errors.INVALID_FETCH_SIZE, errors.LEADER_NOT_AVAILABLE, errors.NOT_LEADER_OR_FOLLOWER,
    errors.REPLICA_NOT_AVAILABLE, errors.MESSAGE_TOO_LARGE, errors.OFFSET_METADATA_TOO_LARGE, errors.RECORD_LIST_TOO_LARGE,
    errors.NOT_ENOUGH_REPLICAS, errors.NOT_ENOUGH_REPLICAS_AFTER_APPEND, errors.INVALID_TIMESTAMP, errors.UNSUPPORTED_FOR_MESSAGE_FORMAT,
    errors.OUT_OF_ORDER_SEQUENCE_NUMBER, errors.DUPLICATE_SEQUENCE_NUMBER, errors.KAFKA_STORAGE_ERROR, errors.LOG_DIR_NOT_FOUND,
    errors.UNKNOWN_PRODUCER_ID, errors.REASSIGNMENT_IN_PROGRESS, errors.FENCED_LEADER_EPOCH, errors.UNKNOWN_LEADER_EPOCH,
    errors.UNSUPPORTED_COMPRESSION_TYPE, errors.OFFSET_NOT_AVAILABLE, errors.PREFERRED_LEADER_NOT_AVAILABLE,
    errors.ELIGIBLE_LEADERS_NOT_AVAILABLE, errors.ELECTION_NOT_NEEDED, errors.NO_REASSIGNMENT_IN_PROGRESS, errors.GROUP_SUBSCRIBED_TO_TOPIC,
    errors.INVALID_RECORD, errors.UNSTABLE_OFFSET_COMMIT, errors.POSITION_OUT_OF_RANGE, errors.OFFSET_MOVED_TO_TIERED_STORAGE,
    errors.INVALID_RECORD_STATE,
})  # fmt: skip
_AT_PARTITIONS, _AT_TOPICS = ("partition", "topic"), ("topic", "partition")
_BY_NAME_ONLY = ("acknowledge", "topic_config")  # what they are about has an error of its own beside them


def level_of(shape, error, wanted, conditions):
    """The Level of `error` in the answers of a Shape, None where there is no room for it.

    `wanted`: its name, where it is said; `conditions`: the kinds of things that the fault is about.
    """
    lists = [kind for kind in conditions if kind not in shape.scalars]
    fits = [level for level in shape.levels.values() if all(kind in level.kinds for kind in lists)]
    if wanted is not None:
        found = shape.levels.get(wanted)
        # At the top it stands for all, if one of the things is what the fault is about.
        return found if found in fits or wanted == TOP and all(kind in shape.kinds for kind in lists) else None
    fits = [level for level in fits if level.name not in _BY_NAME_ONLY]
    if not fits:
        return shape.levels.get(TOP) if all(kind in shape.kinds for kind in lists) else None
    preferred = _AT_PARTITIONS if error in _OF_PARTITIONS else _AT_TOPICS if error in _OF_TOPICS else ()
    named = {level.name: level for level in fits}
    return next((named[name] for name in preferred if name in named), min(fits, key=lambda level: len(level.path)))
