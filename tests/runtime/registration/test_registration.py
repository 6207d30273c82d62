"""Brokers in a ZooKeeper ensemble: what they write there, who is the controller, and what becomes of the cluster when either is gone.

What stands in the tree is what Kafka 3.9.1 in ZooKeeper mode was seen to write.
"""

import json
import re
import socket
import subprocess
import sys
import threading

import pytest

from emulator import Emulator
from emulator.runtime.registration.multi import SEQUENTIAL
from tests.runtime.registration.ensemble import TICK_MS, Ensemble, until
from tests.wire_client import WireClient
from wire import errors
from wire.apis.data import Produce
from wire.apis.metadata import Metadata
from wire.apis.topics import CreateTopics, DeleteTopics
from wire.apis.transactions import InitProducerId
from wire.records import Record, build_batch

SESSION_MS = 20 * TICK_MS  # the longest that there is; a machine may be slow, and a session is to last


@pytest.fixture
def zk(tmp_path):
    with Ensemble(tmp_path / "zookeeper") as ensemble:
        yield ensemble


def emulator(zk, brokers=3, **options):
    config = {"zookeeper.connect": zk.connect, "zookeeper.session.timeout.ms": SESSION_MS, "default.replication.factor": min(brokers, 3)}
    return Emulator(brokers=brokers, config={**config, **options.pop("config", {})}, **options)


@pytest.fixture
def kafka(zk):
    with emulator(zk) as kafka:
        yield kafka


def client(kafka, broker=1):
    return WireClient(kafka.bootstrap.split(",")[broker - 1], timeout=10)


def ask(kafka, *arguments, broker=1, **fields):
    with client(kafka, broker) as asking:
        return asking.call(*arguments, **fields)


def create(kafka, name, partitions=1, factor=-1, configs=(), broker=1):
    configs = [CreateTopics.Request.Topics.Configs(name=name, value=value) for name, value in configs]
    topic = CreateTopics.Request.Topics(name=name, num_partitions=partitions, replication_factor=factor, configs=configs)
    [made] = ask(kafka, CreateTopics, 7, topics=[topic], timeout_ms=30000, broker=broker).topics
    return made.error_code


def delete(kafka, name):
    topic = DeleteTopics.Request.Topics(name=name)
    [gone] = ask(kafka, DeleteTopics, 6, topics=[topic], timeout_ms=30000).responses
    return gone.error_code


def produce(kafka, broker, acks=-1, timeout_ms=5000):
    data = Produce.Request.TopicData.PartitionData(index=0, records=build_batch([Record(0, 0, None, b"v", ())]))
    topic = Produce.Request.TopicData(name="t", partition_data=[data])
    [answer] = ask(kafka, Produce, 9, acks=acks, timeout_ms=timeout_ms, topic_data=[topic], broker=broker).responses
    return answer.partition_responses[0].error_code


def metadata(kafka, broker=1):
    return ask(kafka, Metadata, 12, topics=[], broker=broker)


def partition(kafka, name="t", index=0):
    def look():
        found = kafka.server.cluster.partition(name, index)
        return found and (found.leader, found.leader_epoch, sorted(found.isr))
    return kafka.call(look)


def session_of(kafka, broker):
    return kafka.call(lambda: kafka.server._registry._brokers[broker].client.session_id)


BROKER = ('{"features":{},"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT"},"endpoints":["PLAINTEXT://127.0.0.1:PORT"],'
          '"rack":"a","jmx_port":-1,"port":PORT,"host":"127.0.0.1","version":5,"timestamp":"TIME"}')
AT_START = {
    "": None, "/admin": None, "/admin/delete_topics": None, "/brokers": None, "/brokers/ids": None, "/brokers/ids/1": BROKER,
    "/brokers/seqid": None, "/brokers/topics": None, "/cluster": None, "/cluster/id": '{"version":"1","id":"ID"}', "/config": None,
    "/config/brokers": None, "/config/changes": None, "/config/clients": None, "/config/ips": None, "/config/topics": None,
    "/config/users": None, "/consumers": None, "/controller": '{"version":2,"brokerid":1,"timestamp":"TIME","kraftControllerEpoch":-1}',
    "/controller_epoch": "1", "/feature": '{"features":{},"version":2,"status":1}', "/isr_change_notification": None,
    "/latest_producer_id_block": None, "/log_dir_event_notification": None,
}  # fmt: skip
OF_A_TOPIC = {
    "/brokers/topics/t": '{"partitions":{"0":[1],"1":[1]},"topic_id":"ID","adding_replicas":{},"removing_replicas":{},"version":3}',
    "/brokers/topics/t/partitions": None, "/brokers/topics/t/partitions/0": None,
    "/brokers/topics/t/partitions/0/state": '{"controller_epoch":1,"leader":1,"version":1,"leader_epoch":0,"isr":[1]}',
    "/brokers/topics/t/partitions/1": None,
    "/brokers/topics/t/partitions/1/state": '{"controller_epoch":1,"leader":1,"version":1,"leader_epoch":0,"isr":[1]}',
    "/config/topics/t": '{"version":1,"config":{"retention.ms":"1000"}}',
}  # fmt: skip


def shown(tree, port):
    """A tree without what is of one run only."""
    return {path: data and re.sub(r'"(id|topic_id)":"[-\w]{22}"', r'"\1":"ID"', re.sub(
        r'"timestamp":"\d{13}"', '"timestamp":"TIME"', data.decode())).replace(str(port), "PORT") for path, data in tree.items()}


def test_the_tree_is_that_of_kafka_3_9_1(zk):
    with emulator(zk, 1, racks="a") as kafka:
        port = int(kafka.bootstrap.rpartition(":")[2])
        assert shown(zk.tree(""), port) == AT_START
        assert zk.owner("/brokers/ids/1") == zk.owner("/controller") == session_of(kafka, 1)
        assert json.loads(zk.data("/cluster/id"))["id"] == metadata(kafka).cluster_id
        assert create(kafka, "t", 2, configs=[("retention.ms", "1000")]) == 0
        assert shown(zk.tree(""), port) == {**AT_START, **OF_A_TOPIC}
        assert delete(kafka, "t") == 0
        assert shown(zk.tree(""), port) == AT_START and zk.do("get", "/admin/delete_topics")[1].cversion == 2
        ask(kafka, InitProducerId, 4, transactional_id=None, transaction_timeout_ms=1000, producer_id=-1, producer_epoch=-1)
        assert zk.json("/latest_producer_id_block") == {"version": 1, "broker": 1, "block_start": "0", "block_end": "999"}
    assert zk.brokers == [] and zk.controller is None


def test_a_broker_whose_session_expires_is_gone_and_comes_back(zk, kafka):
    assert zk.brokers == [1, 2, 3] and zk.controller == metadata(kafka).controller_id == 1
    assert create(kafka, "t") == 0
    leader = zk.state("t")["leader"]
    kafka.brokers[leader].kill()
    assert zk.brokers == [1, 2, 3] and partition(kafka)[0] == leader  # for a while nobody knows
    until(lambda: zk.brokers == sorted({1, 2, 3} - {leader}))
    until(lambda: zk.state("t")["leader"] not in (leader, -1))
    left = zk.state("t")
    assert left["leader_epoch"] == 1 and sorted(left["isr"]) == zk.brokers
    kafka.brokers[leader].start()
    until(lambda: sorted(zk.state("t")["isr"]) == [1, 2, 3] == zk.brokers)
    assert zk.state("t")["leader"] == left["leader"] and len(metadata(kafka, leader).brokers) == 3


def test_a_clean_stop_is_known_at_once(zk, kafka):
    create(kafka, "t")
    kafka.brokers[2].stop()
    assert zk.brokers == [1, 3]
    until(lambda: sorted(zk.state("t")["isr"]) == [1, 3])
    kafka.brokers[2].start()
    until(lambda: sorted(zk.state("t")["isr"]) == [1, 2, 3])


def test_stopped_and_started_between_two_looks_it_was_gone_all_the_same(zk, kafka):
    create(kafka, "t")
    for broker in (2, 3):
        kafka.brokers[broker].stop()
        kafka.brokers[broker].start()
    until(lambda: sorted(zk.state("t")["isr"]) == [1, 2, 3])
    assert kafka.call(lambda: [one.active for one in kafka.server.cluster.brokers.values()]) == [True] * 3


def test_killed_it_cannot_come_back_before_its_session_is_over(zk, kafka):
    kafka.brokers[3].kill()
    session = zk.owner("/brokers/ids/3")
    with pytest.raises(RuntimeError, match=r"broker 3 cannot start: /brokers/ids/3 is there already, of session 0x"):
        kafka.brokers[3].start()
    zk.end_session(session)
    kafka.brokers[3].start()
    assert zk.brokers == [1, 2, 3]


def test_frozen_it_is_given_up_and_thawed_it_takes_a_new_session(zk, kafka):
    create(kafka, "t")
    before = session_of(kafka, 2)
    kafka.brokers[2].freeze()
    until(lambda: zk.brokers == [1, 3])
    until(lambda: sorted(zk.state("t")["isr"]) == [1, 3])
    kafka.brokers[2].thaw()
    until(lambda: zk.brokers == [1, 2, 3])
    assert zk.owner("/brokers/ids/2") == session_of(kafka, 2) != before
    until(lambda: sorted(zk.state("t")["isr"]) == [1, 2, 3])


def test_a_running_broker_whose_session_is_ended_registers_anew(zk, kafka):
    create(kafka, "t")
    before = session_of(kafka, 3)
    zk.end_session(before)
    until(lambda: (zk.owner("/brokers/ids/3") or before) != before)
    until(lambda: sorted(zk.state("t")["isr"]) == [1, 2, 3] and partition(kafka)[2] == [1, 2, 3])


def test_the_controller_is_who_holds_the_znode(zk, kafka):
    for epoch in (2, 3):
        zk.do("delete", "/controller")
        until(lambda: zk.controller)
        until(lambda: kafka.call(lambda: kafka.server.cluster.governed))
        assert zk.epoch == epoch and metadata(kafka).controller_id == zk.controller
        assert create(kafka, f"t{epoch}") == 0 and zk.state(f"t{epoch}")["controller_epoch"] == epoch
    controller, session = zk.controller, zk.owner("/controller")
    kafka.brokers[controller].kill()
    zk.end_session(session)
    until(lambda: zk.controller not in (None, controller))
    assert zk.epoch == 4
    other = controller % 3 + 1
    until(lambda: metadata(kafka, other).controller_id == zk.controller)
    assert create(kafka, "t4", factor=2, broker=other) == 0 and zk.state("t4")["controller_epoch"] == 4


def test_without_zookeeper_brokers_serve_and_nothing_changes_until_it_is_back(zk, kafka):
    create(kafka, "t")
    leader = partition(kafka)[0]
    assert produce(kafka, leader) == 0
    zk.stop()
    until(lambda: not kafka.call(lambda: kafka.server.cluster.governed))
    assert produce(kafka, leader) == 0
    answers = []
    asking = threading.Thread(target=lambda: answers.append(create(kafka, "late", broker=leader)))
    asking.start()
    other = leader % 3 + 1
    kafka.brokers[other].kill()
    assert produce(kafka, leader, timeout_ms=100) == errors.REQUEST_TIMED_OUT  # nobody takes it out of the ISR
    assert [topic.name for topic in ask(kafka, Metadata, 12, topics=None, broker=leader).topics] == ["t"] and not answers
    zk.start()
    asking.join(10)
    assert answers == [0] and zk.state("late")
    until(lambda: sorted(zk.state("t")["isr"]) == zk.brokers == sorted({1, 2, 3} - {other}))
    assert produce(kafka, leader) == 0


def test_topics_and_settings_are_there_again_after_a_restart(zk):
    with emulator(zk) as kafka:
        create(kafka, "t", 2, configs=[("retention.ms", "1000")])
        before, cluster_id = zk.json("/brokers/topics/t"), metadata(kafka).cluster_id
        ask(kafka, InitProducerId, 4, transactional_id=None, transaction_timeout_ms=1000, producer_id=-1, producer_epoch=-1)
    with emulator(zk) as kafka:
        assert zk.json("/brokers/topics/t") == before and metadata(kafka).cluster_id == cluster_id
        assert [partition(kafka, index=index)[:2] for index in (0, 1)] == [(before["partitions"][f"{index}"][0], 1) for index in (0, 1)]
        assert zk.state("t")["leader_epoch"] == 1 and zk.state("t")["controller_epoch"] == zk.epoch == 2
        assert kafka.call(lambda: kafka.server.cluster.configs.topic("t").retention_ms) == 1000
        assert ask(kafka, InitProducerId, 4, transactional_id=None, transaction_timeout_ms=1000, producer_id=-1, producer_epoch=-1).producer_id == 1000


def test_a_directory_of_another_cluster_is_refused(zk, tmp_path):
    with Emulator(data_dir=tmp_path / "data", topics=["old"]):
        pass
    with emulator(zk, 1, data_dir=tmp_path / "data"):  # the ensemble knows no cluster yet
        before = zk.state("old")
    with emulator(zk, 1, data_dir=tmp_path / "data"):
        assert zk.state("old")["leader_epoch"] > before["leader_epoch"]
    zk.do("set_data", "/cluster/id", b'{"version":"1","id":"AAAAAAAAQACAAAAAAAAAAA"}')
    with pytest.raises(ValueError, match="The Cluster ID AAAAAAAAQACAAAAAAAAAAA doesn't match stored clusterId"):
        emulator(zk, 1, data_dir=tmp_path / "data").start()


def test_topics_that_need_brokers_which_are_not_there_are_refused(zk):
    with emulator(zk) as kafka:
        create(kafka, "t")
    with pytest.raises(ValueError, match="/brokers/topics/t has replicas on brokers 2, 3, which this server does not have"):
        emulator(zk, 1).start()


def test_what_others_write_is_done(zk, kafka):
    zk.do("create", "/brokers/topics/made", b'{"version":1,"partitions":{"0":[2,3]}}')
    until(lambda: zk.state("made"))
    assert partition(kafka, "made") == (2, 0, [2, 3]) and zk.json("/brokers/topics/made")["version"] == 3
    wish = b'{"version":1,"partitions":[{"topic":"made","partition":0,"replicas":[3,1]}]}'
    zk.do("create", "/admin/reassign_partitions", wish)
    until(lambda: zk.json("/brokers/topics/made")["partitions"] == {"0": [3, 1]})
    until(lambda: zk.data("/admin/reassign_partitions") is None and zk.state("made")["leader"] == 3)
    zk.do("set_data", "/brokers/topics/made", b'{"version":1,"partitions":{"0":[3,1],"1":[1,2]}}')
    until(lambda: zk.state("made", 1) == {"controller_epoch": 1, "leader": 1, "version": 1, "leader_epoch": 0, "isr": [1, 2]})
    until(lambda: sorted(zk.json("/brokers/topics/made")) == ["adding_replicas", "partitions", "removing_replicas", "topic_id", "version"])
    zk.do("create", "/admin/delete_topics/made", None)
    until(lambda: zk.do("children", "/brokers/topics") == zk.do("children", "/admin/delete_topics") == [])
    assert partition(kafka, "made") is None
    create(kafka, "t")
    zk.do("create", "/admin/preferred_replica_election", b"nonsense")
    until(lambda: zk.do("get", "/admin/preferred_replica_election")[1] is None)
    zk.do("create", "/brokers/topics/odd", b"nonsense")
    assert create(kafka, "after") == 0 and zk.state("after")


def test_configs_that_others_write_are_taken(zk, kafka):
    create(kafka, "t", configs=[("retention.ms", "1")])

    def write(entity, values, exists=False):
        content = f'{{"version":1,"config":{values}}}'.encode()
        zk.do("set_data" if exists else "create", f"/config/{entity}", content)
        zk.do("create", "/config/changes/config_change_", f'{{"version":2,"entity_path":"{entity}"}}'.encode(), SEQUENTIAL)

    write("topics/t", '{"retention.ms":"1000"}', exists=True)
    write("brokers/<default>", '{"log.cleaner.threads":"2"}')
    write("brokers/2", '{"log.cleaner.threads":"3"}')
    configs_of = kafka.call(lambda: kafka.server.services["configs_of"])
    until(lambda: [configs_of[one].settings.value("log.cleaner.threads") for one in (1, 2, 3)] == [2, 3, 2])
    assert configs_of[1].topic("t").retention_ms == 1000
    write("topics/t", "nonsense", exists=True)
    write("topics/t", '{"retention.ms":"soon"}', exists=True)
    write("topics/t", '{"retention.ms":"2000"}', exists=True)
    until(lambda: configs_of[1].topic("t").retention_ms == 2000)


def test_an_ensemble_that_cannot_be_reached(zk):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{sock.getsockname()[1]}"
        config = {"zookeeper.connect": f"{address}/x", "zookeeper.connection.timeout.ms": 200}
        with pytest.raises(ValueError, match=f"Timed out waiting for connection while in state: CONNECTING .zookeeper.connect={address}/x"):
            Emulator(config=config).start()


@pytest.mark.parametrize("config, complaint", [
    ({"zookeeper.connect": "a:b"}, "zookeeper.connect a:b: 'a:b' is not HOST:PORT"),
    ({"zookeeper.connect": "a:1//x"}, "/x is no path in ZooKeeper"),
    ({"zookeeper.connect": "a:1", "zookeeper.session.timeout.ms": "soon"}, "expected a number of milliseconds"),
    ({"zookeeper.session.timeout.ms": "6000"}, "there is no zookeeper.connect"),
])
def test_keys_that_make_no_sense(config, complaint):
    with pytest.raises(ValueError, match=complaint):
        Emulator(config=config)


def test_who_has_no_zookeeper_pays_nothing_for_it():
    code = ("import sys; from emulator import Emulator\nwith Emulator(): pass\n"
            "print([name for name in sys.modules if 'registration' in name or 'zookeeper' in name])")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20).stdout == "[]\n"
