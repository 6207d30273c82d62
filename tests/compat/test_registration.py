"""Brokers of ours in ensembles of real ZooKeeper 3.8.4, and beside brokers of a real Kafka 3.9.1 what they write there."""

import json
import random
import re
import shutil
import threading
import time

import pytest
from test_kafka_on_zookeeper import JARS, Brokers, listens, until
from test_kills import Writer, read
from zookeeper_servers import Servers

pytest.importorskip("kazoo")
from kafka import KafkaProducer  # noqa: E402
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewPartitions, NewTopic  # noqa: E402
from kafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError  # noqa: E402
from kazoo.client import KazooClient  # noqa: E402
from kazoo.exceptions import NoNodeError  # noqa: E402

from emulator import Emulator  # noqa: E402
from emulator.state.cluster.ids import uuid_text  # noqa: E402

pytestmark = [pytest.mark.soak, pytest.mark.skipif(not JARS.is_dir() or not shutil.which("java"),
                                                   reason="no Kafka 3.9.1: tests/compat/setup brings it")]
SESSION_MS = 4000
ROUNDS = 16


@pytest.fixture
def no_warning_of_its_own():
    """Brokers are killed here: their clients warn of it, as they must."""


@pytest.fixture
def zookeeper(tmp_path):
    with Servers(tmp_path, {1: "real", 2: "real", 3: "real"}, tick_ms=1000) as servers:
        yield servers


@pytest.fixture
def kazoo(zookeeper):
    client = KazooClient(zookeeper.hosts(), timeout=20)
    client.start(20)
    yield client
    client.stop()
    client.close()


def connected(zookeeper, root, brokers=3, **config):
    return Emulator(brokers=brokers, config={"zookeeper.connect": f"{zookeeper.hosts()}{root}", "zookeeper.session.timeout.ms": SESSION_MS, **config})


class Ours:
    """Two emulated brokers, as a test has real ones."""

    def __init__(self, zookeeper, root):
        self._emulator = connected(zookeeper, root, 2).start()
        self.bootstrap = self._emulator.bootstrap.split(",")
        self.ports = {number: int(address.rpartition(":")[2]) for number, address in enumerate(self.bootstrap, 1)}

    def kill(self, *brokers):
        if not brokers:
            return self._emulator.stop()
        for broker in brokers:
            self._emulator.brokers[broker].kill()

    def start(self, broker):
        self._emulator.brokers[broker].start()


def dump(kazoo, root, ports):
    """{path: (data, how often it was changed)}, without what is of one run only."""
    found = {}

    def walk(path):
        data, stat = kazoo.get(path)
        text = None if data is None else data.decode()
        if text:
            text = re.sub(r'"(id|topic_id)":"[-\w]{22}"', r'"\1":"ID"', re.sub(r'"timestamp":"\d{13}"', '"timestamp":"TIME"', text))
            for number, port in ports.items():
                text = text.replace(str(port), f"PORT{number}")
        found[path.removeprefix(root)] = text, stat.version
        for child in kazoo.get_children(path):
            walk(f"{path}/{child}")
    walk(root)
    return found


def scenario(kazoo, root, brokers):
    """The tree after each step of a story."""
    trees = {}

    def look(name):
        trees[name] = dump(kazoo, root, brokers.ports)

    def state(topic, index=0):
        return json.loads(kazoo.get(f"{root}/brokers/topics/{topic}/partitions/{index}/state")[0])

    def look_when(name, condition):
        until(condition)
        look(name)

    until(lambda: kazoo.get_children(f"{root}/brokers/ids") and json.loads(kazoo.get(f"{root}/controller")[0])["brokerid"])
    until(lambda: len(kazoo.get_children(f"{root}/brokers/ids")) == 2)
    controller = json.loads(kazoo.get(f"{root}/controller")[0])["brokerid"]
    other = 3 - controller
    until(lambda: all(listens(port) for port in brokers.ports.values()))
    look("start")
    admin = KafkaAdminClient(bootstrap_servers=brokers.bootstrap)
    admin.create_topics([NewTopic("t", -1, -1, replica_assignments={0: [other, controller], 1: [controller, other]}, topic_configs={"retention.ms": "1000"}),
                         NewTopic("gone", -1, -1, replica_assignments={0: [other]})])
    look_when("topics", lambda: state("t") and state("t", 1) and state("gone"))
    admin.create_partitions({"t": NewPartitions(3, [[other, controller]])})
    look_when("grown", lambda: state("t", 2))
    admin.delete_topics(["gone"])
    look_when("deleted", lambda: not kazoo.exists(f"{root}/brokers/topics/gone") and not kazoo.get_children(f"{root}/admin/delete_topics"))
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, "t", {"retention.ms": "2000"})])
    look_when("configured", lambda: kazoo.get_children(f"{root}/config/changes"))
    producer = KafkaProducer(bootstrap_servers=brokers.bootstrap, enable_idempotence=True)
    producer.send("t", b"x").get(30)
    producer.close()
    look_when("produced", lambda: kazoo.get(f"{root}/latest_producer_id_block")[0])
    brokers.kill(other)
    look_when("killed", lambda: not kazoo.exists(f"{root}/brokers/ids/{other}") and all(state("t", n)["isr"] == [controller] for n in range(3)))
    brokers.start(other)
    look_when("back", lambda: all(len(state("t", n)["isr"]) == 2 for n in range(3)))
    kazoo.delete(f"{root}/controller")
    look_when("another controller", lambda: kazoo.get(f"{root}/controller_epoch")[0] == b"2" and kazoo.exists(f"{root}/controller"))
    admin.close()
    return controller, trees


def about_the_same(controller, trees):
    """Which broker was the controller, and so which died, is luck."""
    names = {controller: "C", 3 - controller: "O"}

    def shown(path, text):
        if path.startswith("/brokers/ids/"):
            path, text = f"/brokers/ids/{names[int(path[-1])]}", re.sub(r"PORT\d", "PORT", text)
        elif text and path.startswith("/brokers/topics/") or path in ("/controller", "/latest_producer_id_block"):
            text = text and re.sub(r'("leader"|"brokerid"|"broker"):(\d)', lambda found: f'{found[1]}:{names[int(found[2])]}', text)
            text = text and re.sub(r"\[([12](?:,[12])?)\]", lambda found: str([names[int(one)] for one in found[1].split(",")]), text)
        return path, text
    told = {}
    for name, tree in trees.items():
        told[name] = {}
        for path, (text, version) in tree.items():
            path, text = shown(path, text)
            if name == "another controller" and path == "/controller":
                text = "whoever it is"
            if path == "/latest_producer_id_block":
                text = text and text.replace("O", "C")  # who of the two was asked
            if "/partitions/" in path and name in ("killed", "back", "another controller"):
                version = None if version > 2 else version
            told[name][path] = text, version
    return told


def test_our_tree_is_that_of_a_real_kafka(tmp_path, zookeeper, kazoo):
    (tmp_path / "kafka").mkdir()
    real = Brokers(tmp_path / "kafka", zookeeper.hosts())
    try:
        theirs = about_the_same(*scenario(kazoo, "/kafka", real))
    finally:
        real.kill()
    ours = Ours(zookeeper, "/ours")
    try:
        mine = about_the_same(*scenario(kazoo, "/ours", ours))
    finally:
        ours.kill()
    for name in theirs:
        assert mine[name] == theirs[name], name
    assert kazoo.get_children("/ours/brokers/ids") == [] and not kazoo.exists("/ours/controller")


class Weather:
    """What may happen to three ZooKeeper servers and three brokers of ours; after each the sun shines again."""

    def __init__(self, servers, kafka, look):
        self.servers, self.kafka, self.look = servers, kafka, look
        self.epoch = 0

    def a_server_dies(self, chance):
        self.servers_die(chance, [chance.choice(self.servers.up)])

    def the_leader_dies(self, chance):
        self.servers_die(chance, [self.servers.leader()])

    def the_quorum_dies(self, chance):
        self.servers_die(chance, chance.sample(self.servers.up, 2))

    def servers_die(self, chance, sids):
        self.servers.kill(*sids)
        time.sleep(chance.uniform(0, 3))
        self.servers.start(*sids, serving=False)

    def the_leader_freezes(self, chance):
        sid = self.servers.leader()
        self.servers.freeze(sid)
        time.sleep(chance.uniform(0, 4))  # after 2.5 s the others go on without it
        self.servers.thaw(sid)

    def a_session_ends(self, chance):
        broker = chance.randint(1, 3)
        client = self.kafka.server._registry._brokers[broker].client
        before = client.session_id
        thief = KazooClient(self.servers.hosts(), client_id=(client.session_id, client._password), timeout=SESSION_MS / 1000)
        thief.start(20)
        thief.stop()
        thief.close()
        until(lambda: client.session_id not in (0, before), 20)

    def the_controller_is_deposed(self, chance):
        try:
            self.look.retry(self.look.delete, "/kafka/controller")
        except NoNodeError:
            pass

    def a_broker_dies(self, chance):
        broker = self.kafka.brokers[chance.randint(1, 3)]
        broker.kill()
        until(lambda: self.starts(broker))

    @staticmethod
    def starts(broker):
        try:
            broker.start()
        except RuntimeError as error:
            assert "is there already, of session" in str(error)  # until that expires
            return False
        return True

    def a_broker_freezes(self, chance):
        broker = self.kafka.brokers[chance.randint(1, 3)]
        broker.freeze()
        time.sleep(chance.uniform(0, 2 * SESSION_MS / 1000))
        broker.thaw()

    def is_over(self):
        """All brokers are registered and in sync, one is the controller, and ZooKeeper has what the cluster has."""
        retry, get, names = self.look.retry, self.look.get, self.look.get_children
        if sorted(retry(names, "/kafka/brokers/ids")) != ["1", "2", "3"]:
            return False
        has = self.kafka.call(self.cluster_has)
        epoch = int(retry(get, "/kafka/controller_epoch")[0])
        if not has or json.loads(retry(get, "/kafka/controller")[0])["brokerid"] != has[0] or epoch != has[1]:
            return False
        assert epoch >= self.epoch
        self.epoch = epoch
        topics = {}
        for name in retry(names, "/kafka/brokers/topics"):
            content = json.loads(retry(get, f"/kafka/brokers/topics/{name}")[0])
            states = {}
            for index in content["partitions"]:
                state = json.loads(retry(get, f"/kafka/brokers/topics/{name}/partitions/{index}/state")[0])
                states[int(index)] = state["leader"], state["leader_epoch"], sorted(state["isr"])
            topics[name] = content["topic_id"], states
        return topics == has[2] and not retry(names, "/kafka/admin/delete_topics")

    def cluster_has(self):
        """(controller, epoch, {topic: (id, {index: (leader, epoch, isr)})}) while all replicas are in sync, None else."""
        cluster, topics = self.kafka.server.cluster, {}
        for topic in cluster.topics.values():
            if any(len(one.isr) != len(one.replicas) for one in topic.partitions):
                return None
            topics[topic.name] = uuid_text(topic.topic_id), {one.index: (one.leader, one.leader_epoch, sorted(one.isr)) for one in topic.partitions}
        return (cluster.controller_id, cluster.controller_epoch, topics) if cluster.governed else None


class Maker(threading.Thread):
    """Makes and deletes topics; `wanted`: {name: whether it must be there}, without those of which nobody knows."""

    def __init__(self, bootstrap):
        super().__init__(daemon=True)
        self._admin = KafkaAdminClient(bootstrap_servers=bootstrap.split(","))
        self.wanted = {}
        self.done = 0
        self.over = threading.Event()
        self.start()

    def run(self):
        number = 0
        while not self.over.wait(0.05):
            number += 1
            name, old = f"made-{number}", f"made-{number - 10}"
            self._try(name, True, lambda: self._admin.create_topics([NewTopic(name, 2, 3)]), TopicAlreadyExistsError)
            if self.wanted.get(old):
                self._try(old, False, lambda: self._admin.delete_topics([old]), UnknownTopicOrPartitionError)
        self._admin.close()

    def _try(self, name, is_there, act, done_before):
        self.wanted.pop(name, None)
        for _ in range(5):
            try:
                act()
            except done_before:  # by the try before, whose answer was lost
                pass
            except KafkaError:
                continue
            self.wanted[name] = is_there
            self.done += 1
            return


@pytest.mark.parametrize("kind", ["real", "ours"])
def test_nothing_acknowledged_is_lost_in_bad_weather(tmp_path, kind):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    settings = {"default.replication.factor": 3, "min.insync.replicas": 2, "zookeeper.session.timeout.ms": 2000}
    with Servers(tmp_path, dict.fromkeys((1, 2, 3), kind)) as servers, connected(servers, "/kafka", **settings) as kafka:
        look = KazooClient(servers.hosts(), timeout=20, connection_retry={"max_tries": -1}, command_retry={"max_tries": -1})
        look.start(20)
        weather = Weather(servers, kafka, look)
        kafka.create_topic("t", 6)
        writer, maker = Writer(kafka.bootstrap), Maker(kafka.bootstrap)
        kinds = [weather.a_server_dies, weather.the_leader_dies, weather.the_quorum_dies, weather.the_leader_freezes, weather.a_session_ends,
                 weather.the_controller_is_deposed, weather.a_broker_dies, weather.a_broker_freezes]
        for n in range(ROUNDS):
            if n % len(kinds) == 0:
                chance.shuffle(kinds)
            what = kinds[n % len(kinds)]
            print(what.__name__)
            what(chance)
            servers.until_serving()
            until(lambda: kafka.call(lambda: kafka.server.cluster.governed))
        maker.over.set()
        maker.join(120)
        writer.end()
        until(weather.is_over)
        there = set(kafka.call(lambda: list(kafka.server.cluster.topics)))
        assert maker.done > ROUNDS and not maker.is_alive()
        assert {name for name, is_there in maker.wanted.items() if is_there} <= there
        assert not there & {name for name, is_there in maker.wanted.items() if not is_there}
        values = read(kafka.bootstrap, len(writer.acknowledged))
        assert len(writer.acknowledged) > 100 * ROUNDS and not writer.failed
        assert set(writer.acknowledged) <= set(values) and len(values) == len(set(values))
        print(f"{maker.done} topics made and deleted, {len(values)} records, epoch {weather.epoch}")
        look.stop()
        look.close()
