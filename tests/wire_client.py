"""A client of few lines for tests: one request out, one decoded response back."""

import socket
import struct

from wire.apis.sasl import SaslAuthenticate, SaslHandshake
from wire.header import build_request_header, parse_response_header


class WireClient:
    """`call(api, version, **fields)` sends a request and gives the response record.

    `send`/`receive` do one half each, for pipelining; a closed connection raises ConnectionError. `tls`: an ssl.SSLContext, None for none.
    """

    def __init__(self, bootstrap, client_id="wire-client", timeout=10, tls=None):
        host, _, port = bootstrap.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname=host)
        self.client_id = client_id
        self._correlation_id = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def frame(self, api, version, request):
        self._correlation_id += 1
        pieces = [build_request_header(api, version, self._correlation_id, self.client_id)]
        api.build_request(version)(request, pieces)
        body = b"".join(bytes(piece) for piece in pieces)
        return struct.pack(">i", len(body)) + body

    def send(self, api, version, **fields):
        self.socket.sendall(self.frame(api, version, api.Request(**fields)))
        return self._correlation_id

    def receive_frame(self):
        (size,) = struct.unpack(">i", self._read(4))
        return self._read(size)

    def receive(self, api, version, correlation_id):
        body = self.receive_frame()
        answered, position = parse_response_header(api, version, body)
        assert answered == correlation_id, f"answer to {answered}, expected {correlation_id}"
        response, end = api.parse_response(version)(body, position)
        assert end == len(body), f"{len(body) - end} bytes left over"
        return response

    def call(self, api, version, **fields):
        return self.receive(api, version, self.send(api, version, **fields))

    def log_in(self, user, password):
        """Authenticate by PLAIN; gives itself."""
        shaken = self.call(SaslHandshake, 1, mechanism="PLAIN")
        assert not shaken.error_code, f"there are {shaken.mechanisms}"
        answer = self.call(SaslAuthenticate, 2, auth_bytes=f"\0{user}\0{password}".encode())
        assert not answer.error_code, answer.error_message
        return self

    def _read(self, count):
        data = bytearray()
        while len(data) < count:
            received = self.socket.recv(count - len(data))
            if not received:
                raise ConnectionError("the server closed the connection")
            data += received
        return bytes(data)
