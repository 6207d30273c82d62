"""What the controller reads in ZooKeeper, and what it does about it: brokers that come and go, topics and wishes that others write there.

Source: kafka.controller.KafkaController of 3.9.1.
"""

import logging

from emulator.runtime.registration import configs
from emulator.runtime.registration.multi import Refused
from emulator.state.cluster import NewTopic, leadership
from emulator.state.cluster.ids import uuid_text
from emulator.state.registration import mirror, znodes
from emulator.state.registration.mirror import Write
from wire.errors import KafkaError
from wire.zookeeper import client as messages
from wire.zookeeper.client import NO_NODE, NODE_EXISTS, ChildrenAndStat, DataAndStat, PathWatch, StatOnly

log = logging.getLogger(__name__)

_AT_ONCE = 500  # requests on their way together


# The start --------------------------------------------------------------------------------------------


def make(client, path, data=None):
    """A znode, with those above it. Raises Refused."""
    try:
        client.create(path, data)
    except Refused as refused:
        if refused.code != NO_NODE:
            raise
        make_if_absent(client, path.rpartition("/")[0])
        client.create(path, data)


def make_if_absent(client, path, data=None):
    try:
        make(client, path, data)
    except Refused as refused:
        if refused.code != NODE_EXISTS:
            raise


def make_paths(client):
    """What is to be there before any broker is."""
    chroot, client.chroot = client.chroot, ""
    try:
        if chroot:
            make_if_absent(client, chroot)
    finally:
        client.chroot = chroot
    for path in znodes.PERSISTENT:
        make_if_absent(client, path)
    make_if_absent(client, znodes.FEATURE, znodes.NO_FEATURES)


def read_all(client, paths, watch=False):
    """{path: data} of those that are there, which are watched from now on if they are to be."""
    found = {}
    for first in range(0, len(paths), _AT_ONCE):
        some = paths[first : first + _AT_ONCE]
        answers = client.gather([(messages.GET_DATA, PathWatch(client.at(path), watch).build()) for path in some])
        for path, answer in zip(some, answers):
            if not isinstance(answer, Refused):
                if watch:
                    client.watches(path)
                found[path] = DataAndStat.parse(answer)[0].data
            elif answer.code != NO_NODE:
                raise answer
    return found


def children_of(client, paths):
    """The paths right below these."""
    found = []
    for first in range(0, len(paths), _AT_ONCE):
        some = paths[first : first + _AT_ONCE]
        answers = client.gather([(messages.GET_CHILDREN2, PathWatch(client.at(path), False).build()) for path in some])
        for path, answer in zip(some, answers):
            if not isinstance(answer, Refused):
                found += [f"{path}/{name}" for name in ChildrenAndStat.parse(answer)[0].children]
            elif answer.code != NO_NODE:
                raise answer
    return found


def read_tree(client):
    """{path: data} of topics with their states, configs, quotas and producer ids."""
    tree = read_all(client, [f"{znodes.TOPICS}/{name}" for name in client.children(znodes.TOPICS)])
    states = []
    for path, data in tree.items():
        try:
            _, partitions, _, _ = znodes.assignment(path, data)
        except znodes.Illegible:
            continue  # restore.py says so
        states += [znodes.state_path(path.rpartition("/")[2], index) for index in partitions]
    tree.update(read_all(client, states))
    entities = [f"{znodes.CONFIGS}/{kind}/{name}" for kind in ("topics", "brokers", "users", "clients", "ips")
                for name in client.children(f"{znodes.CONFIGS}/{kind}")]
    for path in [one for one in entities if one.startswith(f"{znodes.CONFIGS}/users/")]:
        entities += [f"{path}/clients/{name}" for name in client.children(f"{path}/clients")]
    tree.update(read_all(client, [*entities, znodes.PRODUCER_IDS]))
    return {path: data for path, data in tree.items() if data is not None}


# The controller ---------------------------------------------------------------------------------------


def take_over(registry, registration):
    """A new controller sees to it that ZooKeeper has what the cluster has, and the cluster who is there."""
    client = registration.client
    brokers = _brokers(client)
    names = client.children(znodes.TOPICS, watch=True)
    wanted = registry.mirror.whole()
    found = read_all(client, [write.path for write in wanted])
    registry.writer.know(found)
    registry.writer.put([
        write for write in wanted if write.path not in found or not mirror.same(write.path, write.data, found[write.path])
    ])  # fmt: skip
    registry.follow(brokers)
    registration.watched.clear()
    _new_topics(registry, registration, names)
    registration.last_change = max(_changes(client), default=-1)
    for path in (znodes.DELETIONS, znodes.PREFERRED_ELECTION, znodes.REASSIGNMENT):
        registration.tell(path)


def look(registry, registration, path):
    """Something has changed at `path`."""
    client = registration.client
    if path == znodes.BROKERS:
        registry.follow(_brokers(client))
    elif path == znodes.TOPICS:
        _look_at_topics(registry, registration)
    elif path == znodes.DELETIONS:
        _look_at_deletions(registry, client)
    elif path == znodes.CONFIG_CHANGES:
        configs.look(registry, registration, _changes(client))
    elif path.startswith(f"{znodes.TOPICS}/"):
        _look_at_assignment(registry, client, path)
    elif path in (znodes.PREFERRED_ELECTION, znodes.REASSIGNMENT):
        _look_at_wishes(registry, client, path)


def _brokers(client):
    """{broker id: zxid of its registration}"""
    ids = znodes.numbers(client.children(znodes.BROKERS, watch=True))
    answers = client.gather([(messages.EXISTS, PathWatch(client.at(znodes.broker_path(broker_id)), False).build()) for broker_id in ids])
    return {broker_id: StatOnly.parse(answer)[0].stat.czxid for broker_id, answer in zip(ids, answers) if not isinstance(answer, Refused)}


def follow(registry, registered):
    """Who is not registered any more is gone, who has registered anew was gone meanwhile."""
    cluster, known = registry.cluster, registry.registered
    for broker in cluster.brokers.values():
        now, before = registered.get(broker.id), known.get(broker.id)
        if not broker.fenced and (now is None or before not in (None, now)):
            log.info("broker %d is gone from ZooKeeper", broker.id)
            leadership.fence(cluster, broker.id)
    for broker in cluster.brokers.values():
        if broker.fenced and broker.id in registered:
            leadership.unfence(cluster, broker.id, clean=True)
    for stranger in registered.keys() - cluster.brokers.keys() - known.keys():
        log.error("broker %d in ZooKeeper is of another server: it can replicate nothing from here, and lead nothing", stranger)
    registry.registered = registered


# Topics -----------------------------------------------------------------------------------------------


def _look_at_topics(registry, registration):
    client, writer = registration.client, registry.writer
    before = writer.accepted
    names = client.children(znodes.TOPICS, watch=True)
    if writer.accepted != before or writer.waiting:
        writer.once_empty(lambda: registration.tell(znodes.TOPICS))  # it is this controller's own doing, perhaps
        return
    for name in registry.mirror.names() - set(names):
        log.warning("topic %s has gone from ZooKeeper, and is deleted", name)
        registry.act(_delete, registry.cluster, name)
    _new_topics(registry, registration, names)


def _new_topics(registry, registration, names):
    """Topics that were not there before are watched, for partitions that others add; those that others have made are made."""
    fresh = [name for name in names if name not in registration.watched]
    registration.watched = set(names)
    found = read_all(registration.client, [znodes.topic_path(name) for name in fresh], watch=True)
    known = registry.mirror.names()
    for path, data in found.items():
        if path.rpartition("/")[2] not in known and not registry.writer.is_waiting(path):
            registry.writer.know([path])
            registry.act(_create, registry.cluster, path, data)


def _look_at_assignment(registry, client, path):
    """Somebody may have added partitions."""
    name = path.rpartition("/")[2]
    if name not in registry.mirror.names():
        return
    data, stat = client.get(path, watch=True)
    if stat is None or registry.writer.is_waiting(path):
        return
    try:
        _, partitions, _, _ = znodes.assignment(path, data)
    except znodes.Illegible as error:
        log.error("%s", error)
        return
    topic = registry.cluster.topics.get(name)
    if topic is not None and len(partitions) > (present := len(topic.partitions)):
        added = [partitions[index] for index in range(present, len(partitions))]
        try:
            registry.act(registry.cluster.create_partitions, name, len(partitions), added)
        except KafkaError as error:
            log.error("%s: no partitions are made of it: %s", path, error)


def _changes(client):
    """The numbers of notifications of configs."""
    names = client.children(znodes.CONFIG_CHANGES, watch=True)
    return znodes.numbers(name.removeprefix(znodes.CHANGE) for name in names if name.startswith(znodes.CHANGE))


def _create(cluster, path, data):
    name = path.rpartition("/")[2]
    try:
        _, partitions, _, _ = znodes.assignment(path, data)
    except znodes.Illegible as error:
        log.error("%s: no topic is made of it", error)
        return
    if name in cluster.topics:
        return
    [made] = cluster.create_topics([NewTopic(name, assignments=tuple(sorted(partitions.items())))])
    if isinstance(made, KafkaError):
        log.error("%s: no topic is made of it: %s", path, made)
    else:
        log.info("%s was written by somebody: a topic with id %s", path, uuid_text(made.topic_id))


def _delete(cluster, name):
    topic = cluster.topics.get(name)
    if topic is not None:
        cluster.delete_topic(topic.topic_id)


def _look_at_deletions(registry, client):
    """kafka-topics of old wrote there what it wanted deleted."""
    for name in client.children(znodes.DELETIONS, watch=True):
        path = f"{znodes.DELETIONS}/{name}"
        if registry.writer.is_waiting(path):
            continue
        if name in registry.cluster.topics and registry.cluster.configs.settings.delete_topic_enable:
            registry.act(_delete, registry.cluster, name)
        else:
            registry.writer.put([Write(mirror.DELETE, path)])


# Wishes -----------------------------------------------------------------------------------------------


def _look_at_wishes(registry, client, path):
    """Elections of preferred leaders and reassignments, as tools of old wanted them."""
    data, stat = client.get(path, watch=True)
    if stat is None:
        return
    try:
        wishes = znodes.listed(path, data)
    except znodes.Illegible as error:
        log.error("%s", error)
        wishes = []
    for name, index, replicas in wishes:
        try:
            if path == znodes.PREFERRED_ELECTION:
                registry.act(leadership.elect, registry.cluster, name, index, leadership.PREFERRED)
            else:
                registry.act(leadership.reassign, registry.cluster, name, index, replicas or [])
        except KafkaError as error:
            log.info("%s: %s-%d: %s", path, name, index, error)
    registry.writer.put([Write(mirror.DELETE, path)])
