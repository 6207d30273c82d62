"""The socket of a connection whose broker hangs: the kernel takes what the client sends, and nobody reads it."""


class FrozenSocket:
    """Stands in for `sock`: who would read or write waits until the Event `thawed` is set, and goes on then."""

    def __init__(self, sock, thawed):
        self.socket = sock
        self._thawed = thawed

    def recv(self, size, flags=0):
        if not flags:  # else somebody only looks whether the client is still there, from the event loop
            self._thawed.wait()
        return self.socket.recv(size, flags)

    def recv_into(self, buffer):
        self._thawed.wait()
        return self.socket.recv_into(buffer)

    def send(self, data):
        self._thawed.wait()
        return self.socket.send(data)

    def sendmsg(self, pieces):
        self._thawed.wait()
        return self.socket.sendmsg(pieces)

    def __getattr__(self, name):
        return getattr(self.socket, name)
