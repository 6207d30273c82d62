"""max.connections.per.ip.overrides as text: HOST:LIMIT, by commas (AbstractKafkaConfig.getMap, Csv.parseCsvMap)."""

import re

from emulator.state.configs.definition import ConfigError

NAME = "max.connections.per.ip.overrides"
_COMMA = re.compile(r"[ \t\n\x0b\f\r]*,[ \t\n\x0b\f\r]*")
_HOST = re.compile(r"[0-9a-zA-Z\-%._:]*")
_LIMIT = re.compile(r"[+-]?\d+", re.ASCII)


def parse_overrides(text):
    """{host: how many}. Raises ConfigError in Kafka's words."""
    found = {}
    for pair in _COMMA.split(text) if text else ():
        host, colon, limit = pair.rpartition(":")
        if not colon:
            raise ConfigError(f"Error parsing configuration property '{NAME}': begin 0, end -1, length {len(pair)}")
        limit = limit.strip()
        if not _LIMIT.fullmatch(limit) or not -(2**31) <= int(limit) < 2**31:
            raise ConfigError(f'For input string: "{limit}"')
        found[host.strip()] = int(limit)
    bad = [host for host in found if not _HOST.fullmatch(host)]
    if bad:
        raise ConfigError(f"{NAME} contains invalid addresses : {','.join(bad)}")
    return found
