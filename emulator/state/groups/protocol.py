"""One protocol's groups among all groups of a coordinator: the base of each protocol's door."""

from emulator.state.groups.replay import Replay
from wire import errors
from wire.errors import KafkaError


class Protocol:
    """`table`: all groups, a GroupTable; `env`: Environment.

    Who derives says `type`, as its groups do, `kinds` (of their records), and `make(group_id)`; its groups have a
    `restore(values)`: become the group that these replay.Values tell of.
    """

    type = None
    kinds = ()

    def __init__(self, table, env):
        self.table = table
        self.env = env

    def make(self, group_id):
        """A new group, in no table yet."""
        raise NotImplementedError

    def get(self, group_id):
        """The group. KafkaError GROUP_ID_NOT_FOUND, with Kafka's words."""
        group = self.table.find(group_id)
        if group.type != self.type:
            raise self.not_ours(group_id)
        return group

    def not_ours(self, group_id):
        return KafkaError(errors.GROUP_ID_NOT_FOUND, f"Group {group_id} is not a {self.type} group.")

    def __iter__(self):
        return (group for group in self.table if group.type == self.type)

    # -- a coordinator comes -------------------------------------------------------------------------

    def replay(self):
        """A Replay to be fed with the records of a partition."""
        return Replay(self.kinds)

    def restore(self, replay):
        """Rebuild the groups that were read. Sessions of members start anew."""
        for group_id, values in replay:
            group = self.make(group_id)
            group.restore(values)
            self.table.put(group)
            group.resume()


class TopicsProtocol(Protocol):
    """Of groups that follow the topics: they have `topic_changed(name)`."""

    def __init__(self, table, env):
        super().__init__(table, env)
        env.topics.on_change.append(self._topic_changed)

    def _topic_changed(self, name):
        for group in self:
            group.topic_changed(name)
