"""Many connections with one request under way on each, served by one loop: the clients of a whole group in one process."""

import select
import socket
import struct
import time

from benchmarks import raw


class Crowd:
    """A context manager. Members are numbered from 0 on; nobody waits longer than `patience` seconds for any reply."""

    def __init__(self, address, count, patience=60):
        self.connections = [raw.Connection(address) for _ in range(count)]
        self.patience = patience
        self.poll = select.epoll()
        self.members, self.received = {}, {}
        for member, connection in enumerate(self.connections):
            self.members[connection.socket.fileno()] = member
            self.poll.register(connection.socket.fileno(), select.EPOLLIN)
        self.heard_at = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.poll.close()
        for connection in self.connections:
            connection.socket.close()

    def send(self, member, frame):
        self.connections[member].socket.sendall(frame)

    def replies(self, wait):
        """[(member, reply frame)] that came within `wait` seconds, as soon as there are any."""
        found = []
        for descriptor, _ in self.poll.poll(wait):
            member = self.members[descriptor]
            data = self.connections[member].socket.recv(1 << 20)
            if not data:
                raise ConnectionError(f"the server closed the connection of member {member}")
            if descriptor in self.received:
                data = self.received.pop(descriptor) + data
            if len(data) < 4 or len(data) < 4 + struct.unpack_from(">i", data)[0]:
                self.received[descriptor] = data
            else:
                found.append((member, data))
        now = time.monotonic()
        if found:
            self.heard_at = now
        elif now > self.heard_at + self.patience:
            raise ValueError(f"no reply for {self.patience} s")
        return found

    def call(self, member, frame):
        """One request and its reply, while all others are silent."""
        self.send(member, frame)
        while True:
            for _, reply in self.replies(1):
                return reply
