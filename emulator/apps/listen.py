"""--listen HOST:PORT: where a server's listener is, whatever its file says of that. What it asks of its clients stays as the file has it."""

from emulator.apps.addresses import EVERY_INTERFACE, format_address, parse_address
from emulator.apps.errors import UsageError

_PROTOCOLS = "listener.security.protocol.map"
_PLAINTEXT = "PLAINTEXT"


def listen_at(values, where):
    """Take `where` into `values`, {key: text}. Raises UsageError, also where several listeners could be meant and one of them has TLS or SASL."""
    host, port = parse_address(where, "--listen")
    names = [one.strip().partition("://")[0].upper() for one in values.pop("listeners", _PLAINTEXT).split(",")]
    values.pop("advertised.listeners", None)
    if len(names) > 1:
        pairs = (pair.strip().upper().rpartition(":") for pair in values.pop(_PROTOCOLS, "").split(","))
        protocols = {name.strip(): protocol for name, _, protocol in pairs}
        if secured := [name for name in names if protocols.get(name, name) != _PLAINTEXT]:
            raise UsageError(f"--listen {where}: there are several listeners, and {secured[0]} is not PLAINTEXT; say in `listeners` where each is to be")
        names = [_PLAINTEXT]
        values.pop("inter.broker.listener.name", None)
    values["listeners"] = f"{names[0]}://{format_address(host, port)}"
    if host in EVERY_INTERFACE:
        values["advertised.listeners"] = f"{names[0]}://localhost:{port}"
