"""A cluster of brokers in the test's hand: what one leader appends, and what its followers have of it."""

from random import Random

from emulator.state.clock import VirtualClock
from emulator.state.cluster import Broker, Cluster, NewTopic
from emulator.state.configs import Configs, parse_broker_settings
from emulator.state.log import Log
from emulator.state.replication import Replication
from wire.records import Record, build_batch, iter_records


class Trace:
    def __init__(self, brokers=3, replicas=(1, 2, 3), **configs):
        self.patience = VirtualClock()
        self.time = VirtualClock()
        self.random = Random(7)
        settings = parse_broker_settings({})
        self.cluster = Cluster("id", [Broker(number + 1) for number in range(brokers)], Configs(settings), self._new_log, self.time, self.random)
        self.replication = Replication(self.cluster, self.patience)
        configs = tuple((name.replace("_", "."), str(value)) for name, value in configs.items())
        [topic] = self.cluster.create_topics([NewTopic("orders", -1, -1, ((0, list(replicas)),), configs)])
        self.partition = topic.partitions[0]
        self.turn()

    def _new_log(self, topic, index, config, broker_id):
        log = Log(f"{topic.name}-{index}", config, self.time, self.random)
        log.begin_epoch(0)
        return log

    def turn(self, ms=0):
        """Everybody does what is to be done now, and within `ms`."""
        self.patience.advance(ms)

    def append(self, *values):
        """Append a batch of `values` (bytes) at the leader; gives its base offset."""
        log = self.partition.log
        batch = build_batch([Record(number, 0, None, value) for number, value in enumerate(values)])
        return log.append(log.check(batch, 0), self.partition.leader_epoch, 0).base_offset

    def ends(self):
        """{broker: (log end, high watermark)}"""
        return {broker: (log.end_offset, log.high_watermark) for broker, log in sorted(self.partition.logs.items())}

    def values(self, broker):
        """All that a replica has."""
        return [record.value for _, batch in self.partition.logs[broker].batches() for record in iter_records(bytes(batch))]
