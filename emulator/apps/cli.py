"""The `kafka-emulator` command: finds the subcommand, hands it its options, says in one line what went wrong.

Nothing heavy is imported here: a server must answer 0.35 s after its start, and `status` needs no server code.
"""

import argparse
import sys
from importlib import import_module

from emulator import __version__
from emulator.apps import arguments
from emulator.apps.errors import UsageError

ACTIONS = ("kill", "stop", "start", "freeze", "thaw", "split", "mend", "pause", "resume", "slow")
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("text", "json")

EXAMPLES = """\
other commands (each has --help):
  status                one server's address, age, topics and connections
  topics                its topics: partitions, ids, start and end offsets
  topic create orders:6 makes one; also topic grow, empty, delete
  records orders        what is in it; tail orders goes on as more comes; produce orders VALUE writes
  groups                its groups, with how far they lag; group NAME: members and offsets; --seek sets them
  partition move t 0 2  has broker 2 lead partition 0 of t
  config topic orders   configs of a topic, a broker or a group; config topic orders retention.ms=5000 sets one
  events                what happens there, as it happens
  snapshot make NAME    keeps all that is there; snapshot restore NAME brings it back
  requests --keep 1000  what clients ask is kept from now on; requests --follow shows it
  brokers               its brokers: id, rack, address, state, what each leads and how far it lags
  broker kill 2         what becomes of one: kill, stop, start, freeze, thaw, split, mend; pause, resume, slow its replication
  fault add api=Produce topic=orders error=NOT_LEADER_OR_FOLLOWER times=2
                        lets requests go wrong; fault list, fault remove NAME, fault clear
  clock                 its clock; clock advance 7d moves one that is virtual, and does what falls due on the way
  cleaner run           compact now what is due
  retention run         delete now what is no longer kept
  stop                  end it
  proxy --upstream ...  the same clients and faults before a cluster that runs elsewhere
  record FILE           a proxy that writes what passes; replay FILE answers from that
  zookeeper zoo.cfg     ZooKeeper servers; zookeeper status zoo.cfg shows them
  mirror --from A --to B  copies topics from one cluster to another, and goes on
  certs DIR             certificates for TLS, as PEM and PKCS#12
  completion bash       a script with which the shell completes all this; also zsh, fish

examples:
  kafka-emulator
        one broker on localhost:9092, in memory
  kafka-emulator --listen 127.0.0.1:0 --topic orders:6 --topic audit
        a free port, printed as bootstrap.servers=127.0.0.1:PORT once it serves, and two topics
  kafka-emulator --config config.yaml --log-level debug
        Kafka's own server.properties names, as YAML
  kafka-emulator topics --bootstrap localhost:9092
        of the server there, where several run
"""


class Parser(argparse.ArgumentParser):
    """argparse, but an error is one line, and nobody asks how wide the terminal is: that takes 4 ms."""

    def __init__(self, **options):
        def formatter(prog):
            return argparse.RawDescriptionHelpFormatter(prog, width=110, max_help_position=28)

        super().__init__(formatter_class=formatter, allow_abbrev=False, **options)

    def error(self, message):
        raise UsageError(message)


def serve_parser():
    parser = Parser(
        prog="kafka-emulator", usage="kafka-emulator [serve] [options]\n       kafka-emulator status|topics|brokers|... [options]",
        description="A Kafka cluster in one small process, for whatever speaks Kafka's protocol (as of Apache Kafka 4.3.1).",
        epilog=EXAMPLES,
    )
    option = parser.add_argument
    option("--config", metavar="FILE", help="YAML with the names of Kafka's server.properties; see config.yaml")
    option("--listen", metavar="HOST:PORT",
           help="serve here, wherever the file says that its listener is; port 0: a free one (default localhost:9092)")
    option("--topic", metavar="NAME[:PARTITIONS]", action="append", default=[], dest="topics",
           help="create this topic at the start; may be repeated")
    option("--add-scram", metavar="MECHANISM=[name=NAME,password=PASSWORD]", action="append", default=[],
           help="let this user log in by SCRAM, as kafka-storage.sh does; may be repeated; who is there already stays as he is")
    option("--brokers", metavar="N", help="so many brokers, on the port of --listen and those after it (default 1)")
    option("--racks", metavar="A,B,...", help="the rack of each broker")
    option("--data-dir", metavar="DIR", help="keep all in this directory, in Kafka's own files, and go on with what is there (default: in memory)")
    option("--clock", choices=("real", "virtual"), metavar="CLOCK",
           help="virtual: time stands still until `kafka-emulator clock advance` moves it (default real)")
    option("--seed", metavar="NUMBER", help="of every id and choice, so that they come again (default: another each time, printed)")
    option("--as-version", metavar="RELEASE",
           help="pass for an earlier Kafka, 3.0 to 4.2: no later API, version or feature (default 4.3)")
    option("--log-level", choices=LOG_LEVELS, default="info", metavar="LEVEL",
           help=f"what is logged to stderr: {', '.join(LOG_LEVELS)} (default info)")
    option("--log-format", choices=LOG_FORMATS, default="text", metavar="FORMAT",
           help="text, or json: an object a line, with timestamp, level, logger, message, template and, of a failure, error and traceback (default text)")
    option("--control", metavar="PATH|HOST:PORT", action="append", default=[],
           help="where to open the control socket, which the other commands talk to (default: a place of its own, where they find it), "
                "or a port for the same API and the web console; may be given as both")
    _token_option(parser)
    option("--metrics", metavar="HOST:PORT", help="a port where there are /metrics and /health alone, for whoever asks")
    option("--version", action="version", version=f"kafka-emulator {__version__}")
    return parser


def _token_option(parser):
    parser.add_argument("--token-file", metavar="FILE",
                        help="the token of the control port is in this file (default: it is in KAFKA_EMULATOR_CONTROL_TOKEN; "
                             "a server that has none draws and prints one, unless the port is on loopback)")


def client_parser(command, description):
    parser = Parser(prog=f"kafka-emulator {command}", description=description)
    parser.add_argument("--bootstrap", metavar="HOST:PORT", help="the server that listens there, where several run")
    parser.add_argument("--control", metavar="PATH|HOST:PORT", help="the server with this control socket or port")
    _token_option(parser)
    return parser


def run_serve(arguments):
    options = serve_parser().parse_args(arguments)
    from emulator.apps.serve import serve

    return serve(options)


def clock_arguments(parser):
    parser.usage = "kafka-emulator clock [options]\n       kafka-emulator clock advance DURATION [--expire-sessions] [options]"
    parser.add_argument("action", nargs="?", choices=("advance",), metavar="advance", help="move a virtual clock on")
    parser.add_argument("duration", nargs="*", metavar="DURATION", help="such as 7d, 90s, 1h30m or 500ms")
    parser.add_argument("--expire-sessions", action="store_true",
                        help="let sessions of group members end that are connected, too; they survive otherwise")


def broker_arguments(parser):
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = """\
kill     gone at once: its connections are reset, others lead what it led
stop     a controlled shutdown: others lead first
start    again, after kill or stop
freeze   clients are accepted and never answered; given up after broker.session.timeout.ms
thaw     after freeze: it goes on, and answers what was asked meanwhile
split    clients cannot reach it any more, other brokers can
mend     after split: clients can again
pause    it follows its leaders no more
resume   after pause
slow     it waits DELAY before each round of fetches from its leaders; 0ms: as fast as it can"""
    parser.add_argument("action", choices=ACTIONS, metavar="ACTION", help=", ".join(ACTIONS))
    parser.add_argument("broker", metavar="ID", help="its node id")
    parser.add_argument("delay", nargs="?", metavar="DELAY", help="of slow: such as 200ms or 3s")


def topics_arguments(parser):
    parser.add_argument("--describe", action="store_true", help="leaders, leader epochs, replicas, those in sync, and how far others lag")
    watch_arguments(parser)


def watch_arguments(parser):
    parser.add_argument("--watch", action="store_true", help="kept up to date until Ctrl-C; a line for each change where the output is no terminal")


def run_arguments(parser):
    parser.add_argument("action", choices=("run",), metavar="run", help="do it now")


def run_client(command, description, add_arguments=None, module="client"):
    """What runs a command: the function of its name in a module of apps, which is imported then."""

    def parser():
        made = client_parser(command, description)
        if add_arguments is not None:
            add_arguments(made)
        return made

    def run(arguments):
        options = parser().parse_args(arguments)
        return getattr(import_module(f"emulator.apps.{module}"), command)(options)

    run.parser = parser
    return run


def zookeeper_parser():
    parser = Parser(
        prog="kafka-emulator zookeeper",
        usage="kafka-emulator zookeeper zoo.cfg [--myid N] [--log-level LEVEL] [--log-format FORMAT]\n       kafka-emulator zookeeper status zoo.cfg [--watch]",
        description="A ZooKeeper server, alone or in the ensemble of a zoo.cfg; without --myid (and without dataDir/myid) all of the "
                    "file's servers run in this process. status: role, epoch, zxid and last tick of each, asked over the network.")
    parser.add_argument("config", metavar="zoo.cfg", help="ZooKeeper's own configuration file")
    parser.add_argument("--myid", type=int, metavar="N", help="run server.N of the file here")
    watch_arguments(parser)
    parser.add_argument("--log-level", choices=LOG_LEVELS, default="info", metavar="LEVEL")
    parser.add_argument("--log-format", choices=LOG_FORMATS, default="text", metavar="FORMAT", help="text, or json: an object a line")
    return parser


def run_zookeeper(arguments):
    asks = arguments[:1] == ["status"]
    options = zookeeper_parser().parse_args(arguments[1:] if asks else arguments)
    if options.watch and not asks:
        raise UsageError("--watch: only zookeeper status can be kept up to date")
    from emulator.apps.zookeeper import command

    return command.status(options) if asks else command.serve(options)


def proxy_parser():
    parser = Parser(
        prog="kafka-emulator proxy",
        description="A listener for each broker of a cluster that runs elsewhere (Apache Kafka 4.3.1, or another): clients come here, and "
                    "never learn another address.")
    return _proxy_options(parser)


def _proxy_options(parser):
    option = parser.add_argument
    option("--upstream", metavar="HOST:PORT,...", help="brokers of the cluster behind (upstream.bootstrap.servers)")
    option("--listen", metavar="HOST:PORT", help="where clients come first; broker N is at PORT + 1 + N (default localhost:9092)")
    option("--overlay", metavar="PATTERN,...", help="topics that are served here and not by the cluster behind, such as orders,test-* (overlay.topics)")
    option("--config", metavar="FILE", help="YAML with listeners, upstream.bootstrap.servers, upstream.security.protocol, rules ...; see docs/proxy.md")
    option("--log-level", choices=LOG_LEVELS, default="info", metavar="LEVEL")
    option("--log-format", choices=LOG_FORMATS, default="text", metavar="FORMAT", help="text, or json: an object a line")
    option("--control", metavar="PATH", help="where to open the control socket")
    return parser


def run_proxy(arguments):
    options = proxy_parser().parse_args(arguments)
    options.record = None
    from emulator.apps.proxy import command

    return command.serve(options)


def mirror_parser():
    parser = Parser(
        prog="kafka-emulator mirror",
        description="Copies topics from one cluster to another and goes on as more comes: any mix of Kafka and this. At least once, or exactly once; partitions, keys, "
                    "headers, times and compression stay, topics, partitions and configs are followed. docs/mirror.md says more.")
    option = parser.add_argument
    option("--from", metavar="HOST:PORT,...", dest="source", help="brokers of the cluster that is read")
    option("--to", metavar="HOST:PORT,...", dest="target", help="brokers of the cluster that is written")
    option("--config", metavar="FILE", help="YAML with mirror.topics, mirror.from.bootstrap.servers, mirror.from.security.protocol ...; see docs/mirror.md")
    option("--topics", metavar="PATTERN,...", help="names, or regular expressions of whole names (default: all but Kafka's own)")
    option("--prefix", metavar="TEXT", help="before each topic's name in the other cluster (default: none)")
    option("--groups", metavar="PATTERN,...", help="consumer groups whose offsets follow, translated (default: none)")
    option("--exactly-once", action="store_true", help="copy within transactions of the other cluster")
    option("--name", metavar="NAME", help="of those: the newest mirror of a name ends older ones (default: none)")
    option("--once", action="store_true", help="end when all is copied that was there")
    option("--queue", metavar="MB", help="of what was read and is not written yet (default 32)")
    option("--refresh", metavar="SECONDS", help="how often topics, partitions and configs are looked at (default 5)")
    option("--log-level", choices=LOG_LEVELS, default="warning", metavar="LEVEL")
    return parser


def run_mirror(arguments):
    options = mirror_parser().parse_args(arguments)
    from emulator.apps.mirror import command

    return command.run(options)


def record_parser():
    parser = Parser(prog="kafka-emulator record", description="A proxy that writes what clients ask and are answered, decoded, a JSON line each; "
                                                              "see docs/recordings.md.")
    parser.add_argument("record", metavar="FILE", help="what to write; it is begun anew")
    return _proxy_options(parser)


def run_record(arguments):
    options = record_parser().parse_args(arguments)
    from emulator.apps.proxy import command

    return command.serve(options)


def replay_parser():
    parser = Parser(prog="kafka-emulator replay", description="Answers from a recording, without any cluster. Ends with status 1 if clients asked anything else.")
    parser.add_argument("file", metavar="FILE", help="what `kafka-emulator record` wrote")
    parser.add_argument("--lenient", action="store_true", help="what was asked the same is answered the same, in any order and by anyone (default: "
                                                               "each connection says what one said in the recording, in its order)")
    parser.add_argument("--record", action="store_true", help="record FILE anew instead, before the cluster of --upstream")
    return _proxy_options(parser)


def run_replay(arguments):
    options = replay_parser().parse_args(arguments)
    from emulator.apps.proxy import command

    if options.record:
        options.record = options.file
        return command.serve(options)
    for name in ("config", "overlay"):
        if getattr(options, name) is not None:
            raise UsageError(f"--{name}: only with --record; a replay needs --listen at most")
    return command.replay(options)


def certs_parser():
    parser = Parser(prog="kafka-emulator certs", description="Makes an authority for development and certificates for servers and clients, as PEM and "
                                                             "PKCS#12, and says what to configure. What is there already stays as it is.")
    parser.add_argument("directory", metavar="DIR", help="where they are put; it is made if need be")
    parser.add_argument("--host", metavar="NAME", action="append", default=[], dest="hosts",
                        help="a name or an address by which clients reach the server; may be repeated (default: localhost, 127.0.0.1 and ::1)")
    parser.add_argument("--client", metavar="NAME", action="append", default=[], dest="clients", help="a client's certificate, of User:CN=NAME; may be repeated")
    parser.add_argument("--days", metavar="N", type=int, default=365, help="how long they hold (default 365)")
    parser.add_argument("--password", metavar="TEXT", default="changeit", help="of the PKCS#12 files (default changeit)")
    return parser


def run_certs(arguments):
    options = certs_parser().parse_args(arguments)
    from emulator.apps import certs

    return certs.make(options)


def completion_parser():
    parser = Parser(prog="kafka-emulator completion", description="Prints a script with which a shell completes this command.", epilog="""\
bash:  source <(kafka-emulator completion bash)                                     in ~/.bashrc
zsh:   source <(kafka-emulator completion zsh)                                      in ~/.zshrc, after compinit
fish:  kafka-emulator completion fish > ~/.config/fish/completions/kafka-emulator.fish""")
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), metavar="SHELL", help="bash, zsh or fish")
    return parser


def run_completion(arguments):
    options = completion_parser().parse_args(arguments)
    from emulator.apps.completion import script

    print(script(options.shell, {name: command.parser() for name, command in COMMANDS.items()}), end="")
    return 0


run_serve.parser, run_proxy.parser, run_zookeeper.parser = serve_parser, proxy_parser, zookeeper_parser
run_mirror.parser, run_completion.parser = mirror_parser, completion_parser
run_certs.parser = certs_parser
run_record.parser, run_replay.parser = record_parser, replay_parser

COMMANDS = {
    "serve": run_serve,
    "status": run_client("status", "Prints one server's address, age, topics and connections."),
    "topics": run_client("topics", "Lists one server's topics, a line per partition with its start and end offsets.", topics_arguments),
    "brokers": run_client("brokers", "Lists one server's brokers: what each leads and replicates, and how far it lags.", watch_arguments),
    "broker": run_client("broker", "Has something happen to a broker of one server.", broker_arguments),
    "clock": run_client(
        "clock", "Shows one server's clock, or moves one that is virtual: all that would have happened by then happens.",
        clock_arguments,
    ),
    "cleaner": run_client("cleaner", "Compacts, in one server, all logs that are due.", run_arguments),
    "retention": run_client(
        "retention", "Deletes, in one server, the segments that retention.ms and retention.bytes no longer keep.", run_arguments
    ),
    "stop": run_client("stop", "Ends one server."),
    **{command: run_client(command, description, add_arguments, "data") for command, (description, add_arguments) in arguments.OF_DATA.items()},
    **{command: run_client(command, description, add_arguments, "history") for command, (description, add_arguments) in arguments.OF_HISTORY.items()},
    "fault": run_client("fault", "Lets requests to one server go wrong, shows how often they have, and stops it.", arguments.fault, "faults"),
    "proxy": run_proxy,
    "record": run_record,
    "replay": run_replay,
    "zookeeper": run_zookeeper,
    "mirror": run_mirror,
    "certs": run_certs,
    "completion": run_completion,
}


def main(arguments=None):
    """Run the command; gives the exit status: 0, 2 after a usage error, 130 after an interrupt."""
    if arguments is None:
        arguments = sys.argv[1:]
    try:
        if not arguments or arguments[0].startswith("-"):
            return run_serve(arguments)
        if arguments[0] not in COMMANDS:
            raise UsageError(f"no command {arguments[0]}; there are {', '.join(COMMANDS)}")
        return COMMANDS[arguments[0]](arguments[1:])
    except UsageError as error:
        print(f"kafka-emulator: error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `kafka-emulator topics | head`
        sys.stderr.close()
        return 141
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
