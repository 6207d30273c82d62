"""A fork is not told from its original by random requests, nor is what was restored: every field of every answer is the same."""

from datetime import datetime, timezone

import pytest

from differential.answers import brief
from differential.duel import Duel, Side
from differential.families import FAMILIES, SETTINGS
from emulator import Emulator
from emulator.api import HANDLERS
from wire import errors

# What a rebalance under way has heard so far is in no log, and a snapshot does not have it.
LEFT_OUT = {"JoinGroup"}
IN_SHORT = ("groups", "members", "share", "transactions")


# Sessions are not kept either: their clients begin new ones.
NO_SESSION = (errors.FETCH_SESSION_ID_NOT_FOUND, errors.SHARE_SESSION_NOT_FOUND)


def play(duel, rounds, is_new=False):
    duel.play(rounds)
    told = [
        f"{name} v{version} {brief(request)}: {found[:3]}" for name, version, request, found in duel.differences
        if not (is_new and any(path == ".error_code" and ours in NO_SESSION for path, _, ours in found))
    ]
    duel.differences.clear()
    assert not told, "\n".join(told)


def duel_of_copies(family, seed, rounds):
    by_name = {handler.api.name: handler.api for handler in HANDLERS.values()}
    # What waits for a while of real time is at another point of that in a copy.
    settings = {**SETTINGS["members"], **SETTINGS.get(family, {})}
    options = dict(seed=seed, clock="virtual", clock_start=datetime.now(timezone.utc),
                   config={name.replace("_", "."): value for name, value in settings.items()})
    with Emulator(**options) as one, Emulator(**options) as other:
        duel = Duel(one.bootstrap, other.bootstrap, [by_name[name] for name in FAMILIES[family] if name not in LEFT_OUT], seed)
        duel.prepare()
        play(duel, rounds)  # which of the two is taken for Kafka makes no difference
        snapshot = one.snapshot()
        with one.fork() as fork:
            duel.sides = duel.sides[0], Side(fork.bootstrap)
            play(duel, rounds, is_new=True)
            one.restore(snapshot)
            other.restore(snapshot)
            duel.sides = Side(one.bootstrap), Side(other.bootstrap)
            play(duel, rounds)
            duel.close()


@pytest.mark.parametrize("family", IN_SHORT)
def test_copies_answer_alike(family):
    duel_of_copies(family, seed=5, rounds=60)


@pytest.mark.soak
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", range(4))
def test_copies_answer_alike_for_long(family, seed, monkeypatch):
    # Expressions wait ten seconds of real time before they are looked at again, for which a copy begins anew.
    monkeypatch.setattr("emulator.state.groups.consumer.group.REGEX_REFRESH_MIN_INTERVAL_MS", -1)
    duel_of_copies(family, seed, rounds=400)
