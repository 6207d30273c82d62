"""Where an ensemble is, and how long brokers wait for it: the zookeeper.* keys of Kafka 3.9.1."""

from typing import NamedTuple


class Place(NamedTuple):
    """`servers`: [(host, port)]; `chroot`: "" or /path; session and connection time-outs in ms."""

    servers: tuple
    chroot: str = ""
    session_ms: int = 18_000
    connection_ms: int = 18_000

    def __str__(self):
        return "zookeeper.connect=" + ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.servers) + self.chroot


def parse_place(connect, session_ms=18_000, connection_ms=None):
    """The Place that `connect` names, HOST:PORT,HOST:PORT/CHROOT. Raises ValueError."""
    hosts, slash, chroot = connect.strip().partition("/")
    chroot = slash + chroot.rstrip("/") if chroot.rstrip("/") else ""
    if any(part in ("", ".", "..") for part in chroot.split("/")[1:]):
        raise ValueError(f"{chroot} is no path in ZooKeeper")
    servers = []
    for text in hosts.split(","):
        host, colon, port = text.strip().rpartition(":")
        if not colon or "]" in port:
            host, port = text.strip(), "2181"
        host = host.removeprefix("[").removesuffix("]")
        if not host or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise ValueError(f"{text.strip()!r} is not HOST:PORT")
        servers.append((host, int(port)))
    return Place(tuple(servers), chroot, session_ms, session_ms if connection_ms is None else connection_ms)
