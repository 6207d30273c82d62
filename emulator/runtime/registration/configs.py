"""Configs that others have written into ZooKeeper, and the notifications by which brokers learn of them.

Source: kafka.common.ZkNodeChangeNotificationListener, kafka.server.ZkConfigManager of 3.9.1.
"""

import logging

from emulator.runtime.registration.multi import Refused
from emulator.state.configs import ConfigError
from emulator.state.registration import mirror, znodes
from wire.errors import KafkaError

log = logging.getLogger(__name__)

_KEPT_MS = 15 * 60 * 1000  # a notification


def look(registry, registration, numbers):
    """There are notifications, by `numbers`: what they name is read, if it is not known yet, and the old ones are removed."""
    client = registration.client
    for number in sorted(numbers):
        path = f"{znodes.CONFIG_CHANGE}{number:010d}"
        data, stat = client.get(path)
        if stat is None:
            continue
        if number > registration.last_change:
            registration.last_change = number
            try:
                _take(registry, client, znodes.config_change_of(path, data))
            except (znodes.Illegible, ConfigError, KafkaError) as error:
                log.error("%s: %s", path, error)
        if registry.now() - stat.ctime > _KEPT_MS:
            registry.writer.put([mirror.Write(mirror.DELETE, path)])


def _take(registry, client, entity_path):
    path = f"{znodes.CONFIGS}/{entity_path}"
    if registry.writer.is_waiting(path):
        return
    try:
        data, _ = client.get(path)
    except Refused as refused:
        raise znodes.Illegible(f"{path}: {refused}") from None
    values = {} if data is None else znodes.configs_of(path, data)
    kind, _, name = entity_path.partition("/")
    if kind == "topics":
        if name in registry.cluster.topics and registry.cluster.configs.topics.get(name, {}) != values:
            registry.act(registry.cluster.configs.set_topic, name, values)
    elif kind == "brokers":
        _of_broker(registry, name, values)
    elif not mirror.same(path, registry.mirror.configs_at(entity_path), data):
        log.warning("%s is not what it was; quotas and credentials that others write are taken at the next start", path)


def _of_broker(registry, name, values):
    configs_of = registry.configs_of
    if name == znodes.DEFAULT:
        configs = registry.cluster.configs
        if configs.dynamic_default != values:
            registry.act(configs.set_dynamic, False, values)
    elif name in map(str, configs_of):
        configs = configs_of[int(name)]
        if configs.dynamic_broker != values:
            registry.act(configs.set_dynamic, True, values)
