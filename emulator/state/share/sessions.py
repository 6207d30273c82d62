"""Share sessions (KIP-932): which partitions a member fetches, remembered between its requests.

Source: org.apache.kafka.server.share.session.ShareSessionCache, ShareSessionContext, kafka.server.share.SharePartitionManager.newContext.
"""

from wire import errors
from wire.errors import KafkaError

INITIAL_EPOCH = 0
FINAL_EPOCH = -1
_LARGEST_EPOCH = 2**31 - 1


class ShareSession:
    """`partitions`: {(topic id, index): whether the next answer must name it}, in the order to serve."""

    __slots__ = ("epoch", "partitions", "connection")

    def __init__(self, partitions, connection):
        self.epoch = 1
        self.partitions = partitions
        self.connection = connection

    def next(self, epoch):
        """This request has the epoch that was expected, or KafkaError."""
        if epoch != self.epoch:
            raise KafkaError(errors.INVALID_SHARE_SESSION_EPOCH)
        self.epoch = 1 if epoch == _LARGEST_EPOCH else epoch + 1

    def update(self, asked, forgotten):
        for partition in asked:
            self.partitions.setdefault(partition, True)
        for partition in forgotten:
            self.partitions.pop(partition, None)

    def must_answer(self, partition, has_records, error):
        """Whether an answer tells this member something new; who got records goes last next time."""
        unsaid = self.partitions.get(partition)
        if unsaid is None:
            return True
        if has_records:
            del self.partitions[partition]
        self.partitions[partition] = error != errors.NONE
        return has_records or unsaid or error != errors.NONE


class ShareSessions:
    """At most `most` sessions (group.share.max.share.sessions), by (group id, member id)."""

    def __init__(self, most):
        self._most = most
        self._sessions = {}
        self._groups = {}  # connection -> ids of the groups that sessions were opened for over it

    def __len__(self):
        return len(self._sessions)

    def get(self, group_id, member_id):
        """The ShareSession. KafkaError SHARE_SESSION_NOT_FOUND."""
        session = self._sessions.get((group_id, member_id))
        if session is None:
            raise KafkaError(errors.SHARE_SESSION_NOT_FOUND)
        return session

    def open(self, group_id, member_id, partitions, connection):
        """A new session in place of any other. KafkaError SHARE_SESSION_LIMIT_REACHED."""
        self._sessions.pop((group_id, member_id), None)
        if len(self._sessions) >= self._most:
            raise KafkaError(errors.SHARE_SESSION_LIMIT_REACHED)
        session = self._sessions[group_id, member_id] = ShareSession(dict.fromkeys(partitions, False), connection)
        self._groups.setdefault(connection, set()).add(group_id)
        return session

    def close(self, group_id, member_id):
        """The session that was, its partitions with it. KafkaError SHARE_SESSION_NOT_FOUND."""
        session = self.get(group_id, member_id)
        del self._sessions[group_id, member_id]
        return session

    def of_connection(self, connection):
        """[(group id, member id)] of the sessions that were opened over this connection."""
        return [key for key, session in self._sessions.items() if session.connection is connection]

    def forget_connection(self, connection):
        """The groups that had sessions over this connection and have none any more."""
        groups = self._groups.pop(connection, set())
        return groups - {group_id for group_id, _ in self._sessions}
