"""docs/differential.md: which requests were played, and what differed.

    python tests/compat/differential/report.py [ROUNDS]     (make differential)
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[2])]

from differential.answers import VOLATILE, brief  # noqa: E402
from differential.duel import Duel  # noqa: E402
from differential.families import FAMILIES, LEFT_OUT, NOT_SENT, fighters  # noqa: E402
from emulator.api import HANDLERS  # noqa: E402

REPORT = HERE.parents[2] / "docs" / "differential.md"
SEED = 431
ROUNDS = 1500

HEAD = """# The emulator beside Apache Kafka 4.3.1, request by request

`make differential` wrote this. Both servers start empty; one of a family's APIs, a version of it and a request are drawn, most fields
from values that are nearly right, some from all that the type can hold; the request goes to both; every field of the two answers is
compared; then the next, as both now stand. So each request meets the state that all before it have left. Seed {seed}, {rounds} requests
a family; `make soak` plays others with seeds of its own. Members of groups go on half of the time: their next heartbeat, or commit, has the
epoch and what they own from the last answer. In one family all is asked by a user who may do some of it: ACLs are drawn anew now and then.

| API | versions played | requests | answers that differ | Kafka stumbled |
|---|---|---:|---:|---:|
"""


def play(rounds):
    """Duels of every family."""
    apis = {handler.api.name: handler.api for handler in HANDLERS.values()}
    for number, (family, names) in enumerate(FAMILIES.items()):
        with tempfile.TemporaryDirectory() as real, tempfile.TemporaryDirectory() as ours:
            with fighters(family, Path(real), Path(ours)) as (theirs, here, users):
                duel = Duel(theirs, here, [apis[name] for name in names], SEED + number, users=users)
                duel.prepare()
                duel.play(rounds)
                duel.close()
        print(f"{family}: {sum(duel.played.values())} requests, {len(duel.differences)} differ", file=sys.stderr, flush=True)
        yield duel


def write(rounds):
    played, versions, differ, stumbled, examples = Counter(), {}, Counter(), Counter(), []
    for duel in play(rounds):
        for (name, version), count in duel.played.items():
            played[name] += count
            versions.setdefault(name, set()).add(version)
        stumbled.update(name for name, _, _ in duel.stumbled)
        for name, version, request, found in duel.differences:
            differ[name] += 1
            path, theirs, here = found[0]
            examples.append(f"- `{name}` v{version} `{brief(request)}`: `{path or 'answer'}` is `{brief(theirs)}` at Kafka, `{brief(here)}` here")
    lines = [HEAD.format(seed=SEED, rounds=rounds)]
    for name in sorted(played):
        lines.append(f"| {name} | {ranges(versions[name])} | {played[name]} | {differ[name]} | {stumbled[name] or ''} |\n")
    lines.append("\n\"Stumbled\": Kafka answered UNKNOWN_SERVER_ERROR, or nothing at all, to something that it did not foresee;\n"
                 "and, from then on, that a connection with an unanswered request is gone: the share sessions over it stay.\n")
    if examples:
        lines.append("\n## What differs\n\n" + "\n".join(examples[:40]) + "\n")
    lines.append("\n## What is not compared, and why\n\n")
    lines += [f"- `{name}`: {why}\n" for name, why in VOLATILE.items()]
    lines.append("- the configs that say where a server is\n")
    lines.append("- times that a server's own clock gave; ids that a server made up are matched with the other's\n")
    lines.append("- what Kafka describes or lists while it is at work on a change: asked again, it must say the same\n")
    lines.append("- the order of lists: Kafka gives many in that of a hash map\n")
    lines.append("- which partitions a member of a share group is assigned: Kafka's assignor follows a hash map of ids that it made up\n")
    lines.append("\n## Requests that are not sent, and why\n\n")
    lines += [f"- {what}: {why}\n" for what, why in NOT_SENT.items()]
    lines.append("\n## APIs that are not drawn, and why\n\n")
    lines += [f"- {name}: {why}\n" for name, why in LEFT_OUT.items()]
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text("".join(lines), encoding="utf-8")


def ranges(numbers):
    """{1, 2, 3, 5} as "1-3, 5"."""
    found = []
    for number in sorted(numbers):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in found)


if __name__ == "__main__":
    write(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
