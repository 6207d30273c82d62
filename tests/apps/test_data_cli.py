"""The commands about data, against a server that is asked over its port; they run in this process, which is quicker."""

import io
import json
import subprocess
import sys
import threading

import pytest

from emulator import Emulator
from emulator.apps.cli import COMMANDS, main
from emulator.apps.completion import script


@pytest.fixture(scope="module")
def kafka():
    with Emulator(brokers=2, config={"control.listen": "127.0.0.1:0", "default.replication.factor": 2}) as kafka:
        yield kafka


@pytest.fixture
def said(kafka, capsys):
    """said("records", "t") -> the lines that it prints; its words, split, with `split`."""

    def said(*arguments, status=0):
        assert main([*arguments, "--control", kafka.control]) == status
        out, err = capsys.readouterr()
        return (err if status == 2 else out).splitlines()

    return said


def columns(lines):
    header, *rows = [line.split() for line in lines]
    return [dict(zip(header, row)) for row in rows]


def test_a_topic_from_beginning_to_end(said, kafka, monkeypatch, capsys):
    said("topic", "create", "orders:2", "--config", "retention.ms=100000", "--replication-factor", "1")
    assert len(kafka.server.cluster.topics["orders"].partitions[0].replicas) == 1
    assert said("produce", "orders", "hello", "--key", "k", "--header", "a=b", "--partition", "1") == ["partition=1 offset=0"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("one\ntwo\\\tx"))
    assert said("produce", "orders") == ["partition=0 offset=0", "partition=1 offset=1"]
    shown = columns(said("records", "orders"))
    assert [(one["PARTITION"], one["OFFSET"], one["KEY"], one["VALUE"]) for one in shown] == [
        ("1", "0", "k", "hello"), ("0", "0", "-", "one"), ("1", "1", "-", "two\\\\\\tx"),
    ]  # fmt: skip
    assert shown[0]["HEADERS"] == "a=b" and shown[0]["TIMESTAMP"].endswith("Z")
    assert len(said("records", "orders", "--limit", "1")) == 2
    as_json = [json.loads(line) for line in said("records", "orders", "--json", "--limit", "0", "--partition", "1")]
    assert [one["value"] for one in as_json] == ["hello", "two\\\tx"]
    assert ["retention.ms", "100000", "topic"] in [line.split() for line in said("config", "topic", "orders")]
    assert columns(said("config", "topic", "orders", "retention.ms=")) == [{"CONFIG": "retention.ms", "VALUE": "604800000", "FROM": "default"}]
    assert len(said("config", "topic", "orders", "--all")) > 20
    said("topic", "grow", "orders:3")
    assert len(kafka.server.cluster.topics["orders"].partitions) == 3
    assert said("topic", "empty", "orders") == [] and len(said("records", "orders")) == 1
    assert said("topic", "delete", "orders") == [] and "orders" not in kafka.server.cluster.topics


def test_what_comes_is_shown_as_it_comes(serve, environment, home):
    server = serve("--topic", "t")

    def begin(*arguments):
        return subprocess.Popen([sys.executable, "-m", "emulator", *arguments], env=environment, cwd=home, stdout=subprocess.PIPE, text=True)

    with begin("tail", "t", "--from", "earliest") as tail, begin("events", "--json") as events:
        with subprocess.Popen([sys.executable, "-m", "emulator", "produce", "t", "hello"], env=environment, cwd=home, stdout=subprocess.PIPE) as produce:
            assert produce.wait(20) == 0
        assert tail.stdout.readline().split()[:2] == ["0", "0"]
        with begin("topic", "create", "made") as made:
            assert made.wait(20) == 0
        timer = threading.Timer(20, events.kill)
        timer.start()
        assert {"event": "topic created", "topic": "made", "partitions": 1}.items() <= json.loads(events.stdout.readline()).items()
        timer.cancel()
        with begin("stop") as stop:
            assert stop.wait(20) == 0
        assert (tail.wait(20), events.wait(20)) == (0, 0), "they end with the server"
    assert server.end()[0] == 0


def test_groups_and_their_lag(said, kafka):
    from tests.apps.test_control_data import coordinator
    from tests.storage_client import Client

    kafka.create_topic("read", 3)
    for number in range(3):
        kafka.produce("read", "v", partition=number)
    with Client(coordinator(kafka, "readers")) as client:
        for number in (0, 1):
            assert client.commit("readers", "read", number, partition=number) == 0
    assert columns(said("groups"))[0] == {
        "GROUP": "readers", "TYPE": "Classic", "STATE": "Empty", "COORDINATOR": columns(said("groups"))[0]["COORDINATOR"], "MEMBERS": "0", "LAG": "1",
    }  # fmt: skip
    shown = said("group", "readers")
    assert "state=Empty" in shown
    assert columns(shown[shown.index("") + 1 :]) == [
        {"TOPIC": "read", "PARTITION": "0", "OFFSET": "0", "END": "1", "LAG": "1"}, {"TOPIC": "read", "PARTITION": "1", "OFFSET": "1", "END": "1", "LAG": "0"},
    ]  # fmt: skip


def test_a_group_is_told_where_to_go_on(said, kafka):
    shown = said("group", "readers", "--seek", "read=earliest", "--seek", "read:2=1")
    assert [line.split()[2] for line in shown[shown.index("") + 2 :]] == ["0", "0", "1"]
    said("group", "readers", "--delete")
    assert "no group readers" in said("group", "readers", status=2)[0]


def test_a_partition_moves(said, kafka):
    kafka.create_topic("moving")
    leader = kafka.server.cluster.partition("moving", 0).leader
    [moved] = columns(said("partition", "move", "moving", "0", str(3 - leader)))
    assert (moved["LEADER"], moved["EPOCH"]) == (str(3 - leader), "1")
    [shrunk] = columns(said("partition", "shrink", "moving", "0", str(leader)))
    assert shrunk["ISR"] == str(3 - leader)


def test_a_snapshot_by_name(said, kafka):
    kafka.create_topic("kept")
    assert columns(said("snapshot", "make", "before"))[0]["SNAPSHOT"] == "before"
    kafka.produce("kept", "v")
    said("snapshot", "make", "before", status=2)
    assert len(said("snapshot")) == 2
    said("snapshot", "restore", "before")
    assert kafka.records("kept") == []
    said("snapshot", "make", "before", "--replace")
    said("snapshot", "delete", "before")
    assert len(said("snapshot")) == 1


def test_requests_of_clients(said, kafka, monkeypatch, capsys):
    from tests.wire_client import WireClient
    from wire.apis.groups import Heartbeat
    from wire.apis.metadata import ApiVersions

    said("requests", "--keep", "0")
    assert "no requests are kept" in said("requests", status=2)[0]
    said("requests", "--keep", "10")
    with WireClient(kafka.bootstrap.split(",")[0], client_id="app") as client:
        client.call(ApiVersions, 0)
        client.call(Heartbeat, 4, group_id="g", member_id="m", generation_id=1)
        [line] = said("requests", "--api", "Heartbeat", "--client-id", "app")
        assert "app > " in line and "Heartbeat v4" in line and " ms " in line and " !! " in line
        assert json.loads(said("requests", "--last", "1", "--json")[0])["number"] == 2
        times = iter(range(3))

        def asks_again(_):
            if next(times) == 2:
                raise KeyboardInterrupt
            client.call(ApiVersions, 0)

        monkeypatch.setattr("emulator.apps.history.time.sleep", asks_again)
        followed = said("requests", "--follow", status=130)
        assert [line.split()[0] for line in followed] == ["1", "2", "3", "4"], "each once"


@pytest.mark.parametrize("arguments, why", [
    (["snapshot", "make"], "snapshot make: a name is missing"), (["snapshot", "restore", "x"], "no snapshot x; there are: "),
    (["snapshot", "restore", "x", "--replace"], "--replace: only"), (["requests", "--keep", "x"], "--keep x: expected a whole number"),
    (["topic", "create", "a:0"], "topic create a:0: expected NAME or NAME:PARTITIONS"),
    (["topic", "create", "a", "--config", "retention.ms"], "--config retention.ms: expected NAME=VALUE"),
    (["topic", "create", "a", "--config", "retention.ms=x"], "retention.ms"),
    (["topic", "delete", "nowhere"], "no topic nowhere"),
    (["topic", "delete", "a", "--replication-factor", "1"], "takes a name only"), (["topic", "grow", "a"], "to how many partitions? a:6, say"),
    (["topic", "grow", "nowhere:3"], "no topic nowhere"), (["group", "g", "--seek", "read"], "--seek read: expected NAME=VALUE"),
    (["group", "g", "--seek", "read=earliest", "--delete"], "either --seek or --delete"),
    (["topic", "forget", "a"], "invalid choice: 'forget'"),
    (["records"], "TOPIC"), (["records", "nowhere"], "no topic nowhere"), (["records", "nowhere", "--limit", "x"], "--limit x: expected a whole number"),
    (["tail", "nowhere"], "no topic nowhere"), (["produce", "no/where", "v"], "no topic no/where"[:2]),
    (["group", ""], "a name is missing"), (["group", "g/x"], "no group g/x"),
    (["partition", "move", "t", "x", "1"], "PARTITION x: expected a whole number"),
    (["config", "topic", "t", "x"], "config x: expected NAME=VALUE"), (["config", "broker", "9"], "no broker 9; there are 1, 2"),
    (["completion", "tcsh"], "tcsh"),
])  # fmt: skip
def test_bad_input_is_answered_in_one_line(kafka, capsys, arguments, why):
    where = [] if arguments[0] == "completion" else ["--control", kafka.control]
    assert main([*arguments, *where]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("kafka-emulator: error: ") and err.count("\n") == 1 and why in err


PARSERS = {name: command.parser() for name, command in COMMANDS.items()}


@pytest.mark.parametrize("typed, offered", [
    (["br"], {"broker", "brokers"}), (["broker", "k"], {"kill"}), (["topic", "create", "a", "--rep"], {"--replication-factor"}),
    (["--clock", "v"], {"virtual"}), (["--clo"], {"--clock"}), (["records", "--from", ""], set()), (["completion", "z"], {"zsh"}),
])  # fmt: skip
def test_bash_completes(typed, offered):
    words = " ".join(f"'{word}'" for word in ["kafka-emulator", *typed])
    program = f'{script("bash", PARSERS)}\nCOMP_WORDS=({words}); COMP_CWORD={len(typed)}; _kafka_emulator; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-euc", program], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and set(done.stdout.split()) == offered, done


@pytest.mark.parametrize("shell, spelled", [("zsh", "--{}"), ("fish", "-l {}")])
def test_other_shells_are_told_all(shell, spelled):
    text = script(shell, PARSERS)
    for name, parser in PARSERS.items():
        assert name in text
        for action in parser._actions:
            for option in action.option_strings:
                if option.startswith("--"):
                    assert spelled.format(option[2:]) in text, option
