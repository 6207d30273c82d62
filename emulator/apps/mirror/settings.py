"""The command line and config.yaml -> what a mirror is to do. `mirror.from.*` and `mirror.to.*` are the names that Kafka's clients have."""

import re

from emulator.apps.config_file import read_config_file
from emulator.apps.errors import UsageError
from emulator.apps.mirror.names import Names, matcher
from emulator.apps.settings import located
from emulator.apps.upstream import DEFAULTS, Upstream

_SIDES = {"from": "--from", "to": "--to"}
_OPTIONS = {"topics": ".*", "prefix": "", "groups": None, "queue": "32", "refresh": "5", "name": ""}
_EXACTLY_ONCE = "mirror.exactly.once"


class MirrorSettings:
    """`sides`: {"from", "to": Upstream of that cluster}; `names`, `takes_group`: see Mirror; `queue_bytes`, `refresh_s`,
    `exactly_once`: the mirror's name, or None."""

    def __init__(self, options):
        """Raises UsageError."""
        file = None if options.config is None else read_config_file(options.config)
        for key in file.lists if file else ():
            raise UsageError(f"{file.where(key)}: {key} is none of a mirror's keys")
        try:
            self._read(options, dict(file.values if file else {}))
        except UsageError as error:
            raise UsageError(located(file, str(error))) from None

    def _read(self, options, values):
        given = {name: values.pop(f"mirror.{name}") for name in _OPTIONS if f"mirror.{name}" in values}
        is_exact = values.pop(_EXACTLY_ONCE, "false").lower()
        if is_exact not in ("true", "false"):
            raise UsageError(f"{_EXACTLY_ONCE} {is_exact}: expected true or false")
        given = {**_OPTIONS, **given, **{name: getattr(options, name) for name in _OPTIONS if getattr(options, name) is not None}}
        self.sides = {}
        for side, bootstrap in (("from", options.source), ("to", options.target)):
            begin = f"mirror.{side}."
            own = {key.removeprefix(begin): values.pop(key) for key in list(values) if key.startswith(begin)}
            self.sides[side] = _reached(side, bootstrap, own)
        for key in values:
            raise UsageError(f"{key} is none of a mirror's keys: mirror.{', mirror.'.join(_OPTIONS)}, {_EXACTLY_ONCE}, mirror.from.bootstrap.servers, mirror.to.bootstrap.servers, "
                             "mirror.from.security.protocol ... as Kafka's clients have them")  # fmt: skip
        self.names = Names(given["topics"], given["prefix"])
        self.takes_group = given["groups"] and matcher(given["groups"], "--groups")
        self.queue_bytes = _number(given["queue"], "--queue") * 1024 * 1024
        self.refresh_s = _number(given["refresh"], "--refresh")
        self.exactly_once = _name(given["name"]) if options.exactly_once or is_exact == "true" else None
        if given["name"] and self.exactly_once is None:
            raise UsageError(f"--name {given['name']} is that of transactions: it needs --exactly-once")


def _reached(side, bootstrap, own):
    begin, option = f"mirror.{side}.", _SIDES[side]
    bootstrap = bootstrap or own.get("bootstrap.servers")
    if not bootstrap:
        raise UsageError(f"mirror needs {option} HOST:PORT, a broker of the cluster")
    for key in own:
        if key not in DEFAULTS:
            raise UsageError(f"{begin}{key} is none of a mirror's keys. There are {', '.join(begin + name for name in DEFAULTS)}")
    found = Upstream({**own, "bootstrap.servers": bootstrap}, begin, option)
    if found.is_sasl and found.login is None:
        raise UsageError(f"{begin}sasl.mechanism is missing")
    return found


def _name(text):
    if not re.fullmatch(r"[a-zA-Z0-9._-]*", text):
        raise UsageError(f"--name {text}: expected letters of ASCII, digits, dots, _ and -")
    return text


def _number(text, option):
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 1_000_000):
        raise UsageError(f"{option} {text}: expected a number, one or more")
    return int(text)
