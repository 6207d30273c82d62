"""Where the control API may be asked over TCP, and by whom: what options and config.yaml say of it. No heavy import here: a start is timed."""

from typing import Any, NamedTuple

from emulator.apps.addresses import format_address, is_loopback, parse_address
from emulator.apps.errors import UsageError

LISTEN, TOKEN_FILE, HOSTS, METRICS = KEYS = ("control.listen", "control.token.file", "control.hosts", "metrics.listen")


class Doors(NamedTuple):
    """`listen`: (host, port) of the control API, None for none; `token`: the Token that it takes, None where everybody may ask.

    `hosts`: further names by which a client may call the ports; `metrics`: (host, port) where metrics alone are, or None.
    """

    listen: tuple | None = None
    token: Any = None
    hosts: tuple = ()
    metrics: tuple | None = None

    @property
    def is_open(self):
        """Whether whoever reaches the port may do everything there."""
        return self.listen is not None and self.token is None

    def elsewhere(self):
        """The same at free ports."""
        return self._replace(**{name: (where[0], 0) for name in ("listen", "metrics") if (where := getattr(self, name))})


def take_doors(values, listen=None, token_file=None, metrics=None):
    """Take the keys out of `values`, {key: text}; the others (texts, None where not said) go before them.

    Without a token, one is drawn for a port that others than this machine's users may reach. Raises UsageError that begins with the key.
    """
    found = {key: values.pop(key) for key in KEYS if key in values}
    listen, metrics = (_address(said or found.get(key), key) for said, key in ((listen, LISTEN), (metrics, METRICS)))
    hosts = tuple(name for one in found.get(HOSTS, "").split(",") if (name := one.strip().lower()))
    token_file = token_file or found.get(TOKEN_FILE)
    if token_file is not None and listen is None:
        raise UsageError(f"{TOKEN_FILE}: there is no {LISTEN}")
    if hosts and listen is None and metrics is None:
        raise UsageError(f"{HOSTS}: there is no {LISTEN}")
    if listen is None:
        return Doors(hosts=hosts, metrics=metrics)
    from emulator.apps.control.token import draw, token_of

    token = token_of(token_file)
    if token is None and not is_loopback(listen[0]):
        token = draw()
    return Doors(listen, token, hosts, metrics)


def _address(text, key):
    return text and parse_address(text, key)


def said_of(doors, ports):
    """What a server prints of its `ports` (see open_ports), and what it warns of."""
    told, warnings = [], []
    for name, port in ports.items():
        told.append(f"{name}={port.url}")
    if doors.listen is not None:
        if doors.token is not None and doors.token.is_drawn:
            told.append(f"control.token={doors.token.text}")
        where = format_address(*doors.listen)
        if doors.is_open:
            warnings.append(f"whoever is on this machine may do everything at {ports['control'].url}: it takes no token (see --token-file)")
        elif not is_loopback(doors.listen[0]):
            warnings.append(f"who listens on the way to {where} reads the token: docs/security.md says how to go through ssh")
    return told, warnings
