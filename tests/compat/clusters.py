"""Clusters of three brokers, as `servers.py` has single servers: of the emulator, and of real Kafka beside a controller.

Both have `addresses` ({broker id: "host:port"}), `bootstrap`, and `kill`, `stop`, `start`, `freeze`, `thaw` by broker id.
"""
import base64
import contextlib
import signal
import subprocess
import sys
import time
import uuid

from servers import BIN, HERE, answers, free_ports, stop

from emulator.apps.control.client import ask

COUNT = 3
CONTROLLER = 100
RACKS = "abc"
INTERNAL = {"offsets.topic.replication.factor": 3, "transaction.state.log.replication.factor": 3, "transaction.state.log.min.isr": 2,
            "share.coordinator.state.topic.replication.factor": 3, "share.coordinator.state.topic.min.isr": 2}  # fmt: skip


class Cluster:
    """`addresses` of its brokers, by id; `startup`: seconds until all of them answered; `pids` of its processes."""

    def __init__(self):
        self.addresses = {}
        self.startup = None

    @property
    def bootstrap(self):
        return ",".join(self.addresses.values())


class EmulatedCluster(Cluster):
    def __init__(self, directory, settings):
        super().__init__()
        (directory / "config.yaml").write_text("".join(f"{name}: '{value}'\n" for name, value in settings.items()))
        self._control = str(directory / "control.sock")
        command = [sys.executable, "-m", "emulator", "--brokers", str(COUNT), "--racks", ",".join(RACKS), "--listen", "127.0.0.1:0",
                   "--config", str(directory / "config.yaml"), "--control", self._control, "--log-level", "info"]  # fmt: skip
        self.log = directory / "emulator.log"
        spawned = time.monotonic()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=HERE.parents[1])
        try:
            found = self.process.stdout.readline().strip().partition("=")[2]
            assert found, self.log.read_text()
            self.addresses = dict(enumerate(found.split(","), 1))
            self.startup = time.monotonic() - spawned
        except BaseException:
            self.close()
            raise

    @property
    def pids(self):
        return [self.process.pid]

    def close(self):
        stop(self.process)
        self.process.stdout.close()

    def kill(self, broker):
        self._do(broker, "kill")

    def stop(self, broker):
        self._do(broker, "stop")

    def start(self, broker):
        self._do(broker, "start")

    def freeze(self, broker):
        self._do(broker, "freeze")

    def thaw(self, broker):
        self._do(broker, "thaw")

    def _do(self, broker, what):
        ask(self._control, "POST", f"/brokers/{broker}/{what}", {})


class RealCluster(Cluster):
    def __init__(self, directory, settings):
        super().__init__()
        self._directory = directory
        quorum, *listeners = (f"127.0.0.1:{port}" for port in free_ports(1 + COUNT))
        self.addresses = dict(enumerate(listeners, 1))
        self._processes = {}
        common = {"controller.quorum.voters": f"{CONTROLLER}@{quorum}", "controller.listener.names": "CONTROLLER",
                  "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
                  "group.initial.rebalance.delay.ms": 0, **INTERNAL, **settings}  # fmt: skip
        self._write(CONTROLLER, {"process.roles": "controller", "listeners": f"CONTROLLER://{quorum}", **common})
        for broker, listener in self.addresses.items():
            own = {"process.roles": "broker", "listeners": f"PLAINTEXT://{listener}", "broker.rack": RACKS[broker - 1]}
            self._write(broker, {**own, **common})
        identity = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")
        try:
            for node in (CONTROLLER, *self.addresses):
                command = [BIN / "kafka-storage.sh", "format", "-t", identity, "-c", self._path(node)]
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            spawned = time.monotonic()
            for node in (CONTROLLER, *self.addresses):
                self._launch(node)
            self._wait(self.addresses)
            self.startup = time.monotonic() - spawned
        except BaseException:
            self.close()
            raise

    def _path(self, node):
        return self._directory / f"{node}.properties"

    def _write(self, node, properties):
        properties = {"node.id": node, "log.dirs": self._directory / f"data-{node}", **properties}
        self._path(node).write_text("".join(f"{name}={value}\n" for name, value in properties.items()))

    def _launch(self, node):
        with open(self._directory / f"{node}.log", "ab") as log:
            self._processes[node] = subprocess.Popen([BIN / "kafka-server-start.sh", self._path(node)], stdout=log, stderr=log)

    def _wait(self, brokers):
        deadline = time.monotonic() + 120
        for broker in brokers:
            while not answers(self.addresses[broker]):
                assert time.monotonic() < deadline, (self._directory / f"{broker}.log").read_text()[-4000:]
                time.sleep(0.1)

    @property
    def pids(self):
        return [process.pid for process in self._processes.values()]

    def close(self):
        for process in self._processes.values():
            process.kill()
        for process in self._processes.values():
            process.wait()

    def kill(self, broker):
        self._processes[broker].kill()
        self._processes[broker].wait()

    def stop(self, broker):
        stop(self._processes[broker])

    def start(self, broker):
        self._launch(broker)
        self._wait([broker])

    def freeze(self, broker):
        self._processes[broker].send_signal(signal.SIGSTOP)

    def thaw(self, broker):
        self._processes[broker].send_signal(signal.SIGCONT)


@contextlib.contextmanager
def cluster(directory, real=False, **settings):
    """Three brokers with `settings` (Kafka's names, dots as underscores); `real`: of Kafka, whose jars are started."""
    settings = {name.replace("_", "."): value for name, value in settings.items()}
    started = (RealCluster if real else EmulatedCluster)(directory, settings)
    with contextlib.closing(started):
        yield started
