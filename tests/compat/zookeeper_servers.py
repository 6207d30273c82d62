"""ZooKeeper servers as processes: ours, and the real ones from their jar, in any mixture of one ensemble."""

import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
JARS = HERE / ".cache" / "zookeeper"
JVM = ["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]  # no compiled code to wait for, no archive to write
LOGBACK = """<configuration><appender name="C" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%d %p %c{1} %m%n</pattern>
</encoder></appender><root level="INFO"><appender-ref ref="C"/></root></configuration>"""


def ports(count):
    """Free ones that no outgoing connection takes meanwhile: below those that Linux gives to clients."""
    found = []
    while len(found) < count:
        port = random.randrange(10_000, 32_000)
        if port in found:
            continue
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
    return found


class Servers:
    """`kinds`: {id: "ours" or "real"}; `observers`: ids. One that stands alone has id 0.

    `settings` stand in zoo.cfg; `properties`, too, but a real server takes them from its JVM's command line only.
    """

    def __init__(self, directory, kinds, observers=(), tick_ms=500, properties=(), **settings):
        self.directory = Path(directory)
        self.kinds = kinds
        self._properties = [f"-D{key}={value}" for key, value in dict(properties).items()]
        numbers = ports(3 * len(kinds))
        self.port = {sid: numbers[3 * n] for n, sid in enumerate(kinds)}
        self._processes = {}
        self.frozen = set()
        members = "".join(
            f"server.{sid}=127.0.0.1:{numbers[3 * n + 1]}:{numbers[3 * n + 2]}{':observer' if sid in observers else ''}\n"
            for n, sid in enumerate(kinds)) if 0 not in kinds else ""
        for sid in kinds:
            place = self.directory / str(sid)
            place.mkdir(parents=True)
            (place / "myid").write_text(str(sid))
            (place / "logback.xml").write_text(LOGBACK)
            lines = {"tickTime": tick_ms, "initLimit": 20, "syncLimit": 5, "dataDir": place, "clientPort": self.port[sid],
                     "admin.enableServer": "false", "4lw.commands.whitelist": "*", **settings}
            if kinds[sid] == "ours":
                lines.update(properties)
            if sid in observers:
                lines["peerType"] = "observer"
            (place / "zoo.cfg").write_text("".join(f"{key}={value}\n" for key, value in lines.items()) + members)

    def __enter__(self):
        self.start(*self.kinds)
        return self

    def __exit__(self, *exc):
        for sid in list(self._processes):
            self.kill(sid)

    def start(self, *sids, serving=True):
        for sid in sids:
            place = self.directory / str(sid)
            if self.kinds[sid] == "real":
                command = ["java", *JVM, *self._properties,
                           "-cp", f"{place}:{JARS}/*", "org.apache.zookeeper.server.quorum.QuorumPeerMain", place / "zoo.cfg"]
            else:
                command = [sys.executable, "-m", "emulator", "zookeeper", place / "zoo.cfg"]
            with open(place / "log", "ab") as log:
                self._processes[sid] = subprocess.Popen(command, stdout=log, stderr=log, cwd=HERE.parents[1])
        if serving:
            self.until_serving(*sids)

    def kill(self, *sids):
        for sid in sids:
            process = self._processes.pop(sid)
            process.kill()
            process.wait()

    def freeze(self, sid):
        self._processes[sid].send_signal(signal.SIGSTOP)

    def thaw(self, sid):
        self._processes[sid].send_signal(signal.SIGCONT)

    @property
    def up(self):
        return list(self._processes)

    @property
    def pids(self):
        return [process.pid for process in self._processes.values()]

    def ask(self, sid, word):
        try:
            with socket.create_connection(("127.0.0.1", self.port[sid]), 5) as sock:
                sock.sendall(word.encode())
                octets = b""
                while more := sock.recv(65536):
                    octets += more
        except OSError:
            return ""
        return octets.decode()

    def told(self, sid):
        """{key: value} of srvr."""
        return dict(line.split(": ", 1) for line in self.ask(sid, "srvr").splitlines() if ": " in line)

    def mode(self, sid):
        return self.told(sid).get("Mode")

    def until(self, condition, seconds=30, what=None):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds} s\n{what() if what else self.logs()}")
            time.sleep(0.02)

    def until_serving(self, *sids):
        self.until(lambda: all(self.mode(sid) for sid in sids or self.up))

    def leader(self):
        return next((sid for sid in self.up if self.mode(sid) == "leader"), None)

    def log(self, sid):
        return (self.directory / str(sid) / "log").read_text()

    def logs(self):
        return "\n".join(f"{sid}:\n{self.log(sid)[-2000:]}" for sid in self.kinds)

    def hosts(self, *sids):
        return ",".join(f"127.0.0.1:{self.port[sid]}" for sid in sids or self.kinds)
