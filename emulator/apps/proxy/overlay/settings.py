"""overlay.topics, overlay.groups, overlay.transactional.ids, and below `overlay.` any of Kafka's broker keys for the emulator that has them."""

from emulator.apps.brokers import settings_of_nodes
from emulator.apps.errors import UsageError
from emulator.apps.proxy.settings import OVERLAY
from emulator.pipeline.words import Pattern, WordError
from emulator.state.configs import ConfigError

_TOPICS, _GROUPS, _TRANSACTIONS = "overlay.topics", "overlay.groups", "overlay.transactional.ids"
# What a proxy says itself.
_NOT_HERE = ("node.id", "broker.id", "listeners", "advertised.listeners", "listener.security.protocol.map", "process.roles", "zookeeper.connect")


class OverlaySettings:
    """Of the keys that begin with OVERLAY, {key: text}. Raises UsageError that begins with the key.

    `topics`, `groups`, `transactions`: Patterns, the last two None where there is none; `values`: {Kafka's broker key: text}.
    """

    def __init__(self, values):
        if _TOPICS not in values:
            raise UsageError(f"{min(values)}: overlay.topics is missing: which topics are served here?")
        self.text = values[_TOPICS]
        self.topics, self.groups, self.transactions = (
            self._pattern(key, values.get(key)) for key in (_TOPICS, _GROUPS, _TRANSACTIONS)
        )  # fmt: skip
        self.values = {key[len(OVERLAY) :]: value for key, value in values.items() if key not in (_TOPICS, _GROUPS, _TRANSACTIONS)}
        for key in self.values:
            if key in _NOT_HERE:
                raise UsageError(f"{OVERLAY}{key}: the overlay's brokers are those of the cluster behind, at the proxy's listeners")
        try:
            settings_of_nodes(self.values, [1])
        except ConfigError as error:
            said = str(error)
            for key in sorted(self.values, key=len, reverse=True):
                if key in said:
                    said = said.replace(key, OVERLAY + key)
                    break
            raise UsageError(said) from None

    @staticmethod
    def _pattern(key, value):
        if value is None:
            return None
        try:
            return Pattern(key, value)
        except WordError as error:
            raise UsageError(str(error)) from None
