"""The configs of one listener: those with its name before them go before those of the broker (KIP-103, KIP-226)."""

import re

from emulator.state.configs.broker import OF_PLUGINS, key_of
from emulator.state.configs.definition import ConfigError

_OF_LISTENER = re.compile(r"listener\.name\.([^.]*)\.(.*)", re.DOTALL)


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


def unheeded(settings):
    """[(config, why)]: what is set to keep somebody out, say, and neither Kafka nor this looks at. `settings`: Settings."""
    found = []
    names = {one.name.lower() for one in settings.endpoints}
    elsewhere = {name.strip().lower() for name in settings.value("controller.listener.names") or ()} | {"controller"}
    for name in settings.originals:
        match = _OF_LISTENER.fullmatch(name)
        if match and match[1] not in names | elsewhere:
            found.append((name, f"a listener's name stands there in small letters: {match[1].lower()}" if match[1].lower() in names else f"there is no listener {match[1]}"))
        elif name == "sasl.jaas.config" or match and match[2] == "sasl.jaas.config" and match[1] in names:
            found.append((name, "it lacks the name of a mechanism, as in listener.name.LISTENER.plain.sasl.jaas.config"))
        elif match and match[1] in names and match[2] in ("authorizer.class.name", *OF_PLUGINS):
            found.append((name, "the authorizer is of all listeners, and so are its configs"))
        elif name in OF_PLUGINS and not settings.authorizer_class_name:
            found.append((name, "there is no authorizer.class.name: everybody may do everything"))
    if settings.originals.get("ssl.client.auth", "none") != "none":
        for one in settings.endpoints:
            own = f"listener.name.{one.name.lower()}.ssl.client.auth"
            if one.security_protocol == "SASL_SSL" and own not in settings.originals:
                found.append(("ssl.client.auth", f"of {one.name}, which is SASL_SSL, only {own} is"))
    return found
