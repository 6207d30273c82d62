"""The services that handlers name: those that a cluster has once, and those that each of its brokers has for itself."""

from copy import copy

from gevent import get_hub, spawn

from emulator.runtime.clock import SystemClock
from emulator.runtime.coordinators import Coordinators
from emulator.runtime.lifetime import Lifetime
from emulator.runtime.membership import Membership
from emulator.runtime.peers import Peers, PersisterPeers, TransactionPeers
from emulator.runtime.resolver import Resolver
from emulator.runtime.telemetry_log import report_telemetry
from emulator.runtime.turns import Turns
from emulator.state.acls import Acls
from emulator.state.cluster import Broker, Cluster, Endpoint, leadership, names
from emulator.state.configs import Configs
from emulator.state.delegation_tokens import DelegationTokens
from emulator.state.features import SUPPORTED, Features
from emulator.state.fetch_sessions import FetchSessions
from emulator.state.groups.coordinator import GroupCoordinator
from emulator.state.groups.streams.internal_topics import InternalTopics
from emulator.state.groups.topics import Topics
from emulator.state.internal_topics import Store, partition_for
from emulator.state.log.cleaner import LogCleaner
from emulator.state.log.retention import Retention
from emulator.state.producer_ids import ProducerIds
from emulator.state.replication import Replication
from emulator.state.quorum import Quorum
from emulator.state.quotas import ClientQuotas, Quotas
from emulator.state.scram import ScramCredentials
from emulator.state.share.partitions import SharePartitions
from emulator.state.share.persister import Persister
from emulator.state.telemetry import Telemetry
from emulator.state.transactions.coordinator import TransactionCoordinator
from emulator.state.transactions.markers import Markers
from emulator.state.transactions.store import TransactionLog
from wire import errors
from wire.errors import KafkaError


def make_cluster_services(settings, endpoints, time, patience, random, logs, supported=SUPPORTED, snapshot=None, registry=None):
    """What all brokers share, by name. `settings`: of each broker; `endpoints`: {broker id: where clients reach it}.

    `logs`: see MemoryLogs; `snapshot`: what they begin with, if it is one; `registry`: see Registry, None without ZooKeeper.
    Raises ConfigError when what was set earlier does not go with `settings`.
    """
    metadata = logs.metadata
    first = settings[0]
    features = Features(metadata, first.node_id, supported)
    configs = Configs(first, metadata, features)
    configs_of = {first.node_id: configs, **{one.node_id: Configs(one, metadata, features, configs) for one in settings[1:]}}
    logs.open(configs)
    brokers = [Broker(one.node_id, endpoints[one.node_id], one.broker_rack) for one in settings]
    cluster = Cluster(logs.cluster_id, brokers, configs, logs.new_log, time, random, lambda: Turns().over, configs_of)
    logs.started(cluster)
    if snapshot is None:
        leadership.restart(cluster, {broker.id: logs.stopped_cleanly(broker.id) for broker in brokers})
    else:
        snapshot.stand(cluster)
    return {
        "configs": configs,
        "configs_of": configs_of,
        "cluster": cluster,
        "replication": Replication(cluster, patience),
        "metadata": metadata,
        "acls": Acls(metadata, random),
        "scram": ScramCredentials(metadata),
        "delegation_tokens": DelegationTokens(first, metadata, time, random),
        "features": features,
        "quorum": Quorum(metadata, features, cluster, [one.node_id for one in settings], time, random),
        "telemetry": Telemetry(configs, time, patience, random, report_telemetry),
        "client_quotas": ClientQuotas(metadata, Resolver().resolve),
        "peers": Peers(cluster),
        "membership": registry or Membership(cluster, patience, first.broker_session_timeout_ms),
        "time": time,
        "patience": patience,
        "random": random,
    }


def make_broker_services(shared, settings, logs, lifetime=None):
    """All services of one broker, by name: those that are `shared` and its own, which end with its Lifetime.

    Its peers may ask it from now on.
    """
    cluster, configs = shared["cluster"], shared["configs"]
    lifetime = lifetime or Lifetime()
    with lifetime.hooking(
        cluster.on_create, cluster.on_grow, cluster.on_remove, cluster.on_delete, cluster.on_leader, cluster.on_isr,
        configs.on_change, shared["client_quotas"].on_change,
    ):  # fmt: skip
        services = _make_own(shared, settings, logs, lifetime)
    shared["peers"].answering[settings.node_id] = services
    return services


def _make_own(shared, settings, logs, lifetime):
    cluster, random, peers = (shared[name] for name in ("cluster", "random", "peers"))
    configs = shared["configs_of"][settings.node_id]
    time, patience = lifetime.clock(shared["time"]), lifetime.clock(shared["patience"])
    broker = cluster.brokers[settings.node_id]
    settings = _as_it_is(settings, cluster)
    own_persister = _make_persister(settings, broker, cluster, time)
    persister = PersisterPeers(own_persister, cluster, peers)
    groups = _make_groups(settings, broker, configs, cluster, time, patience, random, persister)
    transactions = _make_transactions(settings, broker, cluster, time, patience, peers)
    coordinators = Coordinators(
        broker.id,
        cluster,
        {names.SHARE_GROUP_STATE: own_persister, names.CONSUMER_OFFSETS: groups, names.TRANSACTION_STATE: transactions},
    )
    retention = _make_retention(broker, configs, cluster, time)
    retention.start()
    # Under a clock by hand all that falls due is done before an advance returns.
    in_thread = _in_thread if isinstance(shared["time"], SystemClock) else None
    cleaner = _make_cleaner(broker, configs, cluster, time, in_thread)
    cleaner.start()
    configs.on_change.append(lambda name: cleaner.reconfigure() if name is None else None)
    return {
        **shared,
        "settings": settings,
        "configs": configs,
        "broker": broker,
        "quotas": Quotas(shared["client_quotas"], settings, patience),
        "log_dirs": logs.log_dirs(cluster, broker.id),
        "cleaner": cleaner,
        "retention": retention,
        "groups": groups,
        "internal_topics": InternalTopics(cluster, patience),
        "fetch_sessions": FetchSessions(settings.max_incremental_fetch_session_cache_slots, random),
        "transactions": transactions,
        "transaction_peers": TransactionPeers(transactions, peers),
        "persister": own_persister,
        "share_partitions": SharePartitions(settings, configs.group, broker, cluster, persister, time),
        "markers": Markers(broker, cluster, groups, shared["time"]),
        "coordinators": coordinators,
        "time": time,
        "patience": patience,
    }


def advertised(settings, bound):
    """What clients are told: advertised.listeners, with the port that was free where 0 was asked for.

    `bound`: where the listeners really are, (name, host, port).
    """
    ports = {name: port for name, _, port in bound}
    return [
        Endpoint(name, host or "localhost", port or ports[name], protocol)
        for name, host, port, protocol in settings.advertised_endpoints
    ]


def _as_it_is(settings, cluster):
    """Coordinators go by the partitions that their topics have, not by those that new ones would get."""
    settings = copy(settings)
    for name, field in (
        (names.CONSUMER_OFFSETS, "offsets_topic_num_partitions"),
        (names.TRANSACTION_STATE, "transaction_state_log_num_partitions"),
        (names.SHARE_GROUP_STATE, "share_coordinator_state_topic_num_partitions"),
    ):
        if name in cluster.topics:
            setattr(settings, field, len(cluster.topics[name].partitions))
    return settings


def _make_groups(settings, broker, configs, cluster, time, patience, random, persister):
    """The group coordinator over the logs of __consumer_offsets."""

    def partition_of(index):
        partition = cluster.partition(names.CONSUMER_OFFSETS, index)
        if partition is None or partition.leader != broker.id:
            raise KafkaError(errors.NOT_COORDINATOR)
        return partition

    def topic_deleted(topic):
        if topic.name == names.CONSUMER_OFFSETS:
            for partition in topic.partitions:
                groups.unload(partition.index)
        else:
            groups.topic_deleted(topic.name)

    groups = GroupCoordinator(settings, time, patience, random, Store(partition_of, time), Topics(cluster), configs.group, persister)
    cluster.on_delete.append(topic_deleted)
    return groups


def _make_persister(settings, broker, cluster, time):
    """The share coordinator over the logs of __share_group_state."""

    def partition_of(index):
        cluster.ensure_internal_topic(names.SHARE_GROUP_STATE)
        partition = cluster.partition(names.SHARE_GROUP_STATE, index)
        if partition is None:
            raise KafkaError(errors.COORDINATOR_NOT_AVAILABLE)
        if partition.leader != broker.id:
            raise KafkaError(errors.NOT_COORDINATOR)
        return partition

    def topic_deleted(topic):
        if topic.name == names.SHARE_GROUP_STATE:
            for partition in topic.partitions:
                persister.unload(partition.index)

    count = settings.share_coordinator_state_topic_num_partitions
    persister = Persister(
        Store(partition_of, time),
        lambda key: partition_for(key, count),
        settings.share_coordinator_snapshot_update_records_per_snapshot,
        time,
        lambda topic_id: len(cluster.topics_by_id[topic_id].partitions) if topic_id in cluster.topics_by_id else None,
    )
    cluster.on_delete.append(topic_deleted)
    return persister


def _make_transactions(settings, broker, cluster, time, patience, peers):
    """The transaction coordinator over the logs of __transaction_state."""

    def topic_deleted(topic):
        if topic.name == names.TRANSACTION_STATE:
            for partition in topic.partitions:
                transactions.unload(partition.index)

    log = TransactionLog(broker, cluster, settings, time)
    transactions = TransactionCoordinator(settings, time, patience, ProducerIds(cluster.metadata), log, peers.write_marker)
    cluster.on_delete.append(topic_deleted)
    return transactions


def _make_retention(broker, configs, cluster, time):
    def logs():
        return [one.logs[broker.id] for topic in cluster.topics.values() for one in topic.partitions if broker.id in one.logs]

    return Retention(logs, lambda: configs.settings, time)


def _make_cleaner(broker, configs, cluster, time, in_thread):
    def compacted():
        for topic in cluster.topics.values():
            if topic.partitions[0].log.config.compact:
                for partition in topic.partitions:
                    if broker.id in partition.logs:
                        yield partition.logs[broker.id]

    return LogCleaner(compacted, lambda: configs.settings, time, in_thread)


def _in_thread(work, done):
    spawn(lambda: done(get_hub().threadpool.apply(work)))
