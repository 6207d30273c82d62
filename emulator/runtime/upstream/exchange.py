"""A request of the proxy's own: one out, its answer back, on a socket of dial.py."""

import struct
from contextlib import closing

from gevent import get_hub

from wire.header import build_request_header, parse_response_header
from wire.types import Malformed

_CLIENT_ID = "kafka-emulator-proxy"
_LARGEST = 100 * 1024 * 1024
READ, WRITE = 1, 2


class NoAnswer(OSError):
    """The other end went away, or said what is no answer."""


def wait(sock, events):
    """Until the socket can be read (READ) or written (WRITE)."""
    with closing(get_hub().loop.io(sock.fileno(), events)) as watcher:
        get_hub().wait(watcher)


def ask(sock, api, version, correlation_id=0, client_id=_CLIENT_ID, **fields):
    """The answer's record. Raises NoAnswer, OSError."""
    pieces = [build_request_header(api, version, correlation_id, client_id)]
    api.build_request(version)(api.Request(**fields), pieces)
    body = b"".join(bytes(piece) for piece in pieces)
    send(sock, struct.pack(">i", len(body)) + body)
    (size,) = struct.unpack(">i", receive(sock, 4))
    if not 4 <= size <= _LARGEST:
        raise NoAnswer(f"an answer of {size} bytes")
    frame = receive(sock, size)
    try:
        answered, position = parse_response_header(api, version, frame)
        if answered != correlation_id:
            raise NoAnswer(f"an answer to request {answered} instead of {correlation_id}")
        return api.parse_response(version)(frame, position)[0]
    except Malformed as malformed:
        raise NoAnswer(f"a malformed answer to {api.name} v{version}: {malformed}") from None


def send(sock, data):
    view = memoryview(data)
    while len(view):
        try:
            view = view[sock.send(view) :]
        except BlockingIOError:
            wait(sock, WRITE)


def receive(sock, size):
    """Exactly `size` bytes; memory is taken as they come."""
    data, part = bytearray(), bytearray(min(size, 64 * 1024))
    while len(data) < size:
        with memoryview(part) as view:
            try:
                count = sock.recv_into(view[: size - len(data)])
            except BlockingIOError:
                wait(sock, READ)
                continue
        if not count:
            raise NoAnswer("it closed the connection")
        data += part[:count]
    return bytes(data)
