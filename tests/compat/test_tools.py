"""A tool in a JVM that has run others is as a tool in a JVM of its own."""
import re
import subprocess

import pytest

import tools
from helpers import TIMEOUT
from servers import BIN, HERE, free_ports

pytestmark = [pytest.mark.needs("java", str(HERE / ".cache/jars"), str(HERE / ".cache/classes"))]


@pytest.fixture(scope="module")
def nobody():
    """An address where nobody listens."""
    return f"127.0.0.1:{free_ports(1)[0]}"


@pytest.mark.parametrize("command", [
    "kafka-topics.sh --bootstrap-server SERVER --list",
    "kafka-topics.sh --bootstrap-server SERVER --describe --topic no.such.topic",
    "kafka-topics.sh --bootstrap-server SERVER --no-such-option",
    "kafka-topics.sh --help",
    "kafka-features.sh --help",
    "kafka-cluster.sh no-such-command",
    "kafka-transactions.sh --bootstrap-server SERVER list --no-such-option",
    "kafka-console-consumer.sh --version",
    "kafka-console-producer.sh --bootstrap-server NOBODY --topic x --max-block-ms 500",
    "kafka no.such.Class",
    "kafka org.apache.kafka.tools.TransactionalMessageCopier",
], ids=lambda command: command.replace("--bootstrap-server ", "").replace("kafka-", "", 1))
def test_it_prints_and_ends_as_a_process_of_its_own(bootstrap, nobody, command):
    words = command.replace("SERVER", bootstrap).replace("NOBODY", nobody).split()

    def seen(ran):
        times = re.compile(r"\[\d{4}-[^]]*\]")
        lines = [times.sub("[TIME]", line) for line in ran.stderr.splitlines() if not line.startswith("\tat ")]
        return ran.stdout, list(dict.fromkeys(lines)), ran.returncode  # how often a client repeats itself is a matter of luck
    alone = subprocess.run([BIN / words[0], *words[1:]], input="one\n", text=True, capture_output=True, timeout=TIMEOUT)
    if "no.such.Class" in command:  # the words are the JVM's
        assert tools.run(words, "one\n").returncode == alone.returncode
        return
    for _ in range(2):
        assert seen(tools.run(words, "one\n")) == seen(alone)


def test_one_that_hangs_is_ended_and_the_next_runs(bootstrap, unique):
    forever = ["kafka-console-consumer.sh", "--bootstrap-server", bootstrap, "--topic", unique("hangs")]
    with pytest.raises(subprocess.TimeoutExpired):
        tools.run(forever, timeout=3)
    assert tools.run(["kafka-topics.sh", "--bootstrap-server", bootstrap, "--list"]).returncode == 0


def test_what_it_reads_ends_with_what_it_was_given(bootstrap, unique):
    topic, server = unique("given"), ["--bootstrap-server", bootstrap]
    for text in ("eins\nzwei\n", "drüi\n"):
        assert tools.run(["kafka-console-producer.sh", *server, "--topic", topic], text).returncode == 0
    read = ["kafka-console-consumer.sh", *server, "--topic", topic, "--from-beginning", "--max-messages", "3"]
    for _ in range(2):
        ran = tools.run(read)
        assert ran.stdout == "eins\nzwei\ndrüi\n"
        assert ran.stderr.splitlines()[-1] == "Processed a total of 3 messages"
