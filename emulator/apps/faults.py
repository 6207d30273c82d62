"""`kafka-emulator fault`: what is to go wrong in a running server."""

from urllib.parse import quote

from emulator.apps.control.client import ask_politely, choose
from emulator.apps.data import whole_number
from emulator.apps.errors import UsageError
from emulator.apps.live import lines_of


def fault(options):
    """Adds one, shows them, asks whether one has been hit, removes one or all."""
    action, words = options.action, options.words
    if action == "add":
        asked = _said(words)
        faults = [ask_politely(choose(options), "POST", "/faults", asked)]
    elif action in ("remove", "hit"):
        if not words or len(words) > (1 if action == "remove" else 2):
            raise UsageError(f"fault {action}: which? Say one NAME; fault list shows them")
        path = f"/faults/{quote(words[0], safe='')}"
        if action == "remove":
            faults = [ask_politely(choose(options), "DELETE", path)]
        else:
            times = f"?times={whole_number(words[1], 'fault hit: TIMES')}" if words[1:] else ""
            faults = [ask_politely(choose(options), "GET", f"{path}/hit{times}")]
    elif words:
        raise UsageError(f"fault {action}: takes no {words[0]}")
    elif action == "clear":
        print(f"{ask_politely(choose(options), 'DELETE', '/faults')['removed']} removed")
        return 0
    else:
        faults = ask_politely(choose(options), "GET", "/faults")["faults"]
    rows = [("FAULT", "HITS", "CALLS", "WHAT")]
    for one in faults:
        what = " ".join(f"{word}={_word(value)}" for word, value in one["fault"].items() if word != "name")
        rows.append((one["name"], one["hits"], one["calls"], what + (" (spent)" if one["spent"] else "")))
    print("\n".join(lines_of(rows, "<>><")))
    return 0


def _said(words):
    """{word: value} of WORD=VALUE texts."""
    asked = {}
    for text in words:
        word, equals, value = text.partition("=")
        if not equals or not word:
            raise UsageError(f"fault add: {text}: expected WORD=VALUE, such as api=Produce")
        if word in asked:
            raise UsageError(f"fault add: {word} is given twice; several values have commas between them")
        asked[word] = value
    return asked


def _word(value):
    return ",".join(map(str, value)) if isinstance(value, list) else value
