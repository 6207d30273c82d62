"""Runs the stock tools to their end, one after another in JVMs that stay: a JVM's start would cost more than most tools do.

What a run prints, its exit status and the state that it starts from are those of a process of its own (java/Tools.java).
"""
import atexit
import contextlib
import os
import re
import select
import struct
import subprocess
import tempfile
import threading
import time

from helpers import TIMEOUT
from servers import BIN

# They have hooks for the end of the JVM, or are meant to go on until a signal ends them.
OF_THEIR_OWN = {"kafka-replica-verification.sh", "kafka-verifiable-consumer.sh", "kafka-verifiable-producer.sh", "kafka-verifiable-share-consumer.sh",
                "kafka-server-start.sh", "kafka-storage.sh"}
MAIN_CLASSES = dict(re.findall(r"(kafka-[\w-]+\.sh)\) main=([\w.]+) ;;", (BIN / "kafka").read_text()))


def run(command, stdin="", timeout=TIMEOUT):
    """Run a tool, [name in bin/, argument...], to its end; returns a subprocess.CompletedProcess with text in it.

    Raises subprocess.TimeoutExpired after `timeout` seconds.
    """
    tool, *arguments = map(str, command)
    if tool in OF_THEIR_OWN:
        return subprocess.run([BIN / tool, *arguments], input=stdin, text=True, capture_output=True, timeout=timeout)
    main = [MAIN_CLASSES[tool]] if tool in MAIN_CLASSES else []
    with contextlib.ExitStack() as stack:
        if "/dev/stdin" in arguments:
            file = stack.enter_context(tempfile.NamedTemporaryFile("w", encoding="utf-8"))
            file.write(stdin)
            file.flush()
            arguments = [file.name if argument == "/dev/stdin" else argument for argument in arguments]
        machine = _idle()
        try:
            status, left, out, err = machine.run([*main, *arguments], stdin, timeout)
        except BaseException:
            machine.kill()
            raise
    if left == 0:
        _release(machine)
    else:
        status = machine.process.wait(TIMEOUT) if left == 2 else status
        machine.kill()
    return subprocess.CompletedProcess(command, status, _text(out), _text(err))


def _text(printed):
    return printed.decode().replace("\r\n", "\n")


class Machine:
    """A JVM that runs main classes, one at a time."""

    def __init__(self):
        self.process = subprocess.Popen([BIN / "kafka", "Tools"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)

    def run(self, words, stdin, timeout):
        """-> exit status, what it left behind (java/Tools.java), standard output, standard error."""
        deadline = time.monotonic() + timeout
        texts = [text.encode() for text in (*words, stdin)]
        self.process.stdin.write(bytes([len(words)]) + b"".join(struct.pack(">i", len(text)) + text for text in texts))
        status, left, length = struct.unpack(">ibi", self._read(9, words, deadline, timeout))
        out = self._read(length, words, deadline, timeout)
        return status, left, out, self._read(*struct.unpack(">i", self._read(4, words, deadline, timeout)), words, deadline, timeout)

    def _read(self, count, words, deadline, timeout):
        parts, stdout = b"", self.process.stdout.fileno()
        while len(parts) < count:
            ready, _, _ = select.select([stdout], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise subprocess.TimeoutExpired(words, timeout)
            part = os.read(stdout, count - len(parts))
            if not part:
                raise RuntimeError(f"the JVM ended (exit status {self.process.wait(TIMEOUT)}) while it ran {words}")
            parts += part
        return parts

    def kill(self):
        with self.process:  # closes the pipes and waits
            self.process.kill()


_machines = []  # that wait for work
_lock = threading.Lock()


def _idle():
    with _lock:
        if _machines:
            return _machines.pop()
    return Machine()


def _release(machine):
    with _lock:
        _machines.append(machine)


@atexit.register
def _close():
    while _machines:
        _machines.pop().kill()
