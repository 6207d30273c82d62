"""Requests that change the cluster, while it is registered in ZooKeeper: they wait for a controller, and for what it writes there."""

from emulator.pipeline.layers import QUOTAS
from wire.apis.configs import AlterConfigs, IncrementalAlterConfigs
from wire.apis.quotas import AlterClientQuotas
from wire.apis.sasl import AlterUserScramCredentials
from wire.apis.topics import AlterPartitionReassignments, CreatePartitions, CreateTopics, DeleteTopics, ElectLeaders
from wire.errors import REQUEST_TIMED_OUT, KafkaError

_LONGEST_MS = 30_000  # request.timeout.ms of clients, who do not wait for longer
_CHANGING = frozenset((
    AlterClientQuotas, AlterConfigs, AlterPartitionReassignments, AlterUserScramCredentials, CreatePartitions, CreateTopics, DeleteTopics,
    ElectLeaders, IncrementalAlterConfigs,
))  # fmt: skip


class Settled:
    """Beside what else is to last (`beside`, a Lasting or None) what changes is to be in ZooKeeper. See Dispatcher."""

    def __init__(self, registry, beside):
        self._registry = registry
        self._beside = beside

    def changes(self):
        return self._registry.writer.accepted, self._beside and self._beside.changes()

    def settle(self, before):
        if self._beside is not None and self._beside.changes() != before[1]:
            self._beside.settle(before[1])
        if self._registry.writer.accepted != before[0] and not self._registry.settle_within(_LONGEST_MS):
            raise KafkaError(REQUEST_TIMED_OUT, "ZooKeeper has not taken the change in time")


class Governed:
    """A layer: without a controller nothing is changed. Who asks for it waits, as with Kafka 3.9.1, and may be too late then."""

    order = QUOTAS - 10

    def __init__(self, registry):
        self._registry = registry

    def wants(self, api, version):
        return api in _CHANGING

    def wrap(self, route):
        handle, registry = route.handle, self._registry

        def handle_when_governed(request, call):
            registry.wait_governed(_LONGEST_MS)
            return handle(request, call)

        route.handle = handle_when_governed
