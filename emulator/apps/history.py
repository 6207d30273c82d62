"""`kafka-emulator snapshot` and `requests`: what a server has kept of what it was, and of what it was asked."""

import json
import sys
import time
from urllib.parse import quote, urlencode

from emulator.apps.control.client import ask, ask_politely, choose, is_alive
from emulator.apps.data import whole_number
from emulator.apps.errors import UsageError
from emulator.apps.live import lines_of

_EVERY_S = 0.25
_MOST = 10_000  # that are asked for at a time


def snapshot(options):
    place = choose(options)
    if (options.action is None) != (options.name is None):
        raise UsageError(f"snapshot {options.action}: a name is missing")
    if options.replace and options.action != "make":
        raise UsageError("--replace: only `snapshot make` takes it")
    if options.action is None:
        found = ask_politely(place, "GET", "/snapshots")["snapshots"]
    elif options.action == "make":
        found = [ask_politely(place, "POST", "/snapshots", {"name": options.name, "replace": options.replace}, timeout=60)]
    else:
        path = f"/snapshots/{quote(options.name, safe='')}"
        found = [ask_politely(place, "DELETE", path) if options.action == "delete" else ask_politely(place, "POST", f"{path}/restore", {}, timeout=60)]
    print("\n".join(lines_of([("SNAPSHOT", "OF", "TOPICS"), *((one["name"], one["now"], one["topics"]) for one in found)], "<<>")))
    return 0


def requests(options):
    place, last = choose(options), whole_number(options.last, "--last")
    if options.keep is not None:
        ask_politely(place, "POST", "/requests/keep", {"most": whole_number(options.keep, "--keep")})
        if not options.follow:
            return 0
    answer = _newest(place, options, 0, last, ask_politely)
    if not answer["kept"]:
        raise UsageError("no requests are kept: `kafka-emulator requests --keep 1000` begins it")
    if not options.follow:
        _print(answer["requests"], options.json)
        return 0
    return _follow(place, options, answer)


def _follow(place, options, answer):
    """Each is printed once it is answered, or will not be."""
    highest, under_way = 0, set()
    while True:
        new = [one for one in answer["requests"] if one["number"] > highest or one["number"] in under_way]
        highest = max([highest, *(one["number"] for one in new)])
        under_way = {one["number"] for one in new if one["outcome"] == "under way"}
        _print([one for one in new if one["number"] not in under_way], options.json)
        time.sleep(_EVERY_S)
        try:
            answer = _newest(place, options, min(under_way, default=highest + 1) - 1, _MOST, ask)
        except (OSError, UsageError):
            if is_alive(place):
                raise
            return 0  # the server has ended


def _newest(place, options, after, last, ask):
    query = {"after": after, "last": max(last, 1), **{name: value for name in ("api", "client_id") if (value := getattr(options, name)) is not None}}
    return ask(place, "GET", f"/requests?{urlencode(query)}", timeout=60)


def _print(found, as_json):
    for one in found:
        print(json.dumps(one, ensure_ascii=False) if as_json else _line(one))
    sys.stdout.flush()


def _line(one):
    duration = "-" if one["duration_ms"] is None else f"{one['duration_ms']:.3f} ms"
    who = f"{one['client_id'] or one['client']} > {'any' if one['broker'] is None else one['broker']}"
    came = one["response"] if one["outcome"] == "answered" else one["outcome"]
    return f"{one['number']:>6}  {one['now']}  {duration:>12}  {who:<24}  {one['api']} v{one['version']}  {one['request']}  ->  {came}".rstrip()
