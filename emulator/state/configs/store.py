"""What configs are set to, and the effective values and their sources that follow from it.

Layers, strongest first: the topic's own, the broker's dynamic, the cluster-wide dynamic default, the
config file, Kafka's default (KIP-226). Values are kept as the text that was set.
"""

from collections import namedtuple
from functools import cache

from emulator.state.configs.broker import BROKER, OF_PLUGINS, SAME, Settings, all_names, key_of, of_all_listeners
from emulator.state.configs.client_metrics import ClientMetricsConfigs
from emulator.state.configs.definition import UNKNOWN, ConfigError, Key, text_of
from emulator.state.configs.group import GROUP, parse_group
from emulator.state.configs.topic import TOPIC, TopicConfig, parse_topic
from emulator.state.features import ELIGIBLE_LEADER_REPLICAS, Features
from emulator.state.java import hash_order, scala_order, string_hash
from emulator.state.metadata import Metadata
from wire.errors import INVALID_CONFIG, KafkaError

# Where a value comes from, as DescribeConfigs numbers it.
DYNAMIC_TOPIC_CONFIG = 1
DYNAMIC_BROKER_CONFIG = 2
DYNAMIC_DEFAULT_BROKER_CONFIG = 3
STATIC_BROKER_CONFIG = 4
DEFAULT_CONFIG = 5
DYNAMIC_GROUP_CONFIG = 8

_MIN_ISR = "min.insync.replicas"
_ALL = ""  # the resource name of the cluster-wide default

Entry = namedtuple("Entry", "key value source synonyms read_only")
Synonym = namedtuple("Synonym", "name value source")


class Configs:
    """All configs of the cluster, as one broker has them.

    `settings` is what the server was started with; what was set later is in tables of `metadata`, and holds again.
    `changed(name)` hooks in `on_change` are called after a change: with a topic's name, or None when broker configs
    changed (every topic may differ). Raises ConfigError when the one does not go with the other.
    `beside`: those of another broker of the same cluster, None for the first.
    """

    def __init__(self, settings, metadata=None, features=None, beside=None):
        self.settings = settings  # effective: static and dynamic together
        self.static = settings.originals
        self.node = str(settings.node_id)
        self.metadata = Metadata() if metadata is None else metadata
        self.topics = self.metadata.table("topic_configs")  # name -> {config: text}
        self.groups = self.metadata.table("group_configs")
        self.client_metrics = ClientMetricsConfigs(self.metadata) if beside is None else beside.client_metrics
        self._brokers = self.metadata.table("broker_configs")  # node id as text, or _ALL -> {config: text}
        self.on_change = [] if beside is None else beside.on_change
        self.checks = []  # what else may refuse, by ConfigError, the Settings that this broker is to have from now on
        self._every = [] if beside is None else beside._every  # of each broker its Configs
        self._every.append(self)
        self._of_node = None
        self._resolved = {}
        self._resolved_groups = {}
        self.told = {}  # what was made for clients of the broker configs and of topics' overrides, by what that depends on
        self.features = features or Features(self.metadata, settings.node_id)
        if _ALL not in self._brokers and self.pinned:
            self._brokers.put(_ALL, {_MIN_ISR: str(settings.min_insync_replicas)})
        self.settings = self.check_dynamic(True, self.dynamic_broker)
        self._defaults = self._topic_defaults(self.settings)

    @property
    def pinned(self):
        """Whether the minimum ISR is a cluster-wide dynamic config that must be there.

        The controller pins it, and tools show it, while it keeps eligible leader replicas (KIP-966), as in a new 4.3 cluster.
        """
        return self.features.level(ELIGIBLE_LEADER_REPLICAS) > 0

    def pin(self):
        """Set the minimum ISR for all brokers and for none of its own, now that it is pinned."""
        if _MIN_ISR not in self.dynamic_default:
            self.set_dynamic(False, {**self.dynamic_default, _MIN_ISR: str(Settings(self.static).min_insync_replicas)})
        for one in self._every:
            if _MIN_ISR in one.dynamic_broker:
                one.set_dynamic(True, {name: text for name, text in one.dynamic_broker.items() if name != _MIN_ISR})

    @property
    def dynamic_default(self):
        """{config: text} of what is set for all brokers."""
        return self._brokers.get(_ALL, {})

    @property
    def dynamic_broker(self):
        """{config: text} of what is set for this broker."""
        return self._brokers.get(self.node, {})

    # Effective values ---------------------------------------------------------------------

    def topic(self, name):
        """The TopicConfig of topic `name` (which need not exist: then the defaults)."""
        found = self._resolved.get(name)
        if found is None:
            found = self._resolved[name] = TopicConfig(parse_topic(self._defaults, self.topics.get(name, {})))
        return found

    def group(self, name):
        """The GroupConfig of the group `name`, which need not exist."""
        found = self._resolved_groups.get(name if name in self.groups else None)
        if found is None:
            name = name if name in self.groups else None  # all that have nothing of their own share one
            found = self._resolved_groups[name] = parse_group(self.settings, self.groups.get(name, {}))
        return found

    def preview(self, overrides):
        """The TopicConfig that `overrides` would give; raises KafkaError INVALID_CONFIG."""
        try:
            return TopicConfig(parse_topic(self._defaults, overrides))
        except ConfigError as error:
            raise KafkaError(INVALID_CONFIG, str(error)) from None

    def _topic_defaults(self, settings):
        """Parsed topic values as the broker's configs give them (KafkaConfig.extractLogConfigMap)."""
        values = {}
        for name, key in TOPIC.items():
            value = None
            for synonym, factor in key.synonyms:
                if synonym in BROKER:
                    value = settings.value(synonym)
                    if value is not None:
                        value = value * factor if factor != 1 else value
                        break
            values[name] = key.parse(key.default) if value is None else value
        if values["retention.ms"] < 0:
            values["retention.ms"] = -1
        return values

    # Changes ------------------------------------------------------------------------------

    def set_topic(self, name, overrides):
        """Replace the overrides of a topic: {name: text}; raises KafkaError INVALID_CONFIG."""
        self.preview(overrides)
        self.new_topic(name, overrides)
        self._tell(name)

    def new_topic(self, name, overrides):
        """The overrides, checked already, of a topic that comes to be."""
        _put(self.topics, name, overrides)
        self._forget_topic(name)

    def _forget_topic(self, name):
        for one in self._every:
            one._resolved.pop(name, None)

    def preview_group(self, overrides):
        """The GroupConfig that `overrides` would give; raises KafkaError INVALID_CONFIG."""
        try:
            return parse_group(self.settings, overrides)
        except ConfigError as error:
            raise KafkaError(INVALID_CONFIG, str(error)) from None

    def set_group(self, name, overrides):
        """Replace the overrides of a group: {name: text}; raises KafkaError INVALID_CONFIG."""
        self.preview_group(overrides)
        _put(self.groups, name, overrides)
        for one in self._every:
            one._resolved_groups.pop(name, None)

    def drop_topic(self, name):
        """Forget a deleted topic's configs."""
        self.topics.remove(name)
        self._forget_topic(name)

    def check_dynamic(self, per_broker, overrides):
        """The Settings that these dynamic configs would give; raises ConfigError."""
        layers = (self.dynamic_default, overrides) if per_broker else (overrides, self.dynamic_broker)
        texts = dict(self.static)
        for layer in layers:
            for name in layer:
                for same in SAME.get(name, ()):
                    texts.pop(same, None)  # a dynamic log.retention.ms also hides log.retention.hours below it
            texts.update(layer)
        return Settings(texts)

    def set_dynamic(self, per_broker, overrides):
        """Replace the dynamic broker configs (of this broker, or the cluster's default) by `overrides`."""
        changing = [self] if per_broker else self._every
        settings = [one.check_dynamic(per_broker, overrides) for one in changing]
        if per_broker:
            _put(self._brokers, self.node, overrides)
        else:
            self._brokers.put(_ALL, dict(overrides))
        for one, new in zip(changing, settings):
            one._take(new)
        self._tell(None)

    def _take(self, settings):
        self.settings = settings
        self._defaults = self._topic_defaults(settings)
        self._resolved.clear()
        self._resolved_groups.clear()
        self.told.clear()

    def _tell(self, name):
        for changed in self.on_change:
            changed(name)

    # Descriptions -------------------------------------------------------------------------

    def describe_topic(self, name):
        """Entries of every topic config, in the order in which Kafka lists them."""
        overrides = self.topics.get(name, {})
        resolved = parse_topic(self._defaults, overrides)
        listed = [own for own in overrides if TOPIC[own].internal]
        listed += _topic_order()
        return [self._topic_entry(TOPIC[one], text_of(resolved[one]), one in overrides) for one in listed]

    def describe_group(self, name):
        """Entries of every group config in the table."""
        resolved, overrides = self.group(name), self.groups.get(name, {})
        return [self._group_entry(key, text_of(resolved.value(key.name)), key.name in overrides) for key in GROUP.values()]

    def describe_client_metrics(self, name):
        """Entries of every config of a client metrics subscription, which need not exist."""
        return [
            Entry(key, text, source, [Synonym(*one) for one in synonyms], False)
            for key, text, source, synonyms in self.client_metrics.describe(name)
        ]

    def _group_entry(self, key, value, own):
        synonyms = self._synonyms(key.synonyms[0][0]) if key.synonyms else [Synonym(key.name, key.default, DEFAULT_CONFIG)]
        if own:
            synonyms.insert(0, Synonym(key.name, value, DYNAMIC_GROUP_CONFIG))
        return Entry(key, value, synonyms[0].source, synonyms, False)

    def _topic_entry(self, key, value, own):
        synonyms = self._synonyms(key.synonyms[0][0]) if key.synonyms else []
        if own:
            synonyms.insert(0, Synonym(key.name, value, DYNAMIC_TOPIC_CONFIG))
        return Entry(key, value, synonyms[0].source if synonyms else DEFAULT_CONFIG, synonyms, False)

    def _synonyms(self, name):
        """What sets the broker config `name`, strongest first (ConfigHelper.configSynonyms).

        Kafka also lists the configs of the same meaning (log.retention.hours), but then drops what
        stands before the first that has this very name: so alone, they are never seen. What is one listener's is followed
        by what holds for all of them.
        """
        names = SAME.get(name) or tuple(filter(None, (name, of_all_listeners(name))))
        found = []
        for texts, source in (
            (self.dynamic_broker, DYNAMIC_BROKER_CONFIG),
            (self.dynamic_default, DYNAMIC_DEFAULT_BROKER_CONFIG),
            (self.static if name in self.static else self._node(), STATIC_BROKER_CONFIG),
        ):
            found += [Synonym(one, texts[one], source) for one in names if one in texts]
        for one in names:
            default = _default_of(one)
            if default is not None:
                found.append(Synonym(one, default, DEFAULT_CONFIG))
        while found and found[0].name != name:
            del found[0]
        return found

    def _node(self):
        """{config: text} of what this node is, which needs no word in a config file, but has one in Kafka's."""
        if self._of_node is None:
            endpoint = self.settings.endpoints[0]
            self._of_node = {
                **self.static,
                "broker.id": self.node,
                "process.roles": "broker,controller",
                "controller.listener.names": "CONTROLLER",
                "controller.quorum.voters": f"{self.node}@{endpoint.host or 'localhost'}:{endpoint.port}",
            }
        return self._of_node

    def describe_broker(self, asked=None):
        """Entries of all broker configs, or those `asked` for, with this broker's effective values, in the order of Kafka's hash map.

        What was set and is no config of Kafka's comes first, without a word of what it is.
        """
        known = _broker_order()
        there = set(known)
        set_to = hash_order({**self._node(), **self.dynamic_default, **self.dynamic_broker}, string_hash)
        listed = (*(name for name in set_to if name not in there), *known)
        return [self._broker_entry(name) for name in listed if not asked or name in asked]

    def _broker_entry(self, name):
        key = key_of(name)
        if key is None or name in OF_PLUGINS:
            key = Key(name, UNKNOWN, None)
        synonyms = self._synonyms(name)
        source = synonyms[0].source if synonyms else DEFAULT_CONFIG
        if key.sensitive or key.type == UNKNOWN:
            value = None
        elif name in BROKER:
            value = text_of(self.settings.value(name))
        else:
            value = text_of(key.parse(synonyms[0].value if synonyms else key.default))
        return Entry(key, value, source, [one._replace(value=None) for one in synonyms] if key.sensitive else synonyms, not key.dynamic)

    def describe_default_broker(self):
        """Entries of the cluster-wide dynamic broker configs that are set."""
        entries = []
        for name in scala_order(self.dynamic_default, string_hash):
            key = key_of(name) or Key(name, UNKNOWN, None)
            text = None if key.sensitive else self.dynamic_default[name]
            entries.append(Entry(key, text, DYNAMIC_DEFAULT_BROKER_CONFIG, [Synonym(name, text, DYNAMIC_DEFAULT_BROKER_CONFIG)], not key.dynamic))
        return entries

    def describe_new_topic(self, overrides):
        """(name, text, source) by name, as CreateTopics v5+ answers (KafkaConfigSchema)."""
        rows = []
        for name, key in sorted(TOPIC.items()):
            if not key.internal or name in overrides:
                rows.append((name, *self._resolve(key, overrides)))
        return rows

    def _resolve(self, key, overrides):
        if key.name in overrides:
            return overrides[key.name], DYNAMIC_TOPIC_CONFIG
        for texts, source in (
            (self.dynamic_broker, DYNAMIC_BROKER_CONFIG),
            (self.dynamic_default, DYNAMIC_DEFAULT_BROKER_CONFIG),
            (self.static, STATIC_BROKER_CONFIG),
        ):
            for synonym, factor in key.synonyms:
                if synonym in texts:
                    text = texts[synonym]
                    return (text if factor == 1 else str(int(text) * factor)), source
        return key.default, DEFAULT_CONFIG


@cache
def _broker_order():
    """The broker configs as Kafka's hash map has them."""
    return hash_order(all_names(), string_hash)


@cache
def _topic_order():
    """The topic configs as Kafka's hash map has them."""
    return hash_order((name for name, key in TOPIC.items() if not key.internal), string_hash)


def _put(table, name, overrides):
    if overrides:
        table.put(name, dict(overrides))
    else:
        table.remove(name)


def _default_of(name):
    key = key_of(name)
    return None if key is None else key.default
