"""What clients and servers of ZooKeeper say to each other: opcodes, error codes, and every request and response."""

from ..jute import boolean, buffer, int32, long, record, string, vector
from ..types import Malformed

NOTIFICATION, CREATE, DELETE, EXISTS, GET_DATA, SET_DATA, GET_ACL, SET_ACL, GET_CHILDREN, SYNC = range(10)
PING, GET_CHILDREN2, CHECK, MULTI, CREATE2, RECONFIG, CHECK_WATCHES, REMOVE_WATCHES = 11, 12, 13, 14, 15, 16, 17, 18
CREATE_CONTAINER, DELETE_CONTAINER, CREATE_TTL, MULTI_READ = 19, 20, 21, 22
AUTH, SET_WATCHES, SASL, GET_EPHEMERALS, GET_ALL_CHILDREN_NUMBER, SET_WATCHES2, ADD_WATCH, WHO_AM_I = \
    100, 101, 102, 103, 104, 105, 106, 107
CREATE_SESSION, CLOSE_SESSION, ERROR = -10, -11, -1

WRITES = frozenset({CREATE, CREATE2, CREATE_CONTAINER, CREATE_TTL, DELETE, DELETE_CONTAINER, SET_DATA, SET_ACL, CHECK, MULTI, RECONFIG})

OK, RUNTIME_INCONSISTENCY, MARSHALLING_ERROR, UNIMPLEMENTED, BAD_ARGUMENTS = 0, -2, -5, -6, -8
NO_NODE, NO_AUTH, BAD_VERSION, NO_CHILDREN_FOR_EPHEMERALS, NODE_EXISTS, NOT_EMPTY = -101, -102, -103, -108, -110, -111
SESSION_EXPIRED, INVALID_ACL, AUTH_FAILED, SESSION_MOVED, NOT_READ_ONLY = -112, -114, -115, -118, -119
EPHEMERAL_ON_LOCAL_SESSION, NO_WATCHER, RECONFIG_DISABLED, QUOTA_EXCEEDED = -120, -121, -123, -125

READ, WRITE, CREATE_CHILD, DELETE_CHILD, ADMIN, ALL = 1, 2, 4, 8, 16, 31

NODE_CREATED, NODE_DELETED, NODE_DATA_CHANGED, NODE_CHILDREN_CHANGED = 1, 2, 3, 4
SYNC_CONNECTED = 3
WATCH_XID = -1
PING_XID, AUTH_XID, SET_WATCHES_XID = -2, -4, -8

Id = record("Id", "scheme" / string, "id" / string)
ACL = record("ACL", "perms" / int32, ("id", Id))
Stat = record("Stat", "czxid" / long, "mzxid" / long, "ctime" / long, "mtime" / long, "version" / int32, "cversion" / int32,
              "aversion" / int32, "ephemeral_owner" / long, "data_length" / int32, "num_children" / int32, "pzxid" / long)

ConnectRequest = record("ConnectRequest", "protocol_version" / int32, "last_zxid_seen" / long, "timeout" / int32,
                        "session_id" / long, "password" / buffer)
ConnectResponse = record("ConnectResponse", "protocol_version" / int32, "timeout" / int32, "session_id" / long,
                         "password" / buffer)
RequestHeader = record("RequestHeader", "xid" / int32, "type" / int32)
ReplyHeader = record("ReplyHeader", "xid" / int32, "zxid" / long, "err" / int32)
WatcherEvent = record("WatcherEvent", "type" / int32, "state" / int32, "path" / string)

Path = record("Path", "path" / string)
PathWatch = record("PathWatch", "path" / string, "watch" / boolean)
CreateRequest = record("CreateRequest", "path" / string, "data" / buffer, "acl" / vector(ACL), "flags" / int32)
CreateTTLRequest = record("CreateTTLRequest", "path" / string, "data" / buffer, "acl" / vector(ACL), "flags" / int32, "ttl" / long)
PathVersion = record("PathVersion", "path" / string, "version" / int32)
SetDataRequest = record("SetDataRequest", "path" / string, "data" / buffer, "version" / int32)
SetACLRequest = record("SetACLRequest", "path" / string, "acl" / vector(ACL), "version" / int32)
AuthPacket = record("AuthPacket", "type" / int32, "scheme" / string, "auth" / buffer)
SaslToken = record("SaslToken", "token" / buffer)
SetWatches = record("SetWatches", "relative_zxid" / long, "data" / vector(string), "exist" / vector(string),
                    "child" / vector(string))
SetWatches2 = record("SetWatches2", "relative_zxid" / long, "data" / vector(string), "exist" / vector(string),
                     "child" / vector(string), "persistent" / vector(string), "persistent_recursive" / vector(string))
PathType = record("PathType", "path" / string, "type" / int32)  # addWatch, checkWatches, removeWatches
ReconfigRequest = record("ReconfigRequest", "joining_servers" / string, "leaving_servers" / string, "new_members" / string,
                         "current_config_id" / long)
MultiHeader = record("MultiHeader", "type" / int32, "done" / boolean, "err" / int32)

PathAndStat = record("PathAndStat", "path" / string, ("stat", Stat))
StatOnly = record("StatOnly", ("stat", Stat))
DataAndStat = record("DataAndStat", "data" / buffer, ("stat", Stat))
ChildrenResponse = record("ChildrenResponse", "children" / vector(string))
ChildrenAndStat = record("ChildrenAndStat", "children" / vector(string), ("stat", Stat))
ACLAndStat = record("ACLAndStat", "acl" / vector(ACL), ("stat", Stat))
EphemeralsResponse = record("EphemeralsResponse", "ephemerals" / vector(string))
TotalNumber = record("TotalNumber", "total_number" / int32)
ClientInfo = record("ClientInfo", "auth_scheme" / string, "user" / string)
WhoAmIResponse = record("WhoAmIResponse", "client_info" / vector(ClientInfo))
ErrorResponse = record("ErrorResponse", "err" / int32)

REQUESTS = {
    CREATE: CreateRequest, CREATE2: CreateRequest, CREATE_CONTAINER: CreateRequest, CREATE_TTL: CreateTTLRequest,
    DELETE: PathVersion, SET_DATA: SetDataRequest, SET_ACL: SetACLRequest, CHECK: PathVersion, EXISTS: PathWatch,
    GET_DATA: PathWatch, GET_CHILDREN: PathWatch, GET_CHILDREN2: PathWatch, GET_ACL: Path, SYNC: Path, GET_EPHEMERALS: Path,
    GET_ALL_CHILDREN_NUMBER: Path, SET_WATCHES: SetWatches, SET_WATCHES2: SetWatches2, ADD_WATCH: PathType,
    CHECK_WATCHES: PathType, REMOVE_WATCHES: PathType, AUTH: AuthPacket, RECONFIG: ReconfigRequest,
}


def makes_ephemeral(opcode, body):
    """Whether a request, or one of a multi, creates an ephemeral node; one that cannot be read does not."""
    try:
        if opcode == MULTI:
            requests = [request for type_, request in parse_multi(body) if type_ in (CREATE, CREATE2)]
        else:
            requests = [CreateRequest.parse(body)[0]] if opcode in (CREATE, CREATE2) else []
    except Malformed:
        return False
    return any(request.flags in (1, 3) for request in requests)


def parse_multi(body):
    """[(opcode, request)] of a multi or multiRead; raises Malformed."""
    found, position = [], 0
    while True:
        header, position = MultiHeader.parse(body, position)
        if header.done:
            return found
        kind = REQUESTS.get(header.type)
        if kind is None:
            raise Malformed("multi", position, f"no operation of a multi is {header.type}")
        request, position = kind.parse(body, position)
        found.append((header.type, request))


def build_multi(results):
    """The answer: of [(type, err, bytes)]."""
    pieces = []
    for type_, err, body in results:
        pieces += MultiHeader(type_, False, err).build(), body
    return b"".join([*pieces, MultiHeader(-1, True, -1).build()])
