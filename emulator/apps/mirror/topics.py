"""Topics of the target kept like those of the source: made, given more partitions, configured."""

import logging

from emulator.apps.mirror.cluster import Refusal, text_of
from wire import errors
from wire.apis.configs import DescribeConfigs, IncrementalAlterConfigs
from wire.apis.topics import CreatePartitions, CreateTopics

log = logging.getLogger(__name__)

_TOPIC = 2  # a type of resource
_OF_TOPIC = 1  # where a config comes from
_SET, _DELETE = 0, 1
_AT_ONCE = 200
_TIMEOUT_MS = 30_000
_MOST_LOOKS = 20  # that a topic may be made and not seen: brokers learn of it one after the other
_DEFAULT = -1  # of the target's brokers, for the replication factor
# What belongs to one cluster; MirrorMaker 2's DefaultConfigPropertyFilter leaves the same out.
_OF_ITS_CLUSTER = frozenset((
    "follower.replication.throttled.replicas", "leader.replication.throttled.replicas", "message.timestamp.difference.max.ms",
    "message.timestamp.before.max.ms", "message.timestamp.after.max.ms", "message.timestamp.type", "unclean.leader.election.enable",
    "min.insync.replicas",
))  # fmt: skip


class Topics:
    def __init__(self, source, target):
        self._source = source
        self._target = target
        self.made = set()  # names there, of those that were made here
        self.refused = {}  # name there -> why it cannot be made
        self._hidden = {}  # name there -> how often it was there for who makes topics, and not for who looks
        self._told = set()  # what was logged already

    def follow(self, wanted):
        """See to it that the target has what the source has of `wanted`, {name: name there}; gives those that are there.

        Raises Lost, Unsupported, Refusal.
        """
        configs = self._configs(self._source, wanted)
        absent = [name for name, there in wanted.items() if there not in self._target.topics]
        if absent:
            self._make({name: wanted[name] for name in absent}, configs)
            self._target.refresh()
        present = {name: there for name, there in wanted.items() if there in self._target.topics}
        for there in self._hidden.keys() & set(present.values()):
            del self._hidden[there]
            self.refused.pop(there, None)
        self._grow(present)
        self._configure({name: there for name, there in present.items() if name not in absent}, configs)
        return present

    def _make(self, names, configs):
        topic = CreateTopics.Request.Topics
        topics = [
            topic(name=there, num_partitions=len(self._source.topics[name].leaders), replication_factor=_DEFAULT,
                  configs=[topic.Configs(name=key, value=value) for key, value in configs.get(name, {}).items()])
            for name, there in names.items()
        ]  # fmt: skip
        for made in self._target.ask_controller(CreateTopics, topics=topics, timeout_ms=_TIMEOUT_MS).topics:
            if self._hidden.get(made.name, 0) < _MOST_LOOKS:
                self.refused.pop(made.name, None)
            if made.error_code == errors.NONE:
                self.made.add(made.name)
            elif made.error_code == errors.TOPIC_ALREADY_EXISTS:
                self._hidden[made.name] = self._hidden.get(made.name, 0) + 1
                if self._hidden[made.name] == _MOST_LOOKS:
                    self.refused[made.name] = "it is there, and may not be described"
                    self._tell(f"{self._target.what}: topic {made.name}: {self.refused[made.name]}")
            else:
                self.refused[made.name] = made.error_message or text_of(made.error_code)
                self._tell(f"{self._target.what}: topic {made.name} cannot be made: {self.refused[made.name]}")

    def _grow(self, names):
        grown = [
            CreatePartitions.Request.Topics(name=there, count=count, assignments=None)
            for name, there in names.items()
            if (count := len(self._source.topics[name].leaders)) > len(self._target.topics[there].leaders)
        ]
        if grown:
            for done in self._target.ask_controller(CreatePartitions, topics=grown, timeout_ms=_TIMEOUT_MS).results:
                if done.error_code:
                    self._tell(f"{self._target.what}: {done.name} cannot have more partitions: {done.error_message or text_of(done.error_code)}")
            self._target.refresh()

    def _configure(self, names, configs):
        here = self._configs(self._target, names.values())
        changes = []
        resource = IncrementalAlterConfigs.Request.Resources
        for name, there in names.items():
            if name not in configs or there not in here:
                continue
            wanted, found = configs[name], here[there]
            steps = [(key, _SET, value) for key, value in wanted.items() if found.get(key) != value]
            steps += [(key, _DELETE, None) for key in found if key not in wanted]
            if steps:
                entries = [resource.Configs(name=key, config_operation=step, value=value) for key, step, value in steps]
                changes.append(resource(resource_type=_TOPIC, resource_name=there, configs=entries))
        if changes:
            for done in self._target.ask_controller(IncrementalAlterConfigs, resources=changes).responses:
                if done.error_code:
                    self._tell(f"{self._target.what}: configs of {done.resource_name}: {done.error_message or text_of(done.error_code)}")

    def _configs(self, cluster, names):
        """{topic: {config: text}} that were given to the topic itself; without those that may not be told."""
        found, names = {}, list(names)
        for first in range(0, len(names), _AT_ONCE):
            resources = [DescribeConfigs.Request.Resources(resource_type=_TOPIC, resource_name=name, configuration_keys=None)
                         for name in names[first : first + _AT_ONCE]]
            for one in cluster.ask(DescribeConfigs, resources=resources).results:
                if one.error_code == errors.TOPIC_AUTHORIZATION_FAILED:
                    self._tell(f"{cluster.what}: configs of {one.resource_name} are not followed: {one.error_message or text_of(one.error_code)}")
                    continue
                if one.error_code:
                    raise Refusal(f"{cluster.what}: configs of {one.resource_name}", one.error_code, one.error_message)
                found[one.resource_name] = {
                    each.name: each.value for each in one.configs
                    if each.config_source == _OF_TOPIC and each.value is not None and each.name not in _OF_ITS_CLUSTER
                }  # fmt: skip
        return found

    def _tell(self, text):
        if text not in self._told:
            self._told.add(text)
            log.error("%s", text)
