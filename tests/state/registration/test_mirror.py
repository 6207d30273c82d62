"""Changes of the cluster's metadata as writes into ZooKeeper, and what stands there as metadata."""

import json
from random import Random

import pytest

from emulator.state.metadata import Metadata
from emulator.state.registration import restore, znodes
from emulator.state.registration.mirror import APPEND, DELETE, PUT, Mirror, same

ID = "nWfqJkG2RWyRfVKWrYm8eQ"


def partition(replicas, leader=None, epoch=0, isr=None, adding=(), removing=()):
    return {"replicas": replicas, "isr": replicas if isr is None else isr, "elr": [], "last_known_elr": [], "adding": list(adding),
            "removing": list(removing), "leader": replicas[0] if leader is None else leader, "leader_epoch": epoch, "partition_epoch": 0}


class Written:
    """A Metadata whose changes are mirrored; what was written since the last look."""

    def __init__(self):
        self.metadata = Metadata()
        self.mirror = Mirror(self.metadata, lambda: (7, 5))
        self._writes = []
        self.metadata.on_written.append(lambda changes: self._writes.extend(self.mirror.writes(changes)))

    def put(self, table, key, value):
        self.metadata.table(table).put(key, value)
        return self

    def make(self, *partitions, **configs):
        with self.metadata:
            self.put("topics", ID, "t")
            for index, one in enumerate(partitions):
                self.put("partitions", f"{ID}:{index}", one)
            if configs:
                self.put("topic_configs", "t", configs)
        return self.seen()

    def seen(self):
        writes, self._writes = self._writes, []
        return [(one.kind, one.path, one.data and json.loads(one.data)) for one in writes]


def state(leader, epoch, isr):
    return {"controller_epoch": 5, "leader": leader, "version": 1, "leader_epoch": epoch, "isr": isr}


def assignment(adding=None, removing=None, **partitions):
    return {"partitions": {index.lstrip("p"): replicas for index, replicas in partitions.items()}, "topic_id": ID,
            "adding_replicas": adding or {}, "removing_replicas": removing or {}, "version": 3}


T, P = "/brokers/topics/t", "/brokers/topics/t/partitions"


def test_a_topic_is_made_grows_and_goes():
    kafka = Written()
    assert kafka.make(partition([1, 2]), cleanup="x") == [
        (PUT, "/config/topics/t", {"version": 1, "config": {"cleanup": "x"}}), (PUT, T, assignment(p0=[1, 2])), (PUT, P, None),
        (PUT, f"{P}/0", None), (PUT, f"{P}/0/state", state(1, 0, [1, 2])),
    ]  # fmt: skip
    assert kafka.put("partitions", f"{ID}:1", partition([2, 1])).seen() == [
        (PUT, T, assignment(p0=[1, 2], p1=[2, 1])), (PUT, f"{P}/1", None), (PUT, f"{P}/1/state", state(2, 0, [2, 1])),
    ]  # fmt: skip
    with kafka.metadata:
        for table, key in (("topics", ID), ("partitions", f"{ID}:0"), ("partitions", f"{ID}:1"), ("topic_configs", "t")):
            kafka.metadata.table(table).remove(key)
    asked = "/admin/delete_topics/t"
    assert kafka.seen() == [(PUT, asked, None), (DELETE, T, None), (DELETE, "/config/topics/t", None), (DELETE, asked, None)]
    assert kafka.mirror.names() == set() and kafka.mirror.whole() == []


def test_only_what_stands_there_is_written():
    kafka = Written()
    kafka.make(partition([1, 2, 3]))
    assert kafka.put("partitions", f"{ID}:0", partition([1, 2, 3], 2, 1, [2, 3])).seen() == [(PUT, f"{P}/0/state", state(2, 1, [2, 3]))]
    assert kafka.put("partitions", f"{ID}:0", {**partition([1, 2, 3], 2, 1, [2, 3]), "partition_epoch": 9, "elr": [1]}).seen() == []
    assert kafka.put("partitions", f"{ID}:0", partition([4, 1, 2, 3], 2, 1, [2, 3], [4], [1])).seen() == [
        (PUT, T, assignment({"0": [4]}, {"0": [1]}, p0=[4, 1, 2, 3])),
    ]
    assert kafka.put("quorum", "directory_id", "x").put("clock", "now", 1).seen() == []


def test_what_is_set_is_announced():
    kafka = Written()
    kafka.make(partition([1]))
    changed = {"version": 2, "entity_path": "topics/t"}
    change = "/config/changes/config_change_"
    assert kafka.put("topic_configs", "t", {"a": "b"}).seen() == [
        (PUT, "/config/topics/t", {"version": 1, "config": {"a": "b"}}), (APPEND, change, changed)]
    kafka.metadata.table("topic_configs").remove("t")
    assert kafka.seen() == [(PUT, "/config/topics/t", {"version": 1, "config": {}}), (APPEND, change, changed)]
    assert [path for _, path, _ in kafka.put("broker_configs", "", {}).put("broker_configs", "2", {}).seen()] == [
        "/config/brokers/<default>", change, "/config/brokers/2", change]
    entity = (("user", "a b"), ("client-id", None))
    assert kafka.put("client_quotas", repr(entity), {"entity": entity, "values": {"producer_byte_rate": 1024.0, "request_percentage": 0.5}}).seen() == [
        (PUT, "/config/users/a%20b/clients/<default>", {"version": 1, "config": {"producer_byte_rate": "1024", "request_percentage": "0.5"}}),
        (APPEND, change, {"version": 2, "entity_path": "users/a%20b/clients/<default>"}),
    ]  # fmt: skip
    quota = (("user", "bob"),)
    kafka.put("client_quotas", repr(quota), {"entity": quota, "values": {"consumer_byte_rate": 9.0}}).seen()
    written, _ = kafka.put("scram_credentials", "1 bob", ["c2FsdA==", "c3RvcmVk", "c2VydmVy", 4096]).seen()
    assert written == (PUT, "/config/users/bob", {"version": 1, "config": {
        "SCRAM-SHA-256": "salt=c2FsdA==,stored_key=c3RvcmVk,server_key=c2VydmVy,iterations=4096", "consumer_byte_rate": "9"}})
    assert kafka.put("producer_ids", "next_block", 2000).seen() == [
        (PUT, "/latest_producer_id_block", {"version": 1, "broker": 7, "block_start": "1000", "block_end": "1999"})]


def everything():
    kafka = Written()
    with kafka.metadata:
        kafka.put("topics", ID, "t").put("partitions", f"{ID}:0", partition([1, 2], 2, 3, [2], [1]))
        kafka.put("topic_configs", "t", {"retention.ms": "1000"})
        kafka.put("broker_configs", "", {"log.cleaner.threads": "2"}).put("broker_configs", "2", {"log.cleaner.threads": "3"})
        for entity in ((("user", None), ("client-id", "a/b")), (("ip", "127.0.0.1"),), (("client-id", "x"),), (("user", "bob"),)):
            kafka.put("client_quotas", repr(entity), {"entity": entity, "values": {"producer_byte_rate": 1.5}})
        kafka.put("scram_credentials", "2 bob", ["c2FsdA==", "c3RvcmVk", "c2VydmVy", 4096]).put("producer_ids", "next_block", 3000)
    return kafka


def test_what_was_written_comes_back():
    kafka = everything()
    tree = {write.path: write.data for write in kafka.mirror.whole()}
    found = {}
    for table, key, value in restore.topics(tree, (1, 2), Random(1)) + restore.settings(tree):
        found.setdefault(table, {})[key] = value
    for table, values in found.items():
        wanted = dict(kafka.metadata.table(table).items())
        if table == "partitions":  # nobody leads it before brokers are there
            wanted = {key: {**value, "leader": -1} for key, value in wanted.items()}
        assert values == wanted, table
    assert set(found) == {"topics", "partitions", "topic_configs", "broker_configs", "client_quotas", "scram_credentials", "producer_ids"}


def test_who_wrote_it_is_no_matter():
    mine, theirs = (znodes.state(partition([1, 2]), epoch) for epoch in (3, 4))
    assert same("/x", mine, theirs) and not same("/x", mine, znodes.state(partition([1, 2], 2, 1), 3))
    assert not same("/x", mine, b"nonsense") and same("/x", None, b"anything")


@pytest.mark.parametrize("data", [
    b"", b"[]", b"{}", b'{"partitions":{}}', b'{"partitions":{"1":[1]}}', b'{"partitions":{"0":[]}}', b'{"partitions":{"0":["a"]}}',
    b'{"partitions":{"x":[1]}}', b'{"partitions":[1]}', b'{"partitions":{"0":1}}', b"\xff", b"[" * 100_000, b'{"partitions":{"0":[null]}}',
])
def test_topics_that_make_no_sense_are_left_out(data, caplog):
    assert restore.topics({T: data}, (1,), Random(1)) == [] and T in caplog.text


def test_what_makes_no_sense_otherwise_is_left_out(caplog):
    good = znodes.topic(ID, {0: partition([1])})
    for state in (b"", b"{}", b'{"leader":1,"leader_epoch":99999999999,"isr":[1]}', b'{"leader":1,"leader_epoch":0,"isr":7}'):
        assert restore.topics({T: good, f"{P}/0/state": state}, (1,), Random(1)) == []
    assert restore.topics({"/brokers/topics/a b": good}, (1,), Random(1)) == []
    tree = {"/config/brokers/1": b'{"version":1,"config":{"log.cleaner.threads":"many"}}', "/config/users/x": b"{}",
            "/config/ips/y": b'{"version":1,"config":{"a":"-1","b":"soon"}}', "/latest_producer_id_block": b"x",
            "/config/users/z": b'{"version":1,"config":{"SCRAM-SHA-256":"salt=?"}}'}

    def check(overrides):
        raise ValueError("no")
    assert restore.settings(tree, check) == []


def test_a_topic_of_a_tool_that_knows_no_ids_gets_one():
    [(_, topic_id, name), (_, key, found)] = restore.topics({T: b'{"version":1,"partitions":{"0":[2,1]}}'}, (1, 2), Random(1))
    assert len(topic_id) == 22 and name == "t" and key == f"{topic_id}:0"
    assert (found["leader"], found["leader_epoch"], found["isr"]) == (-1, -1, [2, 1])
