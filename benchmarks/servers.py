"""The servers under test: how each is found, started fresh on loopback, measured and stopped.

Each is a plain child process on a port of its own, not pinned to any core, with what its makers start it with:
Kafka with its start script's heap and collector and its quick-start configuration, kfake with its defaults.
"""

import base64
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

from benchmarks import raw

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / "benchmarks" / ".cache"
COMPAT = ROOT / "tests" / "compat"
JARS = COMPAT / ".cache" / "jars"
KAFKA_JVM = ["-Xms1G", "-Xmx1G", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20",
             "-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent", "-Djava.awt.headless=true"]


class Unavailable(Exception):
    """A server that cannot be run here; the message says what is missing."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Emulator:
    name = "emulator"
    on_disk = False

    def prepare(self):
        if not (ROOT / "emulator" / "apps" / "cli.py").exists():
            raise Unavailable("emulator/apps/cli.py is not there")

    def command(self, port, directory):
        return [sys.executable, "-m", "emulator.apps.cli", "serve", "--listen", f"127.0.0.1:{port}",
                "--control", str(directory / "control"), *(["--data-dir", str(directory / "data")] if self.on_disk else [])]


class Kafka:
    name = "kafka"

    def prepare(self):
        if not shutil.which("java"):
            raise Unavailable("no java")
        jars = Path(os.environ.get("KAFKA_JARS", JARS))
        if not list(jars.glob("kafka_*.jar")):
            raise Unavailable(f"no Kafka jars in {jars} (tests/compat/setup brings them; KAFKA_JARS names another place)")
        self.java = ["java", "-cp", f"{jars}/*"]

    def command(self, port, directory):
        properties = directory / "kafka.properties"
        text = (COMPAT / "kafka.properties").read_text()
        for name, value in (("LISTENER", f"127.0.0.1:{port}"), ("QUORUM", f"127.0.0.1:{free_port()}"),
                            ("DATA", str(directory / "data"))):
            text = text.replace(name, value)
        properties.write_text(text)
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # Formatting happens once in a broker's life, so it is no part of its start-up.
        formatted = subprocess.run(self.java + ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}",
                                                "--config", str(properties)], capture_output=True, text=True)
        if formatted.returncode:
            raise Unavailable(f"kafka.tools.StorageTool: {(formatted.stderr or formatted.stdout).strip().splitlines()[-1]}")
        return self.java[:1] + KAFKA_JVM + self.java[1:] + ["kafka.Kafka", str(properties)]


class Kfake:
    name = "kfake"

    def prepare(self):
        if not shutil.which("go"):
            raise Unavailable("no go to build kfake with")
        self.binary = CACHE / "kfake"
        built = subprocess.run(["go", "build", "-o", str(self.binary), "."], cwd=ROOT / "benchmarks" / "kfake",
                               capture_output=True, text=True)
        if built.returncode:
            raise Unavailable(f"kfake does not build: {built.stderr.strip().splitlines()[-1]}")

    def command(self, port, directory):
        return [str(self.binary), str(port)]


KINDS = {kind.name: kind for kind in (Emulator, Kafka, Kfake)}


class Running:
    """One fresh server: a context manager whose entry returns once the first request is answered.

    `startup` is the seconds from spawning the process to the answer to an ApiVersions request.
    """

    def __init__(self, kind, patience=60):
        self.kind, self.patience = kind, patience

    def __enter__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="benchmarks-"))
        self.address = ("127.0.0.1", free_port())
        try:
            command = self.kind.command(self.address[1], self.directory)
        except BaseException:
            shutil.rmtree(self.directory)
            raise
        self.log = open(self.directory / "output.txt", "w+b")
        try:
            self.startup = self._start(command)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self, command):
        """The seconds that it took until the first answer."""
        spawned = time.perf_counter()
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        return self._first_answer(spawned) - spawned

    def start_after_kill(self):
        """Kill it and start it again on what it left; gives the seconds from spawning to the first answer."""
        self.process.kill()
        self.process.wait()
        return self._start(self.process.args)

    def _first_answer(self, spawned):
        while True:
            try:
                with raw.Connection(self.address) as connection:
                    connection.call(raw.api_versions())
                return time.perf_counter()
            except (ConnectionError, BlockingIOError):
                if self.process.poll() is not None or time.perf_counter() > spawned + self.patience:
                    raise Unavailable(f"{self.kind.name} did not start: {self._last_words()}") from None
                time.sleep(0.001)

    def _last_words(self):
        self.log.seek(0)
        lines = self.log.read().decode(errors="replace").strip().splitlines()
        return " | ".join(lines[-3:]) or f"exit status {self.process.poll()}, no output"

    def rss(self):
        """Resident memory in MB."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024 / 1e6
        raise Unavailable(f"{self.kind.name} has died: {self._last_words()}")

    def live_heap(self):
        """MB of the objects that are alive, after a full collection; None but for a JVM with its jcmd."""
        if self.process.args[0] != "java" or not shutil.which("jcmd"):
            return None
        told = subprocess.run(["jcmd", str(self.process.pid), "GC.class_histogram"], capture_output=True, text=True, check=True).stdout
        return int(told.rsplit("Total", 1)[1].split()[1]) / 1e6

    def cpu(self):
        """CPU seconds of all the process's threads so far, the ended ones too."""
        return time.clock_gettime(~self.process.pid << 3 | 2)  # what clock_getcpuclockid(3) computes

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)
