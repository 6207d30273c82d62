"""HOST:PORT as people write it."""

import re

from emulator.apps.errors import UsageError

EVERY_INTERFACE = ("", "0.0.0.0", "::")


def parse_address(text, what):
    """("host", port) of "host:port", "[v6]:port" or ":port" (host ""); `what` names it in the error."""
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if bracketed:
        host = host[1:-1]
    if not colon or (":" in host) != bracketed or not _is_port(port):
        raise UsageError(f"{what} {text}: expected HOST:PORT, such as localhost:9092 or [::1]:9092")
    return host, int(port)


def _is_port(text):
    return text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535


def is_address(text):
    """Whether it is HOST:PORT, and no path."""
    host, colon, port = text.rpartition(":")
    return bool(colon) and "/" not in text and _is_port(port)


def format_address(host, port):
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host):
    return host in ("localhost", "::1") or re.fullmatch(r"127(\.\d{1,3}){3}", host) is not None


def bootstrap_of(server):
    """HOST:PORT of each broker's first listener, with commas between them, for a client on this machine."""
    return ",".join(reached_at(broker) for broker in server.brokers.values())


def reached_at(broker):
    """HOST:PORT of a broker's first listener, for a client on this machine."""
    _, host, port = broker.bound[0]
    return format_address("localhost" if host in EVERY_INTERFACE else host, port)
