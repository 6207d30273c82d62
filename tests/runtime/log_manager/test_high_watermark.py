"""How far consumers may read is written down: after a restart what a leader alone has waits for its followers again."""

from random import Random

import pytest

from emulator.runtime.log_manager import manager
from emulator.runtime.log_manager.checkpoint import HIGH_WATERMARK, read_offsets
from emulator.state.clock import VirtualClock
from emulator.state.cluster.ids import uuid_text
from emulator.state.configs import Configs
from emulator.state.configs.broker import parse_broker_settings
from wire.records import Record, build_batch


class Topic:
    name, topic_id = "t", bytes(15) + b"t"


class Followers:
    """They have two records, and no more."""

    def grown(self, log):
        log.advance_high_watermark(2)


def opened(path, several, patience):
    settings = parse_broker_settings({"log.dirs": str(path / "broker-1")})
    logs, configs = manager.LogManager(settings, patience, patience, Random(1), journal_at=str(path) if several else None), Configs(settings)
    logs.open(configs)
    logs.metadata.table("topics").put(uuid_text(Topic.topic_id), Topic.name)
    logs.metadata.table("partitions").put(f"{uuid_text(Topic.topic_id)}:0", {"replicas": [settings.node_id]})
    return logs, logs.new_log(Topic, 0, configs.preview({}), settings.node_id)


@pytest.mark.parametrize("several, found", [(True, 2), (False, 5)])
def test_it_is_found_again(tmp_path, several, found):
    (tmp_path / "broker-1").mkdir()
    patience = VirtualClock()
    logs, log = opened(tmp_path, several, patience)
    log.replication = Followers()
    for _ in range(5):
        log.append(log.check(build_batch([Record(0, 0, None, b"v", ())]), 0), 0, 0)
    assert (log.high_watermark, log.end_offset) == (2, 5)
    logs.close()
    assert read_offsets(tmp_path / "broker-1" / HIGH_WATERMARK) == {("t", 0): 2}

    logs, log = opened(tmp_path, several, patience)
    try:
        assert (log.high_watermark, log.end_offset) == (found, 5)
    finally:
        logs.close()
