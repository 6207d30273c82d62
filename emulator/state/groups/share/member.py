"""One member of a share group."""

from typing import NamedTuple

JOINING, LEAVING = 0, -1  # member epochs of a heartbeat


class ShareHeartbeat(NamedTuple):
    """A ShareGroupHeartbeat request. None: not said, so as before."""

    member_id: str
    member_epoch: int
    client_id: str = ""
    client_host: str = ""
    rack_id: str | None = None
    subscribed_topic_names: list | None = None
    client: object = None  # the connection that it came by


class ShareMember(NamedTuple):
    """`assigned`: {topic_id: frozenset of partitions}, which it has been told."""

    member_id: str
    member_epoch: int = 0
    previous_member_epoch: int = 0
    client_id: str = ""
    client_host: str = ""
    rack_id: str | None = None
    subscribed_topic_names: frozenset = frozenset()
    assigned: dict = {}

    @property
    def metadata(self):
        return self.client_id, self.client_host, self.rack_id, self.subscribed_topic_names
