"""Who asks: in faults and the history of requests, at every broker, after a restart."""

import pytest

from emulator import Emulator
from tests.api.conftest import GUARDED, USERS
from tests.api.test_acls import acl, create, delete
from tests.wire_client import WireClient
from wire import errors
from wire.apis.data import DeleteRecords
from wire.apis.groups import Heartbeat
from wire.apis.metadata import ApiVersions

CONFIG = {name.replace("_", "."): text for name, text in GUARDED.items()}


def test_a_fault_is_for_one_user_and_the_history_says_who_asked():
    with Emulator(config=CONFIG) as kafka, WireClient(kafka.bootstrap) as admin, WireClient(kafka.bootstrap) as bob:
        admin.log_in("admin", USERS["admin"])
        bob.log_in("bob", USERS["bob"])
        fault = kafka.fail("ApiVersions", principal="User:b*", error="BROKER_NOT_AVAILABLE")
        assert bob.call(ApiVersions, 0).error_code == errors.BROKER_NOT_AVAILABLE
        assert admin.call(ApiVersions, 0).error_code == errors.NONE
        assert fault.hits == 1
        kafka.fail("Heartbeat", principal="User:admin", error="REBALANCE_IN_PROGRESS")
        asked = dict(group_id="g", member_id="m", generation_id=1)
        assert bob.call(Heartbeat, 4, **asked).error_code == errors.GROUP_AUTHORIZATION_FAILED
        assert admin.call(Heartbeat, 4, **asked).error_code == errors.REBALANCE_IN_PROGRESS
        assert [(one.api, one.principal) for one in kafka.requests()] == [
            *[("SaslHandshake", "User:ANONYMOUS"), ("SaslAuthenticate", "User:ANONYMOUS")] * 2,
            ("ApiVersions", "User:bob"), ("ApiVersions", "User:admin"), ("Heartbeat", "User:bob"), ("Heartbeat", "User:admin"),
        ]  # fmt: skip


def may_delete(address, user="alice"):
    asked = DeleteRecords.Request.Topics(name="t", partitions=[DeleteRecords.Request.Topics.Partitions(partition_index=0, offset=0)])
    with WireClient(address) as client:
        answer = client.log_in(user, USERS[user]).call(DeleteRecords, 2, timeout_ms=1000, topics=[asked])
    return answer.topics[0].partitions[0].error_code != errors.TOPIC_AUTHORIZATION_FAILED


def test_rights_are_the_same_at_every_broker_also_at_one_that_was_away():
    with Emulator(config=CONFIG, brokers=2, topics=["t"]) as kafka:
        addresses = [broker.address for broker in kafka.brokers.values()]
        with WireClient(addresses[0]) as admin:
            admin.log_in("admin", USERS["admin"])
            assert [may_delete(one) for one in addresses] == [False, False]
            create(admin, acl("t", operation=6))
            assert [may_delete(one) for one in addresses] == [True, True]
            kafka.brokers[2].kill()
            delete(admin, {"name": "t"})
            kafka.brokers[2].start()
            assert [may_delete(one) for one in addresses] == [False, False]


@pytest.mark.parametrize("allowed", [True, False])
def test_rights_outlive_a_restart(tmp_path, allowed):
    with Emulator(config=CONFIG, data_dir=tmp_path, topics=["t"]) as kafka, WireClient(kafka.bootstrap) as admin:
        admin.log_in("admin", USERS["admin"])
        create(admin, acl("t", operation=6))
        if not allowed:
            create(admin, acl("*", operation=2, permission=2, principal="User:*"))
        assert may_delete(kafka.bootstrap) == allowed
    with Emulator(config=CONFIG, data_dir=tmp_path) as kafka:
        assert may_delete(kafka.bootstrap) == allowed
        assert may_delete(kafka.bootstrap, "admin")
