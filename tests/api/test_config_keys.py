"""Every key that config.yaml shows does what it says: set to something else, a client notices.

Where another test sets a key and sees what comes of it, ELSEWHERE names its file.
"""

import re
import socket
import time
from pathlib import Path

import pytest

from tests.api.test_configs import describe
from tests.api.test_data import batch, fetch, list_offset, produce, until
from tests.api.test_topics import new, outcome
from tests.in_thread import serving
from tests.wire_client import WireClient
from wire.apis.groups import JoinGroup
from wire.apis.metadata import FindCoordinator, Metadata
from wire.apis.topics import CreateTopics, DeleteTopics
from wire.apis.transactions import InitProducerId
from wire.errors import Error
from wire.records import read_header

ROOT = Path(__file__).resolve().parents[2]

ELSEWHERE = {
    "faults": ("tests/apps/test_faults.py", "faults:"),
    "control.listen": ("tests/apps/test_control_api.py", "control.listen"),
    "control.hosts": ("tests/apps/test_control_token.py", "control.hosts"),
    "metrics.listen": ("tests/apps/test_control_token.py", "metrics.listen"),
    "scram.users": ("tests/apps/test_scram_users.py", "scram.users"),
    "sasl.enabled.mechanisms": ("tests/api/conftest.py", "sasl_enabled_mechanisms"),
    "listener.name.inside.plain.sasl.jaas.config": ("tests/state/sasl/test_mechanisms.py", "listener_name_inside_plain_sasl_jaas_config"),
    "ssl.keystore.type": ("tests/runtime/tls/test_context.py", "ssl_keystore_type"),
    "ssl.keystore.location": ("tests/runtime/tls/test_context.py", "ssl_keystore_location"),
    "brokers": ("tests/apps/test_brokers.py", "brokers: 3"),
    "racks": ("tests/apps/test_brokers.py", "racks: [x, y, z]"),
    "zookeeper.connect": ("tests/runtime/registration/test_registration.py", "zookeeper.connect"),
    "clock": ("tests/apps/test_clock.py", "clock: virtual"),
    "as.version": ("tests/compat/test_as_version.py", "as_version"),
    "seed": ("tests/apps/test_determinism.py", "--seed"),
    "log.memory.max.bytes": ("tests/apps/test_memory.py", "log.memory.max.bytes"),
    "log.dirs": ("tests/apps/test_data_dir.py", "log.dirs"),
    "log.segment.delete.delay.ms": ("tests/apps/test_data_dir.py", "log.segment.delete.delay.ms"),
    "authorizer.class.name": ("tests/api/conftest.py", "authorizer_class_name"),
    "allow.everyone.if.no.acl.found": ("tests/api/test_authorization.py", "allow_everyone_if_no_acl_found"),
    "super.users": ("tests/runtime/test_admin_restart.py", "super_users"),
    "controller.quota.window.num": ("tests/state/quotas/test_managers.py", "controller_quota_window_num"),
    "controller.quota.window.size.seconds": ("tests/state/quotas/test_managers.py", "controller_quota_window_size_seconds"),
    "metric.reporters": ("tests/api/test_telemetry.py", "metric_reporters"),
    "telemetry.max.bytes": ("tests/api/test_telemetry.py", "telemetry_max_bytes"),
    "offsets.retention.minutes": ("tests/state/transactions/test_offsets.py", "offsets_retention_minutes"),
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": (
        "tests/state/transactions/test_coordinator.py", "transaction_abort_timed_out_transaction_cleanup_interval_ms"),
}  # fmt: skip
# What they change takes days, or a crash, to be seen: here they are only shown as set.
LONG_TO_SEE = {
    "transactional.id.expiration.ms": "1000", "quota.window.num": "5", "quota.window.size.seconds": "2", "num.recovery.threads.per.data.dir": "4",
    "log.flush.scheduler.interval.ms": "1000", "log.flush.offset.checkpoint.interval.ms": "1000",
    "log.flush.start.offset.checkpoint.interval.ms": "1000", "replica.high.watermark.checkpoint.interval.ms": "1000",
}  # fmt: skip


def shown():
    return set(re.findall(r"^(?:# )?([a-z][a-z.]+): ", (ROOT / "config.yaml").read_text(), re.MULTILINE))


def name_of(error_code):
    return Error(error_code).name


def make(client, name="t", partitions=1, factor=1, **configs):
    (made,) = client.call(CreateTopics, 7, topics=[new(name, partitions, factor, configs=list(configs.items()))]).topics
    return outcome(made)


def topic(client, name):
    (found,) = client.call(Metadata, 12, topics=[Metadata.Request.Topics(name=name)], allow_auto_topic_creation=True).topics
    return found


def coordinator(client, kind=0):
    return client.call(FindCoordinator, 3, key="k", key_type=kind)


def join(client, timeout_ms=10_000):
    """(error, milliseconds it took) of the first member of a group."""
    Protocol = JoinGroup.Request.Protocols
    until(lambda: coordinator(client).error_code == 0)
    fields = dict(
        group_id="g", session_timeout_ms=timeout_ms, rebalance_timeout_ms=timeout_ms, member_id="", protocol_type="consumer",
        protocols=[Protocol(name="range", metadata=b"")],
    )  # fmt: skip
    began = time.monotonic()
    answer = client.call(JoinGroup, 3, **fields)
    return name_of(answer.error_code), (time.monotonic() - began) * 1000


PROBES = {}


def probe(key, value, **others):
    """Register a function (client, server) that asserts what `key` = `value` makes of a server."""

    def register(function):
        PROBES[key] = {key: value, **others}, function
        return function

    return register


@probe("listeners", "A://127.0.0.1:0,B://127.0.0.1:0", **{"listener.security.protocol.map": "A:PLAINTEXT,B:PLAINTEXT"})
def _(client, server):
    assert [name for name, _, _ in server.bound] == ["A", "B"]
    with WireClient(f"127.0.0.1:{server.bound[1][2]}") as other:
        assert other.call(Metadata, 12, topics=[]).brokers[0].port == server.bound[1][2]


@probe("listener.security.protocol.map", "INSIDE:PLAINTEXT", listeners="INSIDE://127.0.0.1:0")
def _(client, server):
    assert server.bound[0][0] == "INSIDE"


@probe("advertised.listeners", "PLAINTEXT://kafka.example:1234")
def _(client, server):
    assert [(one.host, one.port) for one in client.call(Metadata, 12, topics=[]).brokers] == [("kafka.example", 1234)]


@probe("node.id", "7")
def _(client, server):
    assert [one.node_id for one in client.call(Metadata, 12, topics=[]).brokers] == [7]


@probe("broker.rack", "here")
def _(client, server):
    assert [one.rack for one in client.call(Metadata, 12, topics=[]).brokers] == ["here"]


@probe("num.partitions", "3")
def _(client, server):
    make(client, partitions=-1)
    assert len(topic(client, "t").partitions) == 3


@probe("auto.create.topics.enable", "false")
def _(client, server):
    topic(client, "asked-for")
    assert client.call(Metadata, 12, topics=None).topics == []


@probe("delete.topic.enable", "false")
def _(client, server):
    make(client)
    (answer,) = client.call(DeleteTopics, 5, topic_names=["t"], timeout_ms=1000).responses
    assert name_of(answer.error_code) == "TOPIC_DELETION_DISABLED"


@probe("default.replication.factor", "2")
def _(client, server):
    assert make(client, factor=-1)[0] == "INVALID_REPLICATION_FACTOR"


@probe("min.insync.replicas", "2")
def _(client, server):
    make(client)
    (one,) = describe(client, 2, "t", ["min.insync.replicas"]).configs
    assert one.value == "2"


@probe("socket.request.max.bytes", "1000")
def _(client, server):
    make(client)
    with pytest.raises(ConnectionError):
        produce(client, "t", batch(b"x" * 2000))


@probe("connections.max.idle.ms", "200")
def _(client, server):
    host, _, port = server.bootstrap.rpartition(":")
    with socket.create_connection((host, int(port)), 10) as idle:
        assert idle.recv(1) == b""


@probe("message.max.bytes", "500")
def _(client, server):
    make(client)
    assert name_of(produce(client, "t", batch(b"x" * 1000)).error_code) == "MESSAGE_TOO_LARGE"


@probe("fetch.max.bytes", "1024")
def _(client, server):
    make(client)
    one = batch(b"x" * 800)
    produce(client, "t", one)
    produce(client, "t", one)
    assert len(fetch(client, "t", 0).records) == 1024  # cut in the second, as Kafka does


@probe("compression.type", "gzip")
def _(client, server):
    make(client)
    produce(client, "t", batch(b"x" * 800))
    assert read_header(fetch(client, "t", 0).records).attributes & 7 == 1


@probe("log.flush.interval.messages", "7")
def _(client, server):
    make(client)
    (one,) = describe(client, 2, "t", ["flush.messages"]).configs
    assert one.value == "7"


@probe("log.message.timestamp.type", "LogAppendTime")
def _(client, server):
    make(client)
    assert produce(client, "t", batch(b"x")).log_append_time_ms > 0


def fill(client, **options):
    """Three batches, of which the first alone is more than half a segment of a megabyte."""
    make(client)
    for _ in range(3):
        assert produce(client, "t", batch(b"x" * 700_000, **options)).error_code == 0


def start(client):
    return list_offset(client, "t", -2)[1]


AT_ONCE = {"log.initial.task.delay.ms": "0"}
SOON = {**AT_ONCE, "log.retention.check.interval.ms": "20", "log.segment.bytes": "1048576"}


@probe("log.retention.bytes", "1", **SOON)
def _(client, server):
    fill(client)
    until(lambda: start(client) > 0)


@probe("log.segment.bytes", "1048576", **AT_ONCE, **{"log.retention.bytes": "800000", "log.retention.check.interval.ms": "20"})
def _(client, server):
    fill(client)
    until(lambda: start(client) > 0)  # only whole segments go


@probe("log.retention.check.interval.ms", "20", **AT_ONCE, **{"log.retention.bytes": "1", "log.segment.bytes": "1048576"})
def _(client, server):
    fill(client)
    until(lambda: start(client) > 0)  # long before five minutes have gone by


@probe("log.retention.hours", "1", **SOON)
def _(client, server):
    fill(client, now=1_700_000_000_000)  # years back
    until(lambda: start(client) > 0)


@probe("group.initial.rebalance.delay.ms", "300")
def _(client, server):
    error, took = join(client)
    assert error == "NONE" and took >= 300


@probe("group.min.session.timeout.ms", "20000")
def _(client, server):
    assert join(client)[0] == "INVALID_SESSION_TIMEOUT"


@probe("group.max.session.timeout.ms", "9000")
def _(client, server):
    assert join(client)[0] == "INVALID_SESSION_TIMEOUT"


@probe("offsets.topic.num.partitions", "3")
def _(client, server):
    until(lambda: coordinator(client).error_code == 0)
    assert len(topic(client, "__consumer_offsets").partitions) == 3


@probe("offsets.topic.replication.factor", "3")
def _(client, server):
    for _ in range(5):
        assert name_of(coordinator(client).error_code) == "COORDINATOR_NOT_AVAILABLE"


@probe("transaction.state.log.num.partitions", "3")
def _(client, server):
    until(lambda: coordinator(client, 1).error_code == 0)
    assert len(topic(client, "__transaction_state").partitions) == 3


@probe("transaction.state.log.replication.factor", "3")
def _(client, server):
    for _ in range(5):
        assert name_of(coordinator(client, 1).error_code) == "COORDINATOR_NOT_AVAILABLE"


@probe("transaction.state.log.min.isr", "2")
def _(client, server):
    until(lambda: coordinator(client, 1).error_code == 0)
    (one,) = describe(client, 2, "__transaction_state", ["min.insync.replicas"]).configs
    assert one.value == "2"


@probe("transaction.max.timeout.ms", "1000")
def _(client, server):
    until(lambda: coordinator(client, 1).error_code == 0)
    answer = client.call(InitProducerId, 4, transactional_id="k", transaction_timeout_ms=60_000, producer_id=-1, producer_epoch=-1)
    assert name_of(answer.error_code) == "INVALID_TRANSACTION_TIMEOUT"


@pytest.mark.parametrize("key", sorted(PROBES))
def test_a_key_does_what_it_says(key):
    settings, look = PROBES[key]
    with serving(**{name.replace(".", "_"): value for name, value in settings.items()}) as server, WireClient(server.bootstrap) as client:
        look(client, server)


def test_what_takes_long_to_see_is_shown_as_set():
    with serving(**{name.replace(".", "_"): value for name, value in LONG_TO_SEE.items()}) as server, WireClient(server.bootstrap) as client:
        found = {one.name: (one.value, one.config_source) for one in describe(client, 4, "1", list(LONG_TO_SEE)).configs}
    assert found == {name: (value, 4) for name, value in LONG_TO_SEE.items()}


def test_every_key_that_is_shown_is_set_somewhere():
    assert shown() == PROBES.keys() | ELSEWHERE.keys() | LONG_TO_SEE.keys()
    for key, (path, said) in ELSEWHERE.items():
        assert said in (ROOT / path).read_text(), (key, path)
