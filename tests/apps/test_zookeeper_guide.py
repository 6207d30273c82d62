"""What docs/zookeeper.md shows is done as it stands there: commands by one shell, their output looked at until it is the page's."""

import os
import queue
import random
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from emulator.apps.zookeeper.zoo_cfg import _USED

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "zookeeper.md").read_text()
BLOCKS = re.findall(r"^```(ini|console|python)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
WITHIN_S = 20
END = "that was all"


class Shell:
    """A bash in a folder; what it starts ends with it."""

    def __init__(self, folder):
        (folder / "bin").mkdir()
        command = folder / "bin" / "kafka-emulator"
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m emulator "$@"\n')
        command.chmod(0o755)
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
        self._bash = subprocess.Popen(["bash"], cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self._lines = queue.Queue()
        threading.Thread(target=lambda: [self._lines.put(line) for line in self._bash.stdout], daemon=True).start()

    def run(self, command):
        """What it prints."""
        self._bash.stdin.write(f"{command}\necho; echo {END}\n")
        self._bash.stdin.flush()
        found = []
        while (line := self._lines.get(timeout=WITHIN_S)).strip() != END:
            found.append(line)
        return "".join(found)

    def close(self):
        self.run("kill -CONT $server1 $server2 $server3; kill -9 $server1 $server2 $server3; wait")
        self._bash.communicate(timeout=WITHIN_S)


def shown(text):
    """Without what differs from one time to the next, and how wide columns are for it."""
    return re.sub(r"[ \t]+", " ", re.sub(r"\d+ ms ago", "N ms ago", text)).strip()


def steps(block):
    """(command, what it prints)"""
    for part in block.split("$ ")[1:]:
        command, _, told = part.partition("\n")
        yield command, told


@pytest.fixture
def shell(tmp_path):
    shell = Shell(tmp_path)
    yield shell
    shell.close()


def clear_ports():
    """{number in the page: one that is free here}: all in a row, below those that outgoing connections take."""
    while True:
        first = random.randrange(10_000, 32_000)
        try:
            for port in range(first, first + 9):
                with socket.socket() as sock:
                    sock.bind(("", port))
        except OSError:
            continue
        return dict(zip(("2181", "2182", "2183", "2888", "2889", "2890", "3888", "3889", "3890"), range(first, first + 9)))


def test_the_page_is_true(tmp_path, shell):
    pytest.importorskip("kazoo")
    ports = clear_ports()

    def here(text):
        return re.sub(r"\b(?:%s)\b" % "|".join(ports), lambda found: str(ports[found[0]]), text).replace("localhost", "127.0.0.1")
    count = 0
    for kind, block in BLOCKS:
        if kind == "ini":
            (tmp_path / "zoo.cfg").write_text(here(block))
        elif kind == "python":
            done = subprocess.run([sys.executable, "-c", here(block)], capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stderr
        else:
            for command, told in steps(block):
                deadline = time.monotonic() + WITHIN_S
                while shown(found := shell.run(command)) != shown(here(told)):
                    assert time.monotonic() < deadline, f"$ {command}\n{found}\n-- is not --\n{here(told)}\n{''.join(each.read_text() for each in tmp_path.glob('*.log'))}"
                    time.sleep(0.1)
                count += 1
    assert count > 14


def test_the_page_has_all_keys():
    table = PAGE.partition("## Keys of zoo.cfg")[2].partition("\n## ")[0]
    named = {key for row in table.splitlines() if row.startswith("| `") for key in re.findall(r"`([^`]+)`", row.split("|")[1])}
    assert named == _USED | {"server.X"}
