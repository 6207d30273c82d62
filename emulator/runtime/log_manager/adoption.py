"""Partitions that were brought here from elsewhere: their topics become the cluster's, as far as is known how they were.

A partition's directory tells its topic's id; configs come from the metadata log of a broker whose log.dirs was copied whole.
"""

import logging
import os
from functools import partial

from emulator.runtime.log_manager import kafka_metadata
from emulator.state.cluster.ids import new_uuid
from emulator.state.configs import ConfigError
from emulator.state.log.formats import PARTITION_METADATA, Corrupt, parse_partition_metadata
from emulator.state.producer_ids import ProducerIds
from wire.errors import KafkaError

log = logging.getLogger(__name__)


def topic_id_of(found):
    """The topic's id (16 bytes) that is in the directory.Found, or None."""
    try:
        with open(os.path.join(found.path, PARTITION_METADATA), "rb") as file:
            return parse_partition_metadata(file.read())
    except (OSError, Corrupt):
        return None


def adopt(cluster, unknown, directories, random):
    """Make topics of `unknown`, {name: {index: Found}}; the DataDirectories may hold a broker's own metadata, too."""
    kafka, is_new = _kafka_metadata(directories), not cluster.topics
    for name, found in unknown.items():
        _adopt_topic(cluster, name, found, kafka, random)
    if kafka is not None and is_new:
        _adopt_configs(cluster.configs, kafka)
        ProducerIds(cluster.metadata).taken(kafka.next_producer_id - 1)


def _kafka_metadata(directories):
    for directory in directories:
        path = directory.at(kafka_metadata.DIRECTORY)
        if os.path.isdir(path):
            try:
                return kafka_metadata.KafkaMetadata(path)
            except (OSError, KafkaError, ValueError) as reason:
                log.warning("%s is left out of account: %s", path, reason)
    return None


def _adopt_configs(configs, kafka):
    brokers = [(name, own) for name, own in kafka.brokers.items() if name in ("", configs.node)]
    for what, name, overrides, take in (
        *(("broker", name, own, partial(configs.set_dynamic, bool(name))) for name, own in brokers),
        *(("group", name, own, partial(configs.set_group, name)) for name, own in kafka.groups.items()),
    ):
        try:
            take(overrides)
        except (KafkaError, ConfigError) as reason:
            log.warning("configs of the %s %s are left out: %s", what, name, reason)


def _adopt_topic(cluster, name, found, kafka, random):
    topic_id = topic_id_of(next(iter(found.values()))) or new_uuid(random)
    configs = kafka and kafka.configs(name, topic_id)
    try:
        if configs is not None:
            try:
                cluster.configs.preview(configs)
            except KafkaError as error:
                log.warning("the configs of %s are left out: %s", name, error.message)
                configs = None
        topic = cluster.adopt_topic(name, topic_id, list(found), configs)
    except KafkaError as error:
        log.error("the directories of %s are left alone: %s", name, error.message)
        return
    producers = [producer_id for partition in topic.partitions for producer_id, _ in partition.log.producers.items()]
    ProducerIds(cluster.metadata).taken(max(producers, default=-1))
    missing = len(topic.partitions) - len(found)
    log.warning(
        "adopted the topic %s, which was not known, from its %d director%s%s%s", name, len(found), "y" if len(found) == 1 else "ies",
        f"; {missing} of its partitions have none, and are empty" if missing else "",
        "" if configs is not None or topic.internal else "; its configs are the defaults, as nothing says what they were",
    )  # fmt: skip
