"""By hand, between two servers that run: python -m differential KAFKA EMULATOR SEED ROUNDS [API,API...]"""

import os
import sys
from collections import Counter

from differential.answers import brief
from differential.duel import Duel
from emulator.api import HANDLERS

VERBOSE = "DUEL_VERBOSE" in os.environ


def main(real, ours, seed, rounds, names=None):
    by_name = {handler.api.name: handler.api for handler in HANDLERS.values()}
    apis = [by_name[name] for name in names.split(",")] if names else list(by_name.values())
    duel = Duel(real, ours, apis, int(seed))
    duel.prepare()
    shown = Counter()
    for _ in range(int(rounds)):
        before = len(duel.differences)
        duel.play(1)
        if VERBOSE:
            print(*map(str, duel.last[:2]), brief(duel.last[2]))
        for name, version, request, found in duel.differences[before:]:
            shown[name] += 1
            if shown[name] <= 3:
                print(f"{name} v{version} {brief(request)}")
                for path, a, b in found[:4]:
                    print(f"    {path or 'answer'}\n      Kafka {brief(a)}\n      ours  {brief(b)}")
    for name, version, request in duel.stumbled[:3]:
        print(f"Kafka stumbled over {name} v{version} {brief(request)}")
    print(f"{sum(duel.played.values())} requests, {len(duel.differences)} with differences: {dict(shown)}; Kafka stumbled {len(duel.stumbled)} times")


main(*sys.argv[1:])
