"""`kafka-emulator status`, `topics`, `clock`, `stop` and their like: one question to a running server, printed."""

import time

from emulator.apps.control.client import ask, ask_politely, choose, is_alive
from emulator.apps.errors import UsageError
from emulator.apps.live import lines_of, watch
from emulator.apps.times import parse_duration

_STOP_WITHIN_S = 10
_SIDES_OF_BROKERS = "><<<<>>>>"


def status(options):
    for name, value in ask_politely(choose(options), "GET", "/status").items():
        print(f"{name}={','.join(value) if isinstance(value, list) else value}")
    return 0


def topics(options):
    """A line per partition, in columns; a topic's name and id stand in each, for awk's sake."""
    table = (_described, "<>>><<>><", 2) if options.describe else (_listed, "<<>>>", 3)
    return show_table(options, "topics", *table)


def show_table(options, what, rows_of, sides, key):
    """What the server says of these now or, with --watch, goes on saying."""
    path = choose(options)

    def look(ask=ask_politely):
        return rows_of(ask(path, "GET", f"/{what}")[what])

    if not options.watch:
        print("\n".join(lines_of(look(), sides)))
        return 0
    look()  # which says so where nobody answers
    try:
        watch(lambda: look(ask), sides, key)
    except OSError as error:
        if isinstance(error, BrokenPipeError) or is_alive(path):
            raise
        return 0  # the server has ended
    return 0


def _listed(topics):
    rows = [("TOPIC", "TOPIC-ID", "PARTITION", "START", "END")]
    for topic in topics:
        for one in topic["partitions"]:
            rows.append((topic["name"], topic["topic_id"], one["partition"], one["start_offset"], one["end_offset"]))
    return rows


def _described(topics):
    rows = [("TOPIC", "PARTITION", "LEADER", "EPOCH", "REPLICAS", "ISR", "START", "END", "LAG")]
    for topic in topics:
        for one in topic["partitions"]:
            lags = [f"{replica['broker']}:{replica['lag']}" for replica in one["replicas"] if replica["lag"]]
            replicas = ",".join(str(replica["broker"]) for replica in one["replicas"])
            leader = "none" if one["leader"] < 0 else one["leader"]
            rows.append((topic["name"], one["partition"], leader, one["leader_epoch"], replicas, ",".join(map(str, one["isr"])) or "-",
                         one["start_offset"], one["end_offset"], ",".join(lags) or "-"))  # fmt: skip
    return rows


def brokers(options):
    return show_table(options, "brokers", _of_brokers, _SIDES_OF_BROKERS, 1)


def broker(options):
    """Does something to one, and shows how it is then."""
    if not (options.broker.isascii() and options.broker.isdigit()):
        raise UsageError(f"broker {options.broker}: expected a node id, such as 2")
    if (options.action == "slow") != (options.delay is not None):
        raise UsageError("broker slow: how much? DELAY is missing, such as 200ms" if options.action == "slow"
                         else f"broker {options.action}: takes no {options.delay}")
    asked = {} if options.delay is None else {"delay_ms": parse_duration(options.delay)}
    answer = ask_politely(choose(options), "POST", f"/brokers/{options.broker}/{options.action}", asked)
    print("\n".join(lines_of(_of_brokers([answer]), _SIDES_OF_BROKERS)))
    return 0


def _of_brokers(brokers):
    rows = [("BROKER", "RACK", "ADDRESS", "STATE", "CONTROLLER", "LEADERS", "REPLICAS", "IN-SYNC", "LAG")]
    for one in brokers:
        state = one["state"] + (", fenced" if one["fenced"] and one["state"] in ("running", "frozen", "split") else "")
        rows.append((one["id"], one["rack"] or "-", one["address"], state, "yes" if one["controller"] else "-", one["leaders"], one["replicas"], one["in_sync"], one["lag"]))
    return rows


def clock(options):
    """Shows it, or moves time on: then what came of it is printed, too."""
    if options.action is None:
        answer = ask_politely(choose(options), "GET", "/clock")
    else:
        by = " ".join(options.duration)
        if not by:
            raise UsageError("clock advance: by how much? DURATION is missing, such as 7d, 90s or 1h30m")
        parse_duration(by)  # which needs no server to be found wrong
        asked = {"by": by, "expire_sessions": options.expire_sessions}
        answer = ask_politely(choose(options), "POST", "/clock/advance", asked, timeout=None)
    happened = answer.pop("happened", None)
    for name, value in answer.items():
        print(f"{name}={value}")
    if happened is not None:
        _print_counts(happened)
    return 0


def cleaner(options):
    _print_counts(ask_politely(choose(options), "POST", "/cleaner/run", {}, timeout=None)["done"])
    return 0


def retention(options):
    _print_counts(ask_politely(choose(options), "POST", "/retention/run", {}, timeout=None)["done"])
    return 0


def _print_counts(counts):
    for what, count in counts.items():
        print(f"{count} {what}")
    if not counts:
        print("nothing was due")


def stop(options):
    """Returns once the server has closed all it had open: its control socket goes last."""
    path = choose(options)
    ask_politely(path, "POST", "/stop")
    deadline = time.monotonic() + _STOP_WITHIN_S
    while is_alive(path):
        if time.monotonic() > deadline:
            raise UsageError(f"the server at {path} has not ended within {_STOP_WITHIN_S} s")
        time.sleep(0.01)
    return 0
