"""Brokers over the control socket: how each does, and what is done to one.

GET /brokers                  brokers: id, rack, address, state (running, frozen, stopped, killed, split), fenced, leaders, replicas,
                              in_sync (of its replicas), lag (records that its followers' logs lack), controller
POST /brokers/ID/ACTION       kill, stop, start, freeze, thaw, split, mend; pause, resume and slow (takes delay_ms) its replication;
                              answers with that broker as GET /brokers does
"""

from emulator.apps.addresses import reached_at
from emulator.apps.control.asked import REQUIRED, read
from emulator.apps.errors import UsageError
from emulator.runtime.broker import WrongState

_OF_BROKER = ("kill", "stop", "start", "freeze", "thaw", "split", "mend")
_OF_REPLICATION = ("pause", "resume", "slow")
ACTIONS = _OF_BROKER + _OF_REPLICATION
_LONGEST_MS = 3_600_000


def show(server):
    return {"brokers": [_shown(broker, server.cluster) for broker in server.brokers.values()]}


def act(server, broker_id, action, asked=None):
    arguments = read(asked or {}, delay_ms=(int, REQUIRED)) if action == "slow" else read(asked or {}) or ()
    broker = server.brokers.get(int(broker_id)) if broker_id.isascii() and broker_id.isdigit() and len(broker_id) < 10 else None
    if broker is None:
        raise UsageError(f"no broker {broker_id}; there are {', '.join(map(str, server.brokers))}")
    try:
        if action in _OF_BROKER:
            getattr(broker, action)()
        else:
            _replicate(server.services["replication"], action, broker.id, *arguments)
    except WrongState as error:
        raise UsageError(str(error)) from None
    return _shown(broker, server.cluster)


def _replicate(replication, action, broker_id, *delay_ms):
    if delay_ms and not 0 <= delay_ms[0] <= _LONGEST_MS:
        raise UsageError(f"delay_ms {delay_ms[0]}: expected 0 to {_LONGEST_MS}")
    getattr(replication, action)(broker_id, *delay_ms)


def _shown(broker, cluster):
    partitions = [one for topic in cluster.topics.values() for one in topic.partitions if broker.id in one.replicas]
    return {
        "id": broker.id,
        "rack": broker.settings.broker_rack,
        "address": reached_at(broker),
        "state": "split" if broker.is_split and broker.state == "running" else broker.state,
        "fenced": cluster.brokers[broker.id].fenced if broker.id in cluster.brokers else True,
        "controller": cluster.controller_id == broker.id,
        "leaders": sum(one.leader == broker.id for one in partitions),
        "replicas": len(partitions),
        "in_sync": sum(broker.id in one.isr for one in partitions),
        "lag": sum(max(one.log.end_offset - one.logs[broker.id].end_offset, 0) for one in partitions if broker.id in one.logs),
    }
