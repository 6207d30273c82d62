"""How many connections a broker has, how many it may have, and how fast more may come.

Source: kafka.network.ConnectionQuotas of 4.3.1. The rates of single addresses are in managers.py.
"""

from emulator.state.configs.definition import ConfigError
from emulator.state.configs.listener import ListenerConfigs
from emulator.state.configs.overrides import parse_overrides
from emulator.state.quotas.rates import Rate

_MOST, _RATE = "max.connections", "max.connection.creation.rate"


class TooManyConnections(Exception):
    """An address has as many as it may have."""


class _Listener:
    def __init__(self, rate):
        self.count = 0
        self.most = 0
        self.rate = rate


class ConnectionQuotas:
    """Of a broker with these `listeners` (names); `quotas`: its Quotas, `resolve(host)`: an address or None.

    Raises ConfigError, as configure() does.
    """

    def __init__(self, settings, listeners, quotas, resolve, patience):
        self._quotas = quotas
        self._resolve = resolve
        self._patience = patience
        self._longest = settings.quota_window_size_seconds * 1000
        samples = settings.quota_window_num
        self._rate = Rate(samples, self._longest, 0)
        self._listeners = {name: _Listener(Rate(samples, self._longest, 0)) for name in listeners}
        self._counts = {}  # address -> how many
        self._overrides = {}
        self.count = 0
        self._protected = _inter_broker(settings)
        self.configure(settings)

    def configure(self, settings):
        """Go by these Settings from now on. Raises ConfigError, and nothing has changed then, where a name has no address."""
        overrides = {}
        for host, most in parse_overrides(settings.max_connections_per_ip_overrides).items():
            address = self._resolve(host or "localhost")
            if address is None:
                raise ConfigError(f"max.connections.per.ip.overrides: {host}: Name or service not known")
            overrides[address] = most
        self._overrides = overrides
        self._most_of_address = settings.max_connections_per_ip
        self._most = settings.max_connections
        self._rate.limit = settings.max_connection_creation_rate
        for name, listener in self._listeners.items():
            configs = ListenerConfigs(settings, name)
            listener.most = configs.value(_MOST)
            listener.rate.limit = configs.value(_RATE)

    def is_protected(self, listener):
        """Whether brokers use it among each other, and clients have others: it takes precedence."""
        return listener == self._protected and len(self._listeners) > 1

    def delay(self, listener):
        """How long one more connection is to wait, by how many have come lately; it counts as one that has."""
        now, rates = self._patience.now(), [self._listeners[listener].rate]
        if not self.is_protected(listener):
            rates.append(self._rate)
        return max(min(rate.throttle(1.0, now), self._longest) for rate in rates)

    def has_room(self, listener):
        own = self._listeners[listener]
        return own.count < own.most and (self.is_protected(listener) or self.count < self._most)

    def enter(self, listener, address):
        """Count one more. How long it is to wait before it is closed, 0 when it is welcome; raises TooManyConnections."""
        throttle_ms = self._quotas.connect(address)
        if throttle_ms:
            now = self._patience.now()
            self._listeners[listener].rate.record(-1.0, now)
            if not self.is_protected(listener):
                self._rate.record(-1.0, now)
            return throttle_ms
        count, most = self._counts.get(address, 0), self._overrides.get(address, self._most_of_address)
        if count >= most:
            raise TooManyConnections(f"Rejected connection from {address}, address already has the configured maximum of {most} connections.")
        self._counts[address] = count + 1
        self._listeners[listener].count += 1
        self.count += 1
        return 0

    def leave(self, listener, address):
        if self._counts[address] == 1:
            del self._counts[address]
        else:
            self._counts[address] -= 1
        self._listeners[listener].count -= 1
        self.count -= 1

    @property
    def excess(self):
        """How many connections of listeners that are not protected are to be closed."""
        return max(0, self.count - self._most)


def _inter_broker(settings):
    return (settings.value("inter.broker.listener.name") or settings.value("security.inter.broker.protocol")).upper()
