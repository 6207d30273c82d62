"""The znodes of a Kafka cluster: where each is, and the JSON in it. Source: kafka.zk.ZkData of 3.9.1, and its trees."""

import json
from urllib.parse import quote, unquote

# As brokers make them at their start, in that order.
PERSISTENT = (
    "/consumers", "/brokers/ids", "/brokers/topics", "/config/changes", "/admin/delete_topics", "/brokers/seqid",
    "/isr_change_notification", "/latest_producer_id_block", "/log_dir_event_notification", "/config/topics",
    "/config/clients", "/config/users", "/config/brokers", "/config/ips",
)  # fmt: skip
CLUSTER_ID = "/cluster/id"
CONTROLLER, CONTROLLER_EPOCH = "/controller", "/controller_epoch"
BROKERS, TOPICS, DELETIONS = "/brokers/ids", "/brokers/topics", "/admin/delete_topics"
PREFERRED_ELECTION, REASSIGNMENT = "/admin/preferred_replica_election", "/admin/reassign_partitions"
FEATURE = "/feature"
CONFIGS, CONFIG_CHANGES, CHANGE = "/config", "/config/changes", "config_change_"
CONFIG_CHANGE = f"{CONFIG_CHANGES}/{CHANGE}"
PRODUCER_IDS = "/latest_producer_id_block"
_LAST = 2**31 - 1  # of ids, indexes and epochs
_LAST_LONG = 2**63 - 1
DEFAULT = "<default>"  # the entity that stands for all others

NO_FEATURES = b'{"features":{},"version":2,"status":1}'


class Illegible(ValueError):
    """A znode that does not say what Kafka would have written there."""


def _json(content):
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


def read(path, data):
    """The JSON object in a znode. Raises Illegible."""
    try:
        content = json.loads(data)
    except (ValueError, TypeError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise Illegible(f"{path}: no JSON object stands there")
    return content


def number(text, last=_LAST):
    """The number that a name or a text is, from 0 to `last`. Raises ValueError."""
    if not (isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= last):
        raise ValueError(f"{str(text)[:20]!r} is no number")
    return int(text)


def numbers(texts):
    """Those of `texts` that are numbers."""
    return [int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) < 11 and int(text) <= _LAST]


def _whole(value):
    """A number that stands in JSON as one. Raises ValueError."""
    if type(value) is not int or not 0 <= value <= _LAST:
        raise ValueError("no number")
    return value


def broker_path(broker_id):
    return f"{BROKERS}/{broker_id}"


def broker(endpoints, rack, now):
    """/brokers/ids/N of one whose clients come by `endpoints` (Endpoint), since `now` (ms)."""
    first = next((one for one in endpoints if one.security_protocol == "PLAINTEXT"), None)
    return _json({
        "features": {},
        "listener_security_protocol_map": {one.name: one.security_protocol for one in endpoints},
        "endpoints": [f"{one.name}://{_host(one.host)}:{one.port}" for one in endpoints],
        **({} if rack is None else {"rack": rack}),
        "jmx_port": -1,
        "port": first.port if first else -1,
        "host": first.host if first else None,
        "version": 5,
        "timestamp": str(now),
    })  # fmt: skip


def _host(host):
    return f"[{host}]" if ":" in host else host


def cluster_id(text):
    return _json({"version": "1", "id": text})


def controller(broker_id, now):
    return _json({"version": 2, "brokerid": broker_id, "timestamp": str(now), "kraftControllerEpoch": -1})


def controller_of(data):
    """The broker id in /controller. Raises Illegible."""
    try:
        return _whole(read(CONTROLLER, data)["brokerid"])
    except (KeyError, ValueError) as error:
        raise error if isinstance(error, Illegible) else Illegible(f"{CONTROLLER}: there is no brokerid") from None


def controller_epoch_of(data):
    """The number in /controller_epoch. Raises Illegible."""
    try:
        return number((data or b"").decode("latin-1"), _LAST - 1)
    except ValueError:
        raise Illegible(f"{CONTROLLER_EPOCH}: there is no number of an epoch") from None


def topic_path(name):
    return f"{TOPICS}/{name}"


def topic(topic_id, partitions):
    """/brokers/topics/T; `partitions`: {index: stored partition}, see Cluster."""
    indexes = sorted(partitions)
    return _json({
        "partitions": {str(index): _assigned(partitions[index]) for index in indexes},
        "topic_id": topic_id,
        "adding_replicas": {str(index): partitions[index]["adding"] for index in indexes if partitions[index]["adding"]},
        "removing_replicas": {str(index): partitions[index]["removing"] for index in indexes if partitions[index]["removing"]},
        "version": 3,
    })


def _assigned(partition):
    return partition["replicas"]


def assignment(path, data):
    """(topic id or None, {index: replicas}, {index: adding}, {index: removing}) of /brokers/topics/T. Raises Illegible."""
    content = read(path, data)
    try:
        found = [{number(index): [_whole(one) for one in replicas] for index, replicas in content.get(key, {}).items()}
                 for key in ("partitions", "adding_replicas", "removing_replicas")]
    except (AttributeError, TypeError, ValueError):
        raise Illegible(f"{path}: no assignment of partitions to replicas") from None
    if not found[0] or set(found[0]) != set(range(len(found[0]))) or not all(found[0].values()):
        raise Illegible(f"{path}: partitions are numbered from 0 on, and each has replicas")
    topic_id = content.get("topic_id")
    return topic_id if isinstance(topic_id, str) else None, *found


def partition_path(name, index):
    return f"{TOPICS}/{name}/partitions/{index}"


def state_path(name, index):
    return f"{partition_path(name, index)}/state"


def state(partition, controller_epoch):
    return _json({
        "controller_epoch": controller_epoch, "leader": partition["leader"], "version": 1,
        "leader_epoch": partition["leader_epoch"], "isr": partition["isr"],
    })  # fmt: skip


def state_of(path, data):
    """(leader, leader epoch, isr) of a partition's state. Raises Illegible."""
    content = read(path, data)
    try:
        leader, epoch, isr = content["leader"], _whole(content["leader_epoch"]), [_whole(one) for one in content["isr"]]
        if leader != -1:
            _whole(leader)
    except (KeyError, TypeError, ValueError):
        raise Illegible(f"{path}: no leader, leader_epoch and isr") from None
    if epoch == _LAST:
        raise Illegible(f"{path}: no leader_epoch may follow {epoch}")
    return leader, epoch, isr


def entity(name):
    """A name of a client, user ... in a path; None stands for all others."""
    return DEFAULT if name is None else quote(name, safe="~")


def entity_of(text):
    return None if text == DEFAULT else unquote(text)


def configs(values):
    """/config/TYPE/NAME of {config: text}."""
    return _json({"version": 1, "config": values})


def configs_of(path, data):
    """{config: text}. Raises Illegible."""
    found = read(path, data).get("config")
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise Illegible(f"{path}: no texts by config")
    return found


def config_change(entity_path):
    """Of a notification, by which every broker learns that the configs of `topics/T` ... are others."""
    return _json({"version": 2, "entity_path": entity_path})


def config_change_of(path, data):
    """The entity path in a notification. Raises Illegible."""
    found = read(path, data).get("entity_path")
    if not isinstance(found, str):
        raise Illegible(f"{path}: there is no entity_path")
    return found


def producer_ids(broker_id, first, last):
    return _json({"version": 1, "broker": broker_id, "block_start": str(first), "block_end": str(last)})


def producer_ids_of(data):
    """The last id of the block that was given out last. Raises Illegible."""
    try:
        return number(read(PRODUCER_IDS, data)["block_end"], _LAST_LONG - 1)
    except (KeyError, TypeError, ValueError):
        raise Illegible(f"{PRODUCER_IDS}: no block_end") from None


def listed(path, data):
    """[(topic, partition index, replicas or None)] of /admin/reassign_partitions and its like. Raises Illegible."""
    try:
        wishes = [(one["topic"], _whole(one["partition"]), one.get("replicas")) for one in read(path, data)["partitions"]]
        if not all(isinstance(topic, str) for topic, _, _ in wishes):
            raise ValueError
        return [(topic, index, None if replicas is None else [_whole(one) for one in replicas]) for topic, index, replicas in wishes]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Illegible(f"{path}: no partitions with topic and partition") from None
