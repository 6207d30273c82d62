"""What a crash finds of a log that was cut below what is on disk."""

from random import Random

from emulator.runtime.log_manager import manager
from emulator.runtime.log_manager.checkpoint import RECOVERY_POINT, read_offsets
from emulator.state.clock import VirtualClock
from emulator.state.configs import Configs
from emulator.state.configs.broker import parse_broker_settings
from emulator.state.log.replica import truncate_to
from wire.records import Record, build_batch


class Topic:
    name, topic_id = "t", bytes(15) + b"t"


def test_its_recovery_point_goes_back_before_anything_else_is_written(tmp_path):
    settings = parse_broker_settings({"log.dirs": str(tmp_path)})
    logs, configs = manager.LogManager(settings, VirtualClock(), VirtualClock(), Random(1)), Configs(settings)
    try:
        logs.open(configs)
        log = logs.new_log(Topic, 0, configs.preview({}), settings.node_id)
        for _ in range(10):
            log.append(log.check(build_batch([Record(0, 0, None, b"v", ())]), 0), 0, 0)
        log.begin_flush()()
        log.end_flush()
        logs.checkpoint()
        assert read_offsets(tmp_path / RECOVERY_POINT) == {("t", 0): 9}
        truncate_to(log, 4)
        assert read_offsets(tmp_path / RECOVERY_POINT) == {("t", 0): log.recovery_point} == {("t", 0): 3}
    finally:
        logs.close()
