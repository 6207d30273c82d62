"""`kafka-emulator topic`, `records`, `tail`, `produce`, `groups`, `group`, `partition`, `config`, `events`: asked over the control API, printed."""

import json
import sys
from urllib.parse import quote, urlencode

from emulator.apps.client import show_table
from emulator.apps.control.client import ask_politely, choose, is_alive, lines
from emulator.apps.errors import UsageError
from emulator.apps.live import lines_of
from emulator.apps.settings import parse_topics
from emulator.apps.times import moment_text

_PAGE = 1000
_WAIT_MS = 10_000
_LINES_AT_ONCE = 500


def topic(options):
    place = choose(options)
    if options.action != "create" and (options.replication_factor is not None or options.configs):
        raise UsageError(f"topic {options.action}: takes a name only")
    if options.action in ("delete", "empty"):
        ask_politely(place, "DELETE", f"/topics/{_quoted(options.topic)}{'' if options.action == 'delete' else '/records'}")
        return 0
    [(name, partitions)] = parse_topics([options.topic], f"topic {options.action}")
    if options.action == "grow":
        if partitions is None:
            raise UsageError(f"topic grow: to how many partitions? {name}:6, say")
        ask_politely(place, "POST", f"/topics/{_quoted(name)}/partitions", {"count": partitions}, timeout=60)
        return 0
    asked = {"name": name, "configs": dict(_pair(one, "--config") for one in options.configs)}
    if partitions is not None:
        asked["partitions"] = partitions
    if options.replication_factor is not None:
        asked["replication_factor"] = whole_number(options.replication_factor, "--replication-factor")
    ask_politely(place, "POST", "/topics", asked, timeout=60)
    return 0


# Records ----------------------------------------------------------------------------------------


def records(options):
    limit = whole_number(options.limit, "--limit")
    place, begin, seen, more = choose(options), options.begin, [], True
    while more and (not limit or len(seen) < limit):
        page = _read(place, options, begin, min(limit - len(seen), _PAGE) if limit else _PAGE)
        begin, more = page["next"], page["more"]
        if options.json or not limit:
            _print_records(page["records"], options.json)
            seen += page["records"] if limit else []
        else:
            seen += page["records"]
    if limit and not options.json:
        print("\n".join(lines_of([_HEADING, *map(_row, seen)], _SIDES)))
    if more and limit:
        print(f"there are more: --limit 0, or --from {begin}", file=sys.stderr)
    return 0


def tail(options):
    place, begin = choose(options), options.begin
    while True:
        try:
            page = _read(place, options, begin, _PAGE, _WAIT_MS)
        except UsageError:
            if is_alive(place):
                raise
            return 0  # the server has ended
        begin = page["next"]
        _print_records(page["records"], options.json)


def _read(place, options, begin, limit, wait_ms=0):
    query = {"from": begin, "limit": limit, "wait_ms": wait_ms, "uncommitted": "true" if options.uncommitted else "false"}
    if options.partition is not None:
        query["partition"] = whole_number(options.partition, "--partition")
    return ask_politely(place, "GET", f"/topics/{_quoted(options.topic)}/records?{urlencode(query)}", timeout=wait_ms / 1000 + 20)


_HEADING, _SIDES = ("PARTITION", "OFFSET", "TIMESTAMP", "KEY", "VALUE", "HEADERS"), ">><<<<"


def _row(record):
    if (said := record.get("decoded")) is not None:  # one of Kafka's own
        key, value = f"{said['kind']} {json.dumps(said['key'])}", "-" if said["value"] is None else json.dumps(said["value"])
        return record["partition"], record["offset"], _moment(record["timestamp"]), key, value, ""
    headers = ", ".join(f"{header['name']}={_told(header, 'value')}" for header in record["headers"])
    return record["partition"], record["offset"], _moment(record["timestamp"]), _told(record, "key"), _told(record, "value"), headers


def _print_records(found, as_json):
    for record in found:
        if as_json:
            print(json.dumps(record, ensure_ascii=False))
        else:
            partition, offset, moment, key, value, headers = _row(record)
            print(f"{partition:>3} {offset:>8}  {moment}  {key}  {value}  {headers}".rstrip())
    sys.stdout.flush()


def _moment(timestamp):
    try:
        return moment_text(timestamp)
    except (OverflowError, ValueError):  # any 64 bits may be a timestamp
        return str(timestamp)


def _told(one, name):
    """On one line, whatever is in it."""
    if f"{name}_base64" in one:
        return f"base64:{one[f'{name}_base64']}"
    value = one.get(name)
    return "-" if value is None else value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")


def produce(options):
    place, path = choose(options), f"/topics/{_quoted(options.topic)}/records"
    common = {"headers": [{"name": name, "value": value} for name, value in (_pair(one, "--header") for one in options.headers)]}
    if options.key is not None:
        common["key"] = options.key
    if options.partition is not None:
        common["partition"] = whole_number(options.partition, "--partition")
    if options.value is not None:
        _print_written(ask_politely(place, "POST", path, {"records": [{**common, "value": options.value}]}, timeout=60))
        return 0
    if sys.stdin.isatty():
        print("one record a line, until Ctrl-D", file=sys.stderr)
    asked = []
    for line in iter(sys.stdin.readline, ""):
        asked.append({**common, "value": line.removesuffix("\n")})
        if sys.stdin.isatty() or len(asked) == _LINES_AT_ONCE:
            _print_written(ask_politely(place, "POST", path, {"records": asked}, timeout=60))
            asked = []
    if asked:
        _print_written(ask_politely(place, "POST", path, {"records": asked}, timeout=60))
    return 0


def _print_written(answer):
    for one in answer["written"]:
        print(f"partition={one['partition']} offset={one['offset']}")


# Groups -----------------------------------------------------------------------------------------


def groups(options):
    def rows(found):
        return [
            ("GROUP", "TYPE", "STATE", "COORDINATOR", "MEMBERS", "LAG"),
            *((one["id"], one["type"], one["state"], one["coordinator"], one["members"], one["lag"]) for one in found),
        ]

    return show_table(options, "groups", rows, "<<<>>>", 1)


def group(options):
    place, path = choose(options), f"/groups/{_quoted(options.group)}"
    if options.delete:
        if options.seeks:
            raise UsageError("group: either --seek or --delete")
        ask_politely(place, "DELETE", path)
        return 0
    for where, to in [_pair(one, "--seek") for one in options.seeks]:
        topic, colon, index = where.partition(":")
        ask_politely(place, "POST", f"{path}/offsets", {"topic": topic, "to": to, **({"partition": whole_number(index, "--seek")} if colon else {})})
    found = ask_politely(place, "GET", path)
    for name in ("id", "type", "state", "coordinator", "lag"):
        print(f"{name}={found[name]}")
    members = [("MEMBER", "CLIENT", "HOST", "ASSIGNMENT")]
    for one in found["members"]:
        held = " ".join(f"{each['topic']}:{_ranges(each['partitions'])}" for each in one["assignment"])
        members.append((one["id"], one["client_id"] or "-", one["host"], held or "-"))
    offsets = [("TOPIC", "PARTITION", "OFFSET", "END", "LAG")]
    for one in found["offsets"]:
        offsets.append((one["topic"], one["partition"], one["offset"], *("-" if one[name] is None else one[name] for name in ("end_offset", "lag"))))
    for rows, sides in ((members, "<<<<"), (offsets, "<>>>>")):
        if len(rows) > 1:
            print("\n" + "\n".join(lines_of(rows, sides)))
    return 0


def _ranges(numbers):
    """0-2,5 of 0, 1, 2, 5."""
    parts = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


# Partitions, configs, events --------------------------------------------------------------------


def partition(options):
    index, broker = whole_number(options.index, "PARTITION"), whole_number(options.broker, "BROKER")
    what = "leader" if options.action == "move" else "isr/shrink"
    one = ask_politely(choose(options), "POST", f"/topics/{_quoted(options.topic)}/partitions/{index}/{what}", {"broker": broker})
    replicas = ",".join(str(replica["broker"]) for replica in one["replicas"])
    row = options.topic, index, one["leader"], one["leader_epoch"], replicas, ",".join(map(str, one["isr"]))
    print("\n".join(lines_of([("TOPIC", "PARTITION", "LEADER", "EPOCH", "REPLICAS", "ISR"), row], "<>>><<")))
    return 0


def config(options):
    name = whole_number(options.name, "broker") if options.kind == "broker" else _quoted(options.name)
    path = f"/{options.kind}s/{name}/configs"
    if not options.changes:
        found = ask_politely(choose(options), "GET", path)["configs"]
        found = sorted((one for one in found if options.all or one["source"] != "default"), key=lambda one: one["name"])
    else:
        pairs = [_pair(one, "config") for one in options.changes]
        asked = {"set": {key: value for key, value in pairs if value}, "remove": [key for key, value in pairs if not value]}
        found = ask_politely(choose(options), "POST", path, asked)["configs"]
    rows = [(one["name"], "-" if one["value"] is None else one["value"], one["source"]) for one in found]
    print("\n".join(lines_of([("CONFIG", "VALUE", "FROM"), *rows], "<<<")))
    return 0


def events(options):
    place = choose(options)
    try:
        for line in lines(place, f"/events?internal={'true' if options.internal else 'false'}"):
            print(line.decode().rstrip() if options.json else _event_line(json.loads(line)), flush=True)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        if is_alive(place):
            raise UsageError(f"{place} says nothing any more: {error}") from None
    return 0


def _event_line(event):
    name, moment = event.pop("event"), event.pop("timestamp", None)
    fields = " ".join(f"{key}={','.join(map(str, value)) if isinstance(value, list) else value}" for key, value in event.items())
    return f"{'' if moment is None else _moment(moment)}  {name:<18}  {fields}"


# ------------------------------------------------------------------------------------------------


def _quoted(name):
    if not name:
        raise UsageError("a name is missing")
    return quote(name, safe="")


def _pair(text, what):
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise UsageError(f"{what} {text}: expected NAME=VALUE")
    return name, value


def whole_number(text, what):
    """Raises UsageError, which begins with `what`."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise UsageError(f"{what} {text}: expected a whole number")
    return int(text)
