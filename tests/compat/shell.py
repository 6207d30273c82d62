"""Runs the stock tools as their users do and writes down what is seen, as a transcript that can be compared.

A transcript shows each command, its standard output, its standard error and an exit status other than 0. What differs
from run to run (ids, times, ports) is masked, by as many characters as it had where the tools pad columns.
"""
import re
import shlex
import signal
import subprocess
import time
import uuid

import tools
from helpers import TIMEOUT
from servers import BIN

SUBCOMMAND_LAST = ("kafka-features.sh", "kafka-metadata-quorum.sh", "kafka-transactions.sh")  # they have the server's address before it



def _figures(match):
    """A line of figures with only those that count things left in."""
    return match[1] + re.sub(r"[\d.]+(?= records/sec| MB/sec| ms\b)", "N", match[2])


MASKS = [
    (r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\]", "[TIME]"),  # in log lines
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", lambda m: "u" * 36),
    (r"(?<= )[\w-]{22}(?= (?:streams +\d+ +)?u{36})", "m" * 22),  # members of streams groups
    (r"Request Request\(.*? needs [A-Z_]+ permission\.", "Cluster authorization failed."),  # Kafka writes down an object of its own
    (r"(?<=--command-config )/[^\s']+(?=')", "/dev/stdin"),
    (r"(TopicId: )[\w-]{22}", r"\1" + "i" * 22),
    (r"(Cluster ID: )[\w-]{22}", r"\1" + "i" * 22),
    (r"(ClusterId: +)[\w-]{22}", r"\1" + "i" * 22),
    (r"((?:Epoch|HighWatermark): +)\d+", r"\1N"),
    (r"CONTROLLER://127\.0\.0\.1:\d+", "CONTROLLER://127.0.0.1:9093"),  # the controller has no listener of its own here
    (r"(?m)^(\d+ +\t[\w-]{22}\t)\d+ *\t(\d+ +\t)(?:\d+|\d+ ms ago) *\t(?:\d+|\d+ ms ago) *\t", r"\1N\t\2T\tT\t"),
    (r'("size":)[1-9]\d*', r"\1N"),  # of records whose times lie apart as they happen to
    (r'("logDir":|"log_dirs":\[)"[^"]*"', r'\1"d"'),
    (r"(?m)^(  (?:listeners|advertised\.listeners|controller\.quorum\.voters|log\.dirs?)=).*$", r"\1(of this node)"),
    (r"(127\.0\.0\.1) +\d{4,5} +(?=null)", r"\1 9092 "),
    (r"(127\.0\.0\.1:9092) +\(1\)", r"\1 (1)"),  # padded by the length of the port
    (r"(CreateTime:|LogAppendTime:)\d{13}", r"\1" + "T" * 13),
    (r'\}(?=\{"key":\{"type")', "}\n"),  # the formatters of internal topics end no line
    (r'("\w*[tT]imestamp":)\d{13}', r"\1" + "T" * 13),
    (r'("avg_throughput":)[\d.]+', r"\1N"),
    (r'(?<="offsets":\[)[\d,]+', lambda m: ",".join(sorted(m[0].split(",")))),  # of a set
    (r'("topicId":")[\w-]{22}', r"\1" + "i" * 22),
    (r'("(?:subscription|assignment)":")([\w+/=]+)', lambda m: m[1] + "b" * len(m[2])),  # names of topics, in base64
    (r"console-consumer-\d{1,5}\b", "console-consumer-N"),
    (r" [\w-]{22}(?= +/127\.0\.0\.1 )", " " + "m" * 22),  # the ids that members of the consumer protocol make
    (r"((?:__consumer_offsets|__transaction_state) --partition )\d+", r"\1N"),
    (r"correlation id \d+", "correlation id N"),
    (r"(?m)^(\d+ (?:steady state )?records sent, )(.*)$", _figures),
    (r"\d{4}[-/]\d\d[-/]\d\d \d\d:\d\d:\d\d[:,]\d{3}", "TIME"),
    (r"(?m)^(TIME, TIME, [\d.]+), [\d.]+, (\d+, )[\d.]+, \d+, \d+, [\d.]+, [\d.]+$", r"\1, N, \2N, N, N, N, N"),
    (r"(?m)^(TIME, TIME, [\d.]+), [\d.]+, [\d.]+, (\d+), \d+$", r"\1, N, N, \2, N"),
    (r"(?m)^(0\t|Avg latency: )[\d.E-]+", r"\1N"),
    (r"(?<=th = )\d+", "N"),
    (r"(?m)^([\w-]+-x{8} *\t1 +\t)\d+( *\t[A-Z])", r"\1P\2"),  # transactions: ids of producers, times
    (r"(?m)^(1 +\t\S+ *\t)\d+( *\t\d+ *\t\w+ *\t\d+ *\t)\d+( *\t)\d+( *\t)", r"\1P\2T\3D\4"),
    (r"(?m)^(\d+ *)(\t\d+ *\t-?\d+ *\t-?\d+ *\t)\d{13}", lambda m: "P".ljust(len(m[1])) + m[2] + "T"),
    (r"(?<=\bValidated )\d+", "N"),  # of random keys
    (r"(?<=assignment=\(topicPartitions=)[^)]+", lambda m: ",".join(sorted(m[0].split(",")))),  # of a set
    (r"(log-cleaner-test-)-?\d+", r"\1N"),
    (r"\S*/(kafka-log-cleaner-\w+-)\d+", r"\1N"),
    (r'("memberId":")[\w-]{22}(?=")', r"\1" + "m" * 22),
    (r'("(?:producerId|previousProducerId)":)\d+', r"\1P"),
    (r'("\w*TimestampMs":)\d{13}', r"\1" + "T" * 13),
    (r"(?<=internal topics \[)[^]]+", lambda m: ", ".join(sorted(m[0].split(", ")))),  # of a set
    (r'("metadataHash":)-?[1-9]\d+', r"\1H"),
    (r"(?m)^.*while aborting transaction when during closing:.*\n.*Transactional method invoked on a non-transactional producer\.\n", ""),  # if it was told in time that it may not have an id
    (r"(?m)^(?:\tat |\t\.\.\. \d+ more).*\n", ""),  # stack frames are the JDK's and the client's matter
]


class Shell:
    """One transcript: `run` and its kin append to it, `name` makes the names it uses unique."""

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.suffix = uuid.uuid4().hex[:8]
        self.lines = []
        self.running = []

    def name(self, prefix):
        """A topic or group of this transcript alone; it shows as prefix-xxxxxxxx."""
        return f"{prefix}-{self.suffix}"

    def run(self, command, stdin="", until=None, only=False, sort=False, interrupt_after=None):
        """Run a tool to its end and write down what it printed; returns its standard output.

        `until` (a pattern) runs it anew until it prints that: only the last run is written down. `only` keeps the lines
        with a name of this transcript, or with this text; `sort` is for output (but its first line, or "all" of it) whose order nobody promises; `interrupt_after` presses
        Ctrl-C once that many lines came.
        """
        deadline = time.monotonic() + 2 * TIMEOUT  # Kafka's cleaner, for one, looks every 15 s
        while True:
            if interrupt_after is None:
                ran = tools.run(self._words(command), stdin)
                out, err, status = ran.stdout, ran.stderr, ran.returncode
            else:
                process = self._start(command)
                process.stdin.close()
                out = "".join(process.stdout.readline() for _ in range(interrupt_after))
                process.send_signal(signal.SIGINT)
                rest, err = process.stdout.read(), process.stderr.read()
                out += rest
                status = process.wait(TIMEOUT)
            if until is None or re.search(until, out):
                break
            assert time.monotonic() < deadline, f"{command}: no {until!r} in\n{out}{err}"
            time.sleep(0.1)
        self._show(command, stdin, out, err, status, only, sort)
        return out

    def start(self, command):
        """Start a tool that goes on in the background; the transcript's end stops it."""
        process = self._start(command)
        self.running.append(process)
        return process

    def stop(self, process):
        self.running.remove(process)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=TIMEOUT)

    def close(self):
        for process in list(self.running):
            self.stop(process)

    def transcript(self):
        return "\n".join(self.lines) + "\n"

    def _words(self, command):
        tool, *arguments = shlex.split(command)
        subcommand = bool(arguments) and not arguments[0].startswith("-") and tool not in SUBCOMMAND_LAST
        if "HOST:PORT" in arguments:
            arguments[arguments.index("HOST:PORT")] = self.bootstrap
        else:
            arguments[subcommand:subcommand] = ["--bootstrap-server", self.bootstrap]
        return [tool, *arguments]

    def _start(self, command):
        tool, *arguments = self._words(command)
        return subprocess.Popen([BIN / tool, *arguments], text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def _show(self, command, stdin, out, err, status, only, sort):
        self.lines.append("$ " + self._mask(command))
        self.lines.extend(f"< {line}" for line in self._mask(stdin if len(stdin) < 1000 else f"({len(stdin)} characters)").splitlines())
        for text, mark in ((out, ""), (err, "! ")):
            lines = self._mask(text).split("\n")
            if lines[-1] == "":
                del lines[-1]
            if only:
                wanted = "x" * 8 if only is True else only
                lines = [re.sub(" +", " ", line) for line in lines if wanted in line]  # others' names set the widths
            if sort:
                kept = 0 if sort == "all" else 1
                lines[kept:] = sorted(lines[kept:])
            # A client repeats its warning as long as it has to; how often, and until when, is a matter of luck.
            lines = [
                line for i, line in enumerate(lines)
                if not (mark and i and (line == lines[i - 1] or " WARN " in line and line in lines[:i]))
            ]  # fmt: skip
            self.lines.extend(f"{mark}{line}".rstrip("\n") for line in lines)
        if status:
            self.lines.append(f"(exit status {status})")
        self.lines.append("")

    def _mask(self, text):
        text = text.replace(self.suffix, "x" * 8).replace(self.bootstrap, "127.0.0.1:9092")
        for pattern, mask in MASKS:
            text = re.sub(pattern, mask, text)
        return text
