"""What a server and its connections count, for those who ask with four letters. Source: ServerStats, ServerCnxn, BufferStats of 3.8.4."""

from wire.zookeeper import client

_NAMES = {
    client.CREATE: "CREA", client.CREATE2: "CREA", client.CREATE_TTL: "CREA", client.CREATE_CONTAINER: "CREA", client.DELETE: "DELE",
    client.DELETE_CONTAINER: "DELE", client.EXISTS: "EXIS", client.GET_DATA: "GETD", client.SET_DATA: "SETD", client.GET_ACL: "GETA",
    client.SET_ACL: "SETA", client.GET_CHILDREN: "GETC", client.GET_CHILDREN2: "GETC", client.SYNC: "SYNC", client.PING: "PING",
    client.CHECK: "CHEC", client.MULTI: "MULT", client.MULTI_READ: "MLTR", client.RECONFIG: "RECO", client.SET_WATCHES: "SETW",
    client.SET_WATCHES2: "STW2", client.ADD_WATCH: "ADDW", client.CHECK_WATCHES: "CHKW", client.REMOVE_WATCHES: "REMW",
    client.GET_EPHEMERALS: "GETE", client.GET_ALL_CHILDREN_NUMBER: "GETACN", client.WHO_AM_I: "HOMI", client.CREATE_SESSION: "SESS",
    client.CLOSE_SESSION: "CLOS",
}  # fmt: skip


class Spread:
    """Of numbers: how many, their sum, and the `last`, `least` and `most` of them, `none` without any."""

    __slots__ = ("none", "count", "total", "last", "least", "most")

    def __init__(self, none=0):
        self.none = none
        self.reset()

    def reset(self):
        self.count = self.total = 0
        self.last = self.least = self.most = self.none

    def add(self, value):
        if not self.count or value < self.least:
            self.least = value
        if not self.count or value > self.most:
            self.most = value
        self.count += 1
        self.total += value
        self.last = value

    @property
    def mean(self):
        return round(self.total / self.count, 4) if self.count else 0.0


class ServerStats:
    """Packets, the time from request to answer in ms, sizes of answers and, of a leader, of proposals, in bytes."""

    def __init__(self):
        self.latency, self.answers, self.proposals = Spread(), Spread(-1), Spread(-1)
        self.counts = dict.fromkeys(("connection_request_count", "connection_rejected", "connection_revalidate_count",
                                     "auth_failed_count", "bytes_received_count", "response_bytes", "looking_count", "commit_count",
                                     "snap_count", "proposal_count"), 0)
        self.reset()

    def reset(self):
        self.received = self.sent = 0
        for spread in (self.latency, self.answers, self.proposals):
            spread.reset()


class ConnectionStats:
    """`last_answer` is when, in ms of the server's clock; `last_cxid` of what was no ping, watch or auth, None before."""

    __slots__ = ("received", "sent", "latency", "last_operation", "last_cxid", "last_zxid", "last_answer")

    def __init__(self):
        self.latency = Spread()
        self.reset()

    def reset(self):
        self.received = self.sent = self.last_answer = 0
        self.latency.reset()
        self.last_operation = "NA"
        self.last_cxid, self.last_zxid = None, -1

    def answered(self, opcode, cxid, zxid, latency, now):
        if cxid >= 0:
            self.last_cxid = cxid
        self.last_zxid, self.last_answer = zxid, now
        self.last_operation = _NAMES.get(opcode, "NA")
        self.latency.add(latency)
