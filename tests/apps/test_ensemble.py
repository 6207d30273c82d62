"""What is made of a ZooKeeper server's words."""

import pytest

from emulator.apps.zookeeper.ensemble import Told, told_by

SRVR = "Zookeeper version: 3.8.4\nLatency min/avg/max: 0/0.0/0\nZxid: 0x300000007\nMode: {}\nNode count: 5\n"


@pytest.mark.parametrize("srvr, mntr, told", [
    (None, None, Told("down")),
    ("This ZooKeeper instance is not currently serving requests\n", None, Told("no quorum")),
    (SRVR.format("follower"), "mntr is not executed because it is not in the whitelist.\n", Told("follower", 3, "0x300000007")),
    (SRVR.format("leader"), "zk_synced_followers\t2\nzk_epoch\t4\nzk_last_tick_ms\t17\n", Told("leader", 4, "0x300000007", 3, 17)),
    (SRVR.format("leader"), "zk_synced_followers\t2.0\n", Told("leader", 3, "0x300000007", 3)),
    ("Mode: odd\nZxid: none\n", "zk_synced_followers\tmany\n", Told("odd", None, "none")),
])  # fmt: skip
def test_words(srvr, mntr, told):
    assert told_by({"srvr": srvr, "mntr": mntr}.get) == told
