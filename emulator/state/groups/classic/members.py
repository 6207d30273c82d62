"""The members of one classic group: votes for protocols, the leader, static instances, who waits.

Nothing here knows states or time-outs: see `classic`.
Source: org.apache.kafka.coordinator.group.classic.ClassicGroupMember, ClassicGroup; KIP-345, KIP-394.
"""

class Member:
    """One member. `joining` and `syncing` are the callbacks of its requests that still wait, or None."""

    __slots__ = (
        "member_id",
        "group_instance_id",
        "client_id",
        "client_host",
        "session_timeout_ms",
        "rebalance_timeout_ms",
        "protocols",
        "assignment",
        "joining",
        "syncing",
        "is_new",
        "client",
        "expires_at",
        "deadline",
    )

    def __init__(self, member_id, join, assignment=b""):
        self.member_id = member_id
        self.group_instance_id = join.group_instance_id
        self.client_id = join.client_id
        self.client_host = join.client_host
        self.session_timeout_ms = join.session_timeout_ms
        self.rebalance_timeout_ms = join.rebalance_timeout_ms
        self.protocols = join.protocols
        self.assignment = assignment
        self.joining = None
        self.syncing = None
        self.is_new = False
        self.client = join.client
        self.expires_at = None
        self.deadline = None

    @property
    def waits(self):
        return self.joining is not None or self.syncing is not None

    def metadata(self, protocol_name):
        for name, metadata in self.protocols:
            if name == protocol_name:
                return metadata
        raise LookupError(f"member {self.member_id} does not support protocol {protocol_name}")


class Members:
    """Members by id in the order of their joining; the first one leads until it leaves or does not rejoin."""

    __slots__ = ("by_id", "static", "pending", "leader", "joining", "_supporters")

    def __init__(self):
        self.by_id = {}
        self.static = {}  # group instance id -> member id
        self.pending = {}  # member ids handed out (KIP-394) and not used yet
        self.leader = None
        self.joining = 0  # how many wait for their join to be answered
        self._supporters = {}  # protocol name -> how many members support it

    def __len__(self):
        return len(self.by_id)

    def __iter__(self):
        return iter(self.by_id.values())

    def __contains__(self, member_id):
        return member_id in self.by_id

    def __getitem__(self, member_id):
        return self.by_id[member_id]

    def get(self, member_id):
        return self.by_id.get(member_id)

    def add(self, member):
        self.by_id[member.member_id] = member
        if member.group_instance_id is not None:
            self.static[member.group_instance_id] = member.member_id
        if self.leader is None:
            self.leader = member.member_id
        self._count(member.protocols, 1)

    def remove(self, member):
        """Forget a member; its waiting requests must have been answered."""
        del self.by_id[member.member_id]
        if member.group_instance_id is not None:
            self.static.pop(member.group_instance_id, None)
        self._count(member.protocols, -1)
        if self.leader == member.member_id:
            self.leader = next(iter(self.by_id), None)

    def rename(self, member, member_id):
        """A static member came back: the same member under its new id (KIP-345)."""
        del self.by_id[member.member_id]
        if self.leader == member.member_id:
            self.leader = member_id
        member.member_id = member_id
        self.by_id[member_id] = member
        self.static[member.group_instance_id] = member_id

    def update(self, member, join):
        member.client = join.client
        if member.protocols != join.protocols:
            self._count(member.protocols, -1)
            member.protocols = join.protocols
            self._count(member.protocols, 1)
        member.session_timeout_ms = join.session_timeout_ms
        member.rebalance_timeout_ms = join.rebalance_timeout_ms

    def await_join(self, member, respond):
        if member.joining is None:
            self.joining += 1
        member.joining = respond

    def answer_join(self, member, result):
        respond, member.joining = member.joining, None
        if respond is not None:
            self.joining -= 1
            respond(result)

    @staticmethod
    def answer_sync(member, result):
        respond, member.syncing = member.syncing, None
        if respond is not None:
            respond(result)

    def all_joined(self):
        return self.joining == len(self.by_id) and not self.pending

    def elect_joined_leader(self):
        """Make sure that the leader has rejoined; False when nobody has."""
        if self.leader is None:
            return False
        if self.by_id[self.leader].joining is not None:
            return True
        for member in self:
            if member.joining is not None:
                self.leader = member.member_id
                return True
        return False

    def rebalance_timeout_ms(self):
        return max((member.rebalance_timeout_ms for member in self), default=0)

    def supports(self, protocols):
        """Whether every member supports one of these protocols."""
        everybody = len(self.by_id)
        for name, _ in protocols:
            if self._supporters.get(name, 0) == everybody:
                return True
        return False

    def select_protocol(self):
        """The protocol with the most votes among those that all support; the first one voted for wins a tie."""
        votes = {}
        for member in self:
            for name, _ in member.protocols:
                if self._supporters[name] == len(self.by_id):
                    votes[name] = votes.get(name, 0) + 1
                    break
        return max(votes, key=votes.get)

    def _count(self, protocols, step):
        supporters = self._supporters
        for name in {name for name, _ in protocols}:  # a name sent twice is one vote
            count = supporters.get(name, 0) + step
            if count:
                supporters[name] = count
            else:
                supporters.pop(name, None)
