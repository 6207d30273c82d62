"""The stock command line tools of Apache Kafka."""
import concurrent.futures
import difflib
import json
import re
import subprocess
import tempfile
from pathlib import Path
import threading
import zipfile

import pytest

import tools
from helpers import TIMEOUT, eventually
from record import EXPECTED, perform
from servers import BIN, HERE
from sessions import SESSIONS, SETTINGS

NEEDED_FIRST = {
    "ApiVersions", "Metadata", "DescribeCluster", "DescribeTopicPartitions", "CreateTopics", "DeleteTopics", "CreatePartitions",
    "DeleteRecords", "Produce", "InitProducerId", "Fetch", "ListOffsets", "OffsetForLeaderEpoch", "FindCoordinator", "JoinGroup",
    "SyncGroup", "Heartbeat", "LeaveGroup", "OffsetCommit", "OffsetFetch", "OffsetDelete", "DescribeGroups", "ListGroups",
    "DeleteGroups", "DescribeConfigs", "AlterConfigs", "IncrementalAlterConfigs",
}

pytestmark = [pytest.mark.needs("java", str(HERE / ".cache/jars"), str(HERE / ".cache/classes"))]


@pytest.fixture(scope="module")
def transcripts(bootstrap, request):
    """The sessions that are asked for, performed several at a time: what tools do most is wait."""
    asked = [item.callspec.params["name"] for item in request.session.items
             if getattr(item, "originalname", "") == "test_output_is_that_of_real_kafka"]
    own_server = request.getfixturevalue("own_server")
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        yield {name: pool.submit(on_its_own, name, own_server) if name in SETTINGS else pool.submit(perform, name, bootstrap) for name in asked}


def on_its_own(name, server):
    with tempfile.TemporaryDirectory() as directory, server(Path(directory), **SETTINGS[name]) as bootstrap:
        return perform(name, bootstrap)


@pytest.mark.parametrize("name", [name for name in SESSIONS if name != "apis_served"])
def test_output_is_that_of_real_kafka(transcripts, name, own_server):
    if name in SETTINGS and own_server is None:
        pytest.skip("needs a server of its own")
    expected = (EXPECTED / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    seen = transcripts[name].result(10 * TIMEOUT).splitlines()
    difference = "\n".join(difflib.unified_diff(expected, seen, "Apache Kafka", "seen", n=4, lineterm=""))
    assert not difference, f"\n{difference}"


def test_every_recording_has_its_session():
    assert {path.stem for path in EXPECTED.glob("*.txt")} == set(SESSIONS)


def test_every_tool_is_run_in_the_sessions_that_its_page_names():
    page = (HERE.parents[1] / "docs" / "TOOLS.md").read_text(encoding="utf-8")
    listed = {main: (command or main, sessions.split(", ")) for main, command, sessions in re.findall(r"(?m)^\| `([\w.]+)` \| (\S*) ?\| (.+) \|$", page)}
    elsewhere = set(re.findall(r"(?m)^- `([\w.]+)`: ", page))
    assert set(listed) | elsewhere == {*main_classes("kafka-tools"), "kafka.admin.ConfigCommand", "kafka.tools.StorageTool"}
    for command, sessions in listed.values():
        assert sessions == sorted(path.stem for path in EXPECTED.glob("*.txt")
                                  if re.search(rf"(?m)^\$ (kafka )?{re.escape(command)}( |$)", path.read_text(encoding="utf-8")))


def main_classes(jar):
    """Names of the classes with a `main` in one of Kafka's jars."""
    [path] = (HERE / ".cache/jars").glob(f"{jar}-4.*.jar")
    with zipfile.ZipFile(path) as classes:
        for name in classes.namelist():
            if name.endswith(".class") and "$" not in name:
                content = classes.read(name)
                if b"\0\4main" in content and b"([Ljava/lang/String;)V" in content:  # of its constant pool
                    yield name[:-6].replace("/", ".")


@pytest.fixture
def tool(bootstrap):
    """tool("kafka-....sh", ...) starts a tool, pipes open; what still runs is stopped at the end."""
    running = []

    def start(name, *arguments):
        running.append(subprocess.Popen([BIN / name, "--bootstrap-server", bootstrap, *arguments], text=True, bufsize=1,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        return running[-1]
    yield start
    for process in running:
        with process:  # closes the pipes and waits
            process.terminate()


@pytest.fixture
def run(bootstrap):
    """run("kafka-....sh", ...) runs a tool to its end; returns its output."""

    def run(name, *arguments, stdin=""):
        ran = tools.run([name, "--bootstrap-server", bootstrap, *arguments], stdin)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout
    return run


def test_typed_lines_arrive_while_both_run(tool, run, unique):
    topic = unique("chat")
    run("kafka-topics.sh", "--create", "--topic", topic)
    consumer = tool("kafka-console-consumer.sh", "--topic", topic, "--from-beginning")
    producer = tool("kafka-console-producer.sh", "--topic", topic)
    for line in ("one\n", "two\n", "three\n"):
        producer.stdin.write(line)
        assert consumer.stdout.readline() == line
    producer.stdin.close()
    assert producer.wait(TIMEOUT) == 0


def test_two_consumers_share_and_one_leaves(tool, run, unique):
    topic, group = unique("work"), unique("group")
    run("kafka-topics.sh", "--create", "--partitions", "2", "--topic", topic)

    def member():
        return tool("kafka-console-consumer.sh", "--topic", topic, "--group", group, "--from-beginning",
                    "--command-property", "heartbeat.interval.ms=300", "--formatter-property", "print.partition=true")

    def partitions():
        out = run("kafka-consumer-groups.sh", "--describe", "--group", group, "--members")
        return [line.split()[4] for line in out.splitlines() if line.startswith(group)]

    def produce(value):  # one key for each partition
        run("kafka-console-producer.sh", "--topic", topic, "--reader-property", "parse.key=true",
            "--reader-property", "key.separator=:", stdin=f"key1:{value}\nkey2:{value}\n")
    stays, leaves = member(), member()
    eventually(lambda: partitions() == ["1", "1"])
    produce("shared")
    assert {stays.stdout.readline(), leaves.stdout.readline()} == {"Partition:0\tshared\n", "Partition:1\tshared\n"}
    leaves.terminate()
    eventually(lambda: partitions() == ["2"])
    produce("alone")
    assert {stays.stdout.readline() for _ in range(2)} == {"Partition:0\talone\n", "Partition:1\talone\n"}


class Verifiable:
    """A verifiable consumer at work: what it has told so far."""

    def __init__(self, process):
        self.process, self.told = process, []
        self.reader = threading.Thread(target=self.listen, daemon=True)
        self.reader.start()

    def listen(self):
        for line in self.process.stdout:
            self.told.append(json.loads(line))

    def stop(self):
        self.process.terminate()
        assert self.process.wait(TIMEOUT) == 143  # as a JVM ends of SIGTERM
        self.reader.join(TIMEOUT)
        assert [event["name"] for event in self.told[-2:]] == ["partitions_revoked", "shutdown_complete"]

    def partitions(self):
        held = set()
        for event in self.told:
            named = {each["partition"] for each in event.get("partitions", ())}
            if event["name"] == "partitions_assigned":
                held |= named
            elif event["name"] == "partitions_revoked":
                held -= named
        return held

    def offsets(self):
        """(partition, offset) of every record that came."""
        return {(each["partition"], offset) for event in list(self.told) if event["name"] == "records_consumed"
                for each in event["partitions"] for offset in range(each["minOffset"], each["maxOffset"] + 1)}


@pytest.mark.parametrize("protocol, options", [
    ("classic", ["--assignment-strategy", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"]),
    pytest.param("consumer", [], marks=pytest.mark.soak)], ids=["classic", "consumer"])
def test_verifiable_consumers_share_and_one_leaves(tool, run, unique, protocol, options):
    topic, group = unique("work"), unique("group")
    run("kafka-topics.sh", "--create", "--partitions", "2", "--topic", topic)

    def member():
        return Verifiable(tool("kafka-verifiable-consumer.sh", "--topic", topic, "--group-id", group,
                               "--group-protocol", protocol, *options))
    stays = member()
    eventually(lambda: stays.partitions() == {0, 1})
    leaves = member()
    eventually(lambda: sorted(len(each.partitions()) for each in (stays, leaves)) == [1, 1])
    run("kafka-verifiable-producer.sh", "--topic", topic, "--max-messages", "40", "--repeating-keys", "10")
    eventually(lambda: len(stays.offsets()) + len(leaves.offsets()) == 40)
    assert not stays.offsets() & leaves.offsets()
    eventually(lambda: {event["name"] for event in leaves.told} >= {"offsets_committed"})
    leaves.stop()
    eventually(lambda: stays.partitions() == {0, 1})
    run("kafka-verifiable-producer.sh", "--topic", topic, "--max-messages", "40", "--repeating-keys", "10")
    eventually(lambda: len(stays.offsets() | leaves.offsets()) == 80)
    assert not stays.offsets() & leaves.offsets()
    stays.stop()
    assert all(event["success"] for event in stays.told + leaves.told if event["name"] == "offsets_committed")


def test_ten_megabytes(run, unique):
    topic = unique("perf")
    run("kafka-topics.sh", "--create", "--topic", topic)
    out = run("kafka-producer-perf-test.sh", "--topic", topic, "--num-records", "10000", "--record-size", "1000",
              "--throughput", "-1")
    assert "10000 records sent" in out
    out = run("kafka-get-offsets.sh", "--topic", topic)
    assert out == f"{topic}:0:10000\n"
    header, row = run("kafka-consumer-perf-test.sh", "--topic", topic, "--num-records", "10000").strip().splitlines()[-2:]
    figures = dict(zip((name.strip() for name in header.split(",")), (value.strip() for value in row.split(","))))
    assert figures["data.consumed.in.nMsg"] == "10000"


def test_apis_served(bootstrap):
    """Each API is served in just the versions that Apache Kafka serves, or not at all as long as that is to come."""
    expected = (EXPECTED / "apis_served.txt").read_text(encoding="utf-8").splitlines()
    seen = perform("apis_served", bootstrap).splitlines()
    assert len(seen) == len(expected)
    missing = {line.split("(")[0].strip() for line in seen if "UNSUPPORTED" in line} - \
        {line.split("(")[0].strip() for line in expected if "UNSUPPORTED" in line}
    assert [line for line in seen if line.split("(")[0].strip() not in missing] == \
        [line for line in expected if line.split("(")[0].strip() not in missing]
    assert not missing & NEEDED_FIRST
