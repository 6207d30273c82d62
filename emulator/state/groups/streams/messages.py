"""What the members of a streams group ask and are answered, as plain values."""

from typing import NamedTuple

from emulator.state.groups.streams.member import Tasks

# Status codes of an answer (StreamsGroupHeartbeatResponse.Status of Kafka 4.3.1).
STALE_TOPOLOGY = 0
MISSING_SOURCE_TOPICS = 1
INCORRECTLY_PARTITIONED_TOPICS = 2
MISSING_INTERNAL_TOPICS = 3
SHUTDOWN_APPLICATION = 4
ASSIGNMENT_DELAYED = 5


class StreamsHeartbeat(NamedTuple):
    """A StreamsGroupHeartbeat request. None: not said, so as before; `topology`: a StreamsGroupTopology.Value;
    `user_endpoint`: (host, port); `client_tags`: {key: value}.
    """

    member_id: str
    member_epoch: int
    client_id: str = ""
    client_host: str = ""
    endpoint_epoch: int = 0
    instance_id: str | None = None
    rack_id: str | None = None
    rebalance_timeout_ms: int = -1
    topology: object = None
    active_tasks: list | None = None  # [(subtopology_id, [partition])], as the next two
    standby_tasks: list | None = None
    warmup_tasks: list | None = None
    process_id: str | None = None
    user_endpoint: tuple | None = None
    client_tags: dict | None = None
    has_task_offsets: bool = False
    has_task_end_offsets: bool = False
    shutdown_application: bool = False
    client: object = None  # the connection that it came by

    @property
    def owned(self):
        """The Tasks that it says it has, None when it does not say."""
        told = self.active_tasks, self.standby_tasks, self.warmup_tasks
        if None in told:
            return None
        return Tasks(*({subtopology: frozenset(partitions) for subtopology, partitions in tasks} for tasks in told))


class StreamsAnswer(NamedTuple):
    """`tasks`: HeldTasks, None when there is nothing new to tell; `status`: [(code, detail)];
    `endpoints`: [(endpoint, [(topic, partitions)] of active tasks, the same of standby tasks)], or None;
    `missing_topics`: {name: InternalTopic} that somebody is to make.
    """

    member_id: str
    member_epoch: int
    heartbeat_interval_ms: int = 0
    tasks: tuple | None = None
    status: list = ()
    endpoint_epoch: int = 0
    endpoints: list | None = None
    missing_topics: dict = {}
