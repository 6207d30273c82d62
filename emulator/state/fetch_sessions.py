"""Incremental fetch sessions (KIP-227): what a consumer asked for, remembered between its requests.

Source: org.apache.kafka.server.FetchSession, FetchContext and FetchSessionCache.
"""

from wire import errors
from wire.errors import KafkaError

INVALID_SESSION_ID = 0
INITIAL_EPOCH = 0  # ask for a full fetch and a session
FINAL_EPOCH = -1  # ask for a full fetch without one, and end the session named
_LARGEST_EPOCH = 2**31 - 1
MIN_EVICTION_MS = 120_000  # a session used more recently is not evicted for a new one


def next_epoch(epoch):
    """The epoch that follows: it wraps to 1, as 0 means a new session."""
    return 1 if epoch == _LARGEST_EPOCH else epoch + 1


class CachedPartition:
    """What a session knows of one partition: the request's fields and what was last answered.

    `topic` is its name; of an id it is empty until that has first been found, and stays when it is found no more.
    """

    __slots__ = (
        "topic", "topic_id", "partition", "fetch_offset", "partition_max_bytes", "current_leader_epoch",
        "last_fetched_epoch", "log_start_offset", "sent_high_watermark", "sent_log_start_offset",
    )  # fmt: skip

    def __init__(self, topic, topic_id, asked):
        self.topic = topic
        self.topic_id = topic_id
        self.partition = asked.partition
        self.sent_high_watermark = -1
        self.sent_log_start_offset = -1
        self.update(asked)

    def update(self, asked):
        self.fetch_offset = asked.fetch_offset
        self.partition_max_bytes = asked.partition_max_bytes
        self.current_leader_epoch = asked.current_leader_epoch
        self.last_fetched_epoch = asked.last_fetched_epoch
        self.log_start_offset = asked.log_start_offset

    def changed(self, answer):
        """Whether `answer` tells the client something new; remembers what it told."""
        new = False
        if answer.records is not None and len(answer.records) > 0:
            new = True
        if answer.high_watermark != self.sent_high_watermark:
            self.sent_high_watermark = answer.high_watermark
            new = True
        if answer.log_start_offset != self.sent_log_start_offset:
            self.sent_log_start_offset = answer.log_start_offset
            new = True
        if answer.error_code:
            # The error must reach the client again and again, and what follows it too.
            self.sent_high_watermark = -1
            new = True
        if answer.preferred_read_replica != -1 or answer.diverging_epoch.epoch >= 0:
            new = True
        return new


class Session:
    """One client's session: its partitions by (topic, topic id, partition) in the order to serve."""

    __slots__ = ("id", "epoch", "uses_topic_ids", "partitions", "last_used", "created")

    def __init__(self, session_id, uses_topic_ids, partitions, now):
        self.id = session_id
        self.epoch = next_epoch(INITIAL_EPOCH)
        self.uses_topic_ids = uses_topic_ids
        self.partitions = partitions
        self.created = self.last_used = now


class FetchSessions:
    """All sessions of a broker, at most `slots` (max.incremental.fetch.session.cache.slots)."""

    def __init__(self, slots, random):
        self._slots = slots
        self._random = random
        self._sessions = {}  # id -> Session, least recently used first

    def __len__(self):
        return len(self._sessions)

    def open(self, partitions, uses_topic_ids, now):
        """A new session over `partitions`, or None when there is no room for it."""
        if not self._make_room(len(partitions), now):
            return None
        while True:
            session_id = self._random.randrange(1, 2**31)
            if session_id not in self._sessions:
                break
        session = self._sessions[session_id] = Session(session_id, uses_topic_ids, partitions, now)
        return session

    def _make_room(self, size, now):
        if len(self._sessions) < self._slots:
            return True
        for session in self._sessions.values():
            break
        else:
            return False
        # Kafka evicts what has rested long enough, or a smaller session that is old enough.
        if now - session.last_used > MIN_EVICTION_MS:
            del self._sessions[session.id]
            return True
        smallest = min(self._sessions.values(), key=lambda kept: len(kept.partitions))
        if size > len(smallest.partitions) and now - smallest.created > MIN_EVICTION_MS:
            del self._sessions[smallest.id]
            return True
        return False

    def partitions_of(self, session_id):
        """(topic, topic id, partition) of each that a session is about; none where there is no such session."""
        session = self._sessions.get(session_id)
        return [(one.topic, one.topic_id, one.partition) for one in session.partitions.values()] if session else []

    def close(self, session_id):
        self._sessions.pop(session_id, None)

    def resume(self, session_id, epoch, uses_topic_ids, now):
        """The session that an incremental request goes on with; its epoch moves on.

        Raises KafkaError: FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH,
        FETCH_SESSION_TOPIC_ID_ERROR (topic ids begun or dropped within a session).
        """
        session = self._sessions.get(session_id)
        if session is None:
            raise KafkaError(errors.FETCH_SESSION_ID_NOT_FOUND)
        if session.epoch != epoch:
            raise KafkaError(errors.INVALID_FETCH_SESSION_EPOCH)
        if session.uses_topic_ids != uses_topic_ids:
            raise KafkaError(errors.FETCH_SESSION_TOPIC_ID_ERROR)
        session.epoch = next_epoch(epoch)
        session.last_used = now
        del self._sessions[session_id]
        self._sessions[session_id] = session
        return session
