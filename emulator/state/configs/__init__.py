"""Topic and broker configs: the tables, what they are set to, and the values that follow.

definition.py has Kafka's types and checks, topic.py and broker.py the tables, store.py the configs
that are set and their effective values.
"""

from emulator.state.configs.broker import BROKER, Settings, parse_broker_settings
from emulator.state.configs.definition import ConfigError
from emulator.state.configs.store import Configs
from emulator.state.configs.topic import TOPIC, TopicConfig

__all__ = ["BROKER", "ConfigError", "Configs", "Settings", "TOPIC", "TopicConfig", "parse_broker_settings"]
