"""Brokers: how each does, and what is done to one."""

from emulator.apps.addresses import reached_at
from emulator.apps.control.schema import flag, many, number, or_null, text, thing
from emulator.apps.control.table import Conflict, NotThere, Route
from emulator.runtime.broker import WrongState

_LONGEST_MS = 3_600_000
_OF_BROKER = {
    "kill": "gone at once, as after kill -9: its connections are reset, others lead what it led",
    "stop": "a controlled shutdown: others lead first",
    "start": "again, after kill or stop",
    "freeze": "clients are accepted and never answered; it is given up after broker.session.timeout.ms",
    "thaw": "after freeze: it goes on, and answers what was asked meanwhile",
    "split": "clients cannot reach it any more, other brokers can",
    "mend": "after split: clients can again",
}
_OF_REPLICATION = {
    "pause": "it follows its leaders no more",
    "resume": "after pause",
    "slow": "it waits so long before each round of fetches from its leaders",
}

_BROKER = thing(
    id=number("its node id"),
    rack=or_null(text("broker.rack")),
    address=text("HOST:PORT of its first listener"),
    state=text("of its process", enum=["running", "frozen", "stopped", "killed", "split"]),
    fenced=flag("whether the controller has given it up"),
    controller=flag("whether it is the controller"),
    leaders=number("partitions that it leads"),
    replicas=number("partitions that it has"),
    in_sync=number("of its replicas"),
    lag=number("records that its logs lack"),
)


def show(server, asked):
    return {"brokers": [_shown(broker, server.cluster) for broker in server.brokers.values()]}


def broker_of(server, asked):
    """The BrokerServer that is meant. Raises NotThere."""
    broker = server.brokers.get(asked["broker"])
    if broker is None:
        raise NotThere(f"no broker {asked['broker']}; there are {', '.join(map(str, server.brokers))}")
    return broker


def _do(action):
    def act(server, asked):
        broker = broker_of(server, asked)
        try:
            if action in _OF_BROKER:
                getattr(broker, action)()
            else:
                arguments = [asked["delay_ms"]] if action == "slow" else []
                getattr(server.services["replication"], action)(broker.id, *arguments)
        except WrongState as error:
            raise Conflict(str(error)) from None
        return _shown(broker, server.cluster)

    return act


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


_ID = number("its node id")


def _fields(action):
    return {"broker": _ID, "delay_ms": number("milliseconds; 0: as fast as it can", minimum=0, maximum=_LONGEST_MS)} if action == "slow" else {"broker": _ID}


ROUTES = (
    Route("GET", "/brokers", show, "all brokers: what each leads and how it does", answer=thing(brokers=many(_BROKER, "by id"))),
    *(Route("POST", f"/brokers/{{broker}}/{action}", _do(action), about, _fields(action), _BROKER)
      for action, about in {**_OF_BROKER, **_OF_REPLICATION}.items()),
)  # fmt: skip
