"""The configs of one listener: those with its name before them go before those of the broker (KIP-103, KIP-226)."""

from emulator.state.configs.broker import key_of
from emulator.state.configs.definition import ConfigError


class ListenerConfigs:
    """Of the listener `name` in `settings` (Settings)."""

    def __init__(self, settings, name):
        self.listener = name
        self._settings = settings
        self._prefix = f"listener.name.{name.lower()}."

    def value(self, name):
        """The parsed value of the config `name`."""
        return self._first(self._prefix + name, name)

    def own(self, name):
        """The parsed value of the config `name` with the listener's name before it, at Kafka's default without."""
        key = key_of(name)
        return key.parse(self._settings.originals.get(self._prefix + name, key.default))

    def of_mechanism(self, mechanism, name):
        """The parsed value of the config `name` for one SASL mechanism, such as listener.name.inside.plain.connections.max.reauth.ms.

        Raises ConfigError for one of a mechanism but of no listener (ChannelBuilders.channelBuilderConfigs leaves it out).
        """
        own = f"{mechanism.lower()}.{name}"
        if own in self._settings.originals:
            raise self._nobody_looks_at(own, own)
        return self._first(self._prefix + own, self._prefix + name, name)

    def only_of_mechanism(self, mechanism, name):
        """The parsed value of `name` with both the listener's and the mechanism's name before it, where Kafka looks for it alone.

        Raises ConfigError when it stands elsewhere.
        """
        own = f"{mechanism.lower()}.{name}"
        for elsewhere in (self._prefix + name, own, name):
            if elsewhere in self._settings.originals:
                raise self._nobody_looks_at(elsewhere, own)
        return self._first(self._prefix + own)

    def _nobody_looks_at(self, found, own):
        return ConfigError(f"{found}: Kafka does not look there, but at listener.name.LISTENER.MECHANISM..., such as {self._prefix}{own}")

    def jaas(self, mechanism):
        """The text of sasl.jaas.config for a mechanism, None where there is none; one that is of no mechanism is not looked at (JaasContext)."""
        own = f"{mechanism.lower()}.sasl.jaas.config"
        return self._first(self._prefix + own, own)

    def _first(self, *names):
        originals = self._settings.originals
        for name in names:
            if name in originals:
                return key_of(name).parse(originals[name])
        return key_of(names[-1]).parse(key_of(names[-1]).default)
