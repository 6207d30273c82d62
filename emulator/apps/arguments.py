"""What the commands about data take: topics, records, groups, partitions, configs, events, snapshots, requests, faults."""

from argparse import RawDescriptionHelpFormatter


def topic(parser):
    parser.usage = ("kafka-emulator topic create NAME[:PARTITIONS] [options]\n       kafka-emulator topic grow NAME:PARTITIONS [options]\n"
                    "       kafka-emulator topic delete|empty NAME [options]")
    parser.add_argument("action", choices=("create", "grow", "empty", "delete"), metavar="create|grow|empty|delete",
                        help="grow: to so many partitions; empty: deletes its records")
    parser.add_argument("topic", metavar="NAME", help="such as orders, or orders:6 with its number of partitions")
    parser.add_argument("--replication-factor", metavar="N", help="replicas of each partition (default: default.replication.factor)")
    parser.add_argument("--config", metavar="KEY=VALUE", action="append", default=[], dest="configs", help="a config of it; may be repeated")


def _reading(parser, begin, help_of_begin):
    parser.add_argument("topic", metavar="TOPIC", help="its name")
    parser.add_argument("--partition", metavar="N", help="of one only")
    parser.add_argument("--from", metavar="WHERE", default=begin, dest="begin",
                        help=f"earliest, latest, an offset, or -N: the newest N of each partition (default {help_of_begin})")  # fmt: skip
    parser.add_argument("--uncommitted", action="store_true", help="also those of transactions that are open or were aborted")
    parser.add_argument("--json", action="store_true", help="a JSON object a line: key and value, or key_base64 and value_base64 where they are no text")


def records(parser):
    _reading(parser, "earliest", "earliest")
    parser.add_argument("--limit", metavar="N", default="100", help="so many at most (default 100); 0: all")


def tail(parser):
    _reading(parser, "latest", "latest")


def produce(parser):
    parser.add_argument("topic", metavar="TOPIC", help="its name")
    parser.add_argument("value", nargs="?", metavar="VALUE", help="of the record; without it each line of the input is one")
    parser.add_argument("--key", metavar="KEY", help="of the record, or of each")
    parser.add_argument("--header", metavar="NAME=VALUE", action="append", default=[], dest="headers", help="may be repeated")
    parser.add_argument("--partition", metavar="N", help="(default: as the key says, or in turns)")


def groups(parser):
    parser.add_argument("--watch", action="store_true", help="kept up to date until Ctrl-C; a line for each change where the output is no terminal")


def group(parser):
    parser.add_argument("group", metavar="NAME", help="group id")
    parser.add_argument("--seek", metavar="TOPIC[:PARTITION]=WHERE", action="append", default=[], dest="seeks",
                        help="where it goes on, once it has no members: earliest, latest or an offset; may be repeated")
    parser.add_argument("--delete", action="store_true", help="delete it, once it has no members")


def partition(parser):
    parser.add_argument("action", choices=("move", "shrink"), metavar="move|shrink",
                        help="move: the broker leads it from now on; shrink: the broker leaves its in-sync replicas until its next fetch")  # fmt: skip
    parser.add_argument("topic", metavar="TOPIC", help="its name")
    parser.add_argument("index", metavar="PARTITION", help="its number")
    parser.add_argument("broker", metavar="BROKER", help="a node id")


def config(parser):
    parser.add_argument("kind", choices=("topic", "broker", "group"), metavar="topic|broker|group", help="of what")
    parser.add_argument("name", metavar="NAME", help="a topic's name, a node id, a group id")
    parser.add_argument("changes", nargs="*", metavar="KEY=VALUE", help="to be set; KEY= has its default again")
    parser.add_argument("--all", action="store_true", help="also those that have their defaults")


def events(parser):
    parser.add_argument("--json", action="store_true", help="a JSON object a line")
    parser.add_argument("--internal", action="store_true", help="also of Kafka's own topics")


def snapshot(parser):
    parser.usage = "kafka-emulator snapshot [options]\n       kafka-emulator snapshot make|restore|delete NAME [options]"
    parser.add_argument("action", nargs="?", choices=("make", "restore", "delete"), metavar="make|restore|delete", help="what to do (default: list all)")
    parser.add_argument("name", nargs="?", metavar="NAME", help="of the snapshot")
    parser.add_argument("--replace", action="store_true", help="make: one of the same name may go")


def requests(parser):
    parser.add_argument("--keep", metavar="N", help="from now on the newest N are kept; 0: none, which costs nothing")
    parser.add_argument("--api", metavar="NAME", help="only of this one, such as Fetch")
    parser.add_argument("--client-id", metavar="ID", help="only of this client")
    parser.add_argument("--last", metavar="N", default="100", help="so many of them (default 100)")
    parser.add_argument("--follow", action="store_true", help="and those to come, once they are answered, until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="a JSON object a line")


def fault(parser):
    parser.usage = ("kafka-emulator fault add WORD=VALUE ... [options]\n       kafka-emulator fault list [options]\n"
                    "       kafka-emulator fault hit NAME [TIMES] [options]\n       kafka-emulator fault remove NAME [options]\n"
                    "       kafka-emulator fault clear [options]")  # fmt: skip
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.epilog = """\
when   api, versions, client, principal, host, broker, topic, partition, group, member, transaction, coordinator, resource, user,
       feature, log_dir; nth, skip, times, probability, seed, after_fault, after_calls, since, until
then   error, level, message; delay, delay_answer, jitter, throttle, bandwidth; drop, hang, unreachable; torn, truncated,
       correlation_id; corrupt_crc, duplicate, stale; clock_skew
docs/faults.md says what each means. hit: whether it has happened, so many TIMES or at least once; else the exit status is 2."""
    parser.add_argument("action", choices=("add", "list", "hit", "remove", "clear"), metavar="ACTION", help="add, list, hit, remove, clear")
    parser.add_argument("words", nargs="*", metavar="WORD=VALUE", help="such as api=Fetch partition=0,3 error=OFFSET_OUT_OF_RANGE times=1")


OF_HISTORY = {
    "snapshot": ("Keeps all that a cluster in memory has under a name, brings it back, or lists what is kept.", snapshot),
    "requests": ("Shows the newest requests of clients and what they were answered, of those that are kept.", requests),
}
OF_DATA = {
    "topic": ("Makes, grows, empties or deletes a topic.", topic),
    "records": ("Shows records of a topic, as a consumer gets them.", records),
    "tail": ("Shows records of a topic as they come, until Ctrl-C.", tail),
    "produce": ("Writes a record, or each line of the input as one; returns when all replicas in sync have them.", produce),
    "groups": ("Lists groups of every protocol, with how far they lag.", groups),
    "group": ("Shows one group: its members with what each has, and its offsets; or says where it goes on.", group),
    "partition": ("Has another broker lead a partition, or leave its in-sync replicas.", partition),
    "config": ("Shows configs, or sets them, all or none.", config),
    "events": ("Shows what happens in a server as it happens, until Ctrl-C.", events),
}
