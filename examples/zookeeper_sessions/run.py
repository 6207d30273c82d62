"""What Kafka had ZooKeeper for: who is in the cluster, who is its controller, and what an ensemble bears.

Needs `pip install confluent-kafka kazoo`; three ZooKeeper servers and two brokers are started here.
"""

import json
import logging
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Thread

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

from emulator import Emulator

FOREVER = {"max_tries": -1, "max_delay": 0.1}


def main():
    with tempfile.TemporaryDirectory() as folder, Ensemble(Path(folder)) as ensemble:
        config = {"zookeeper.connect": f"{ensemble.hosts}/kafka", "zookeeper.session.timeout.ms": 2000}
        with Emulator(brokers=2, config=config) as kafka:
            zookeeper = KazooClient(f"{ensemble.hosts}/kafka", timeout=10, connection_retry=FOREVER, command_retry=FOREVER)
            zookeeper.start()
            try:
                story(ensemble, kafka, Znodes(zookeeper))
            finally:
                zookeeper.stop()
                zookeeper.close()


def story(ensemble, kafka, znodes):
    print("Two brokers, registered in an ensemble of three ZooKeeper servers:")
    orders = Orders(kafka)
    orders.create("orders", [[2, 1]])
    znodes.show()

    print("\n1. A broker hangs")
    owner = znodes.owner("/brokers/ids/2")
    kafka.brokers[2].freeze()
    print("   broker 2 says nothing any more, and for a while nobody knows:")
    znodes.show()
    print(f"   after {ms(lambda: znodes.brokers() == [1])} its session is over, and what was the session's is gone:")
    until(lambda: znodes.state()["isr"] == [1])
    znodes.show()
    kafka.brokers[2].thaw()
    until(lambda: znodes.brokers() == [1, 2])
    until(lambda: len(znodes.state()["isr"]) == 2)
    print("   it goes on, is told that it has expired, and comes back:")
    znodes.show()
    print(f"   in {'the same' if znodes.owner('/brokers/ids/2') == owner else 'another'} session")

    print("\n2. The controller dies")
    kafka.brokers[1].kill()
    print("   broker 1 was killed; /controller is there as long as its session is:")
    znodes.show()
    print(f"   after {ms(lambda: znodes.controller() == 2)} broker 2 has it:")
    until(lambda: znodes.state()["leader"] == 2)
    znodes.show()
    orders.create("returns", [[2]])
    print(f"   and makes topics: /brokers/topics has {znodes.children('/brokers/topics')}")
    kafka.brokers[1].start()
    until(lambda: znodes.brokers() == [1, 2] and len(znodes.state()["isr"]) == 2)
    print("   broker 1 is started again:")
    znodes.show()

    print("\n3. The leader of the ensemble dies")
    owners = [znodes.owner(f"/brokers/ids/{broker}") for broker in (1, 2)]
    ensemble.kill(ensemble.leader())
    print(f"   after {ms(ensemble.leader)} the two that are left have another leader")
    time.sleep(2.5)  # longer than a session
    kept = owners == [znodes.owner(f"/brokers/ids/{broker}") for broker in (1, 2)]
    print(f"   the brokers' sessions are {'the same' if kept else 'others'}, for no session is of one server:")
    znodes.show()

    print("\n4. One more dies: there is no majority")
    ensemble.kill(ensemble.leader())
    print(f"   {orders.send(100)} orders are written meanwhile; brokers know who leads what")
    waiting = Thread(target=orders.create, args=("late", [[1, 2]]))
    waiting.start()
    waiting.join(1)
    print(f"   a topic is {'not made yet' if waiting.is_alive() else 'made'}: its controller cannot write that down")
    ensemble.start_all()
    waiting.join(30)
    print("   both are started again:")
    print(f"   /brokers/topics has {znodes.children('/brokers/topics')}")
    znodes.show()


class Ensemble:
    """Three servers, each a process."""

    def __init__(self, folder):
        self._folder, self._processes = folder, {}
        ports = free_ports(9)
        self._ports = dict(zip((1, 2, 3), ports[:3]))
        members = "".join(f"server.{sid}=127.0.0.1:{ports[2 + sid]}:{ports[5 + sid]}\n" for sid in self._ports)
        for sid, port in self._ports.items():
            data = folder / f"data-{sid}"
            data.mkdir()
            (data / "myid").write_text(str(sid))
            (folder / f"zoo-{sid}.cfg").write_text(
                f"tickTime=200\ninitLimit=20\nsyncLimit=10\ndataDir={data}\nclientPort={port}\n4lw.commands.whitelist=srvr\n{members}")
        self.hosts = ",".join(f"127.0.0.1:{port}" for port in self._ports.values())

    def __enter__(self):
        self.start_all()
        until(self.leader)
        return self

    def __exit__(self, *_):
        for sid in list(self._processes):
            self.kill(sid)

    def start_all(self):
        for sid in self._ports.keys() - self._processes.keys():
            with open(self._folder / "log", "ab") as log:
                command = [sys.executable, "-m", "emulator", "zookeeper", str(self._folder / f"zoo-{sid}.cfg")]
                self._processes[sid] = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self, sid):
        process = self._processes.pop(sid)
        process.kill()
        process.wait()

    def leader(self):
        """The id of the server that leads, None when nobody does."""
        return next((sid for sid in self._processes if "Mode: leader" in self._ask(sid)), None)

    def _ask(self, sid):
        try:
            with socket.create_connection(("127.0.0.1", self._ports[sid]), 5) as sock:
                sock.sendall(b"srvr")
                return sock.makefile().read()
        except OSError:
            return ""


class Znodes:
    def __init__(self, zookeeper):
        self._zookeeper = zookeeper

    def children(self, path):
        return sorted(self._zookeeper.retry(self._zookeeper.get_children, path))

    def brokers(self):
        return [int(name) for name in self.children("/brokers/ids")]

    def owner(self, path):
        return self._zookeeper.retry(self._zookeeper.get, path)[1].ephemeralOwner

    def read(self, path):
        return json.loads(self._zookeeper.retry(self._zookeeper.get, path)[0])

    def controller(self):
        try:
            return self.read("/controller")["brokerid"]
        except NoNodeError:
            return None

    def state(self):
        return self.read("/brokers/topics/orders/partitions/0/state")

    def show(self):
        state = self.state()
        print(f"   /brokers/ids {self.brokers()}, /controller {self.controller()}, /controller_epoch {self.read('/controller_epoch')}; "
              f"orders: leader {state['leader']}, epoch {state['leader_epoch']}, in sync {sorted(state['isr'])}")


class Orders:
    """Of a shop, written by its clients."""

    def __init__(self, kafka):
        self._admin = AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
        self._producer = Producer({"bootstrap.servers": kafka.bootstrap, "log_level": 0})

    def create(self, name, replicas):
        self._admin.create_topics([NewTopic(name, len(replicas), replica_assignment=replicas)])[name].result(30)

    def send(self, count):
        """How many of them are acknowledged."""
        acknowledged = []
        for number in range(count):
            self._producer.produce("orders", str(number), callback=lambda error, _: error or acknowledged.append(1))
        self._producer.flush(20)
        return len(acknowledged)


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def ms(condition):
    """How long it takes to come true, as text."""
    begun = time.monotonic()
    until(condition)
    return f"{(time.monotonic() - begun) * 1000:.0f} ms"


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not come true within 20 s")
        time.sleep(0.01)


if __name__ == "__main__":
    logging.getLogger("kazoo").setLevel(logging.CRITICAL)  # it would tell of each server that it cannot reach
    main()
