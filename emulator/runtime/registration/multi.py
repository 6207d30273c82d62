"""Several operations that ZooKeeper does together or not at all: what is sent, and what the answer says."""

from wire.zookeeper import client as messages
from wire.zookeeper.client import ACL, CreateRequest, Id, Path, PathVersion, SetDataRequest

ANYBODY = [ACL(messages.ALL, Id("world", "anyone"))]
PERSISTENT, EPHEMERAL, SEQUENTIAL = 0, 1, 2
ANY_VERSION = -1


class Refused(Exception):
    """A server's answer is the error `code`."""

    def __init__(self, code, path=""):
        super().__init__(f"ZooKeeper answers {code}" + (f" for {path}" if path else ""))
        self.code = code


def create(path, data, flags=PERSISTENT):
    """Of a multi; `path` as ZooKeeper has it."""
    return messages.CREATE, CreateRequest(path, data, ANYBODY, flags)


def delete(path, version=ANY_VERSION):
    return messages.DELETE, PathVersion(path, version)


def set_data(path, data, version=ANY_VERSION):
    return messages.SET_DATA, SetDataRequest(path, data, version)


def check(path, version):
    return messages.CHECK, PathVersion(path, version)


def multi_body(operations):
    return messages.build_multi([(opcode, -1, record.build()) for opcode, record in operations])


def multi_result(answer):
    """None, or the Refused of the first that failed, of a multi's answer."""
    position, codes = 0, []
    while True:
        header, position = messages.MultiHeader.parse(answer, position)
        if header.done:
            break
        if header.type == messages.ERROR:
            error, position = messages.ErrorResponse.parse(answer, position)
            codes.append(error.err)
        elif header.type == messages.CREATE:
            _, position = Path.parse(answer, position)
        elif header.type == messages.SET_DATA:
            _, position = messages.StatOnly.parse(answer, position)
    failed = [code for code in codes if code not in (messages.OK, messages.RUNTIME_INCONSISTENCY)]
    return Refused(failed[0] if failed else codes[0]) if codes else None
