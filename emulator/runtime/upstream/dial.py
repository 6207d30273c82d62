"""A connection to a broker of the cluster behind: TCP, then TLS, then SASL, all of it within one deadline."""

import errno
import socket
import ssl
from contextlib import contextmanager

from gevent import get_hub, getcurrent

from emulator.runtime.upstream import sasl
from emulator.runtime.upstream.exchange import READ, WRITE, wait


class Unreachable(Exception):
    """Why there is no connection, in one line. `is_refused`: at no address does anybody listen."""

    def __init__(self, why, is_refused=False):
        super().__init__(why)
        self.is_refused = is_refused


class TlsSocket:
    """A TLS connection that, like a plain socket, raises BlockingIOError where it would have to wait."""

    def __init__(self, sock):
        self._socket = sock
        self.fileno, self.pending, self.close, self.setsockopt = sock.fileno, sock.pending, sock.close, sock.setsockopt

    def recv_into(self, buffer, most=0):
        try:
            return self._socket.recv_into(buffer, most)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None
        except ssl.SSLEOFError:  # closed without a farewell, as Kafka does
            return 0

    def send(self, data):
        try:
            return self._socket.send(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None


class Dialer:
    """`dial(addresses)` gives a socket on which requests may be sent. `patience`: the clock of the deadline.

    `tls`: an ssl.SSLContext or None, `check_host`: whether the certificate must be of the host that was dialled;
    `login`: sasl.Login or None; `timeout_ms`: for all of one address.
    """

    def __init__(self, patience, timeout_ms, tls=None, check_host=True, login=None):
        self._patience = patience
        self._timeout_ms = timeout_ms
        self._tls = tls
        self._check_host = check_host
        self._login = login

    def dial(self, addresses):
        """To the first of `addresses`, (host, port), that can be reached. Raises Unreachable."""
        failures, is_refused = [], bool(addresses)
        for host, port in addresses:
            try:
                return self._dial(host, port)
            except (OSError, Unreachable, sasl.Refusal) as error:
                why = getattr(error, "strerror", None) or str(error) or type(error).__name__
                failures.append(f"{host}:{port}: {why}")
                is_refused = is_refused and getattr(error, "errno", None) == errno.ECONNREFUSED
        raise Unreachable("; ".join(failures) or "no address is known", is_refused)

    def _dial(self, host, port):
        with self.deadline():
            failure = None
            for family, address in _look_up(host, port):
                sock = socket.socket(family, socket.SOCK_STREAM)
                try:
                    _connect(sock, address)
                    if self._tls is not None:
                        sock = self._encrypt(sock, host)
                    if self._login is not None:
                        self._login.log_in(sock, host)
                    return sock
                except OSError as error:  # the name's next address may do
                    sock.close()
                    failure = error
                except BaseException:
                    sock.close()
                    raise
            raise failure

    @contextmanager
    def deadline(self):
        """What is done within it raises Unreachable when it takes too long."""
        greenlet = getcurrent()

        def too_late():
            greenlet.throw(Unreachable(f"nothing came within {self._timeout_ms} ms"))

        deadline = self._patience.after(self._timeout_ms, too_late)
        try:
            yield
        finally:
            deadline.cancel()

    def _encrypt(self, sock, host):
        tls = self._tls.wrap_socket(sock, do_handshake_on_connect=False, server_hostname=host if self._check_host else None)
        while True:
            try:
                tls.do_handshake()
                return TlsSocket(tls)
            except ssl.SSLWantReadError:
                wait(tls, READ)
            except ssl.SSLWantWriteError:
                wait(tls, WRITE)
            except BaseException:
                tls.close()
                raise


def _look_up(host, port):
    """[(family, address)] of a host; a name is looked up in a thread, for that may take its time."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except OSError:
        found = get_hub().threadpool.apply(socket.getaddrinfo, (host, port, 0, socket.SOCK_STREAM))
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _connect(sock, address):
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    status = sock.connect_ex(address)
    if status == errno.EINPROGRESS:
        wait(sock, WRITE)
        status = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if status:
        raise OSError(status, errno.errorcode.get(status, "connect"))

