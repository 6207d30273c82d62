"""The command in a process of its own, in a world of its own: nobody else's servers are found."""

import os
import re
import resource
import select
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

PATIENCE_S = 20  # for what takes a fraction of a second
COMMAND = [sys.executable, "-m", "emulator"]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home():
    """A short folder (a Unix socket's path holds 103 bytes) that stands for the user's places."""
    folder = Path(tempfile.mkdtemp(prefix="ke-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def environment(home):
    kept = {name: value for name, value in os.environ.items() if name not in ("XDG_RUNTIME_DIR", "TMPDIR")}
    return {**kept, "TMPDIR": str(home), "PYTHONPATH": str(ROOT)}


@pytest.fixture
def run(environment, home):
    """run("status") -> the finished process, its output as text; `prefix`: of the command."""
    def run(*arguments, prefix=(), **changes):
        return subprocess.run([*prefix, *COMMAND, *map(str, arguments)], env={**environment, **changes}, cwd=home,
                              capture_output=True, text=True, timeout=PATIENCE_S)
    return run


class Running:
    """A server that serves; `.bootstrap` and `.seed` are what it printed, `.told` is its second line."""

    def __init__(self, process):
        self.process = process
        ready, _, _ = select.select([process.stdout], [], [], PATIENCE_S)
        line = process.stdout.readline() if ready else ""
        match = re.fullmatch(r"bootstrap\.servers=(\S+)\n", line)
        if not match:
            process.kill()
            raise AssertionError(f"printed {line!r}; stderr: {process.stderr.read()}")
        self.bootstrap = match[1]
        self.told = process.stdout.readline()

    @property
    def seed(self):
        return re.fullmatch(r"seed=(\d+)\n", self.told)[1]

    @property
    def port(self):
        return int(self.bootstrap.rpartition(":")[2])

    def send_signal(self, number):
        self.process.send_signal(number)

    def end(self):
        """(exit status, the rest of stdout, stderr) once it has ended by itself."""
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out, err


@pytest.fixture
def serve(environment, home):
    """serve("--topic", "a") -> Running, on a free loopback port unless told otherwise; no file of it grows above `largest`.

    `prefix`: of the command.
    """
    started = []

    def serve(*arguments, listen="127.0.0.1:0", largest=None, prefix=(), **changes):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

        where = [] if listen is None else ["--listen", listen]
        process = subprocess.Popen([*prefix, *COMMAND, *where, *map(str, arguments)], env={**environment, **changes}, cwd=home,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   preexec_fn=None if largest is None else limit)
        started.append(process)
        return Running(process)

    yield serve
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
