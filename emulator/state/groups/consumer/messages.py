"""What the members of a consumer group ask and are answered, as plain values."""

from typing import NamedTuple


class ConsumerHeartbeat(NamedTuple):
    """A ConsumerGroupHeartbeat request. None: not said, so as before; `owned`: [(topic_id, [partition])] or None."""

    member_id: str
    member_epoch: int
    client_id: str = ""
    client_host: str = ""
    instance_id: str | None = None
    rack_id: str | None = None
    rebalance_timeout_ms: int = -1
    subscribed_topic_names: list | None = None
    subscribed_topic_regex: str | None = None
    server_assignor: str | None = None
    owned: list | None = None
    client: object = None  # the connection that it came by
    sees: object = None  # sees(topic name): whether its client may; None: it may see all

    @property
    def is_full(self):
        """Whether it says all: then it is answered with its assignment."""
        subscribes = self.subscribed_topic_names is not None or self.subscribed_topic_regex is not None
        return self.rebalance_timeout_ms != -1 and subscribes and self.owned is not None


class HeartbeatAnswer(NamedTuple):
    """`assignment` is {topic_id: partitions}, or None when there is nothing new to tell."""

    member_id: str
    member_epoch: int
    heartbeat_interval_ms: int = 0
    assignment: dict | None = None
