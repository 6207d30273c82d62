"""Random requests to Apache Kafka and to the emulator, both new: every field of every answer is the same, or it is known why not."""

import random

import pytest
from differential.duel import Duel
from differential.families import FAMILIES, LEFT_OUT, fighters
from emulator.api import HANDLERS

ROUNDS = 3000


@pytest.mark.soak
@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_answers(family, tmp_path_factory):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    apis = {handler.api.name: handler.api for handler in HANDLERS.values()}
    real, ours = (tmp_path_factory.mktemp(name) for name in ("kafka", "emulator"))
    with fighters(family, real, ours) as (theirs, here, users):
        duel = Duel(theirs, here, [apis[name] for name in FAMILIES[family]], seed, users=users)
        duel.prepare()
        duel.play(ROUNDS)
        duel.close()
    told = duel.told("at Kafka", "here")
    assert not told, "\n".join(told[:20])


def test_every_api_is_drawn_or_it_is_said_why_not():
    drawn = set().union(*FAMILIES.values())
    assert drawn | set(LEFT_OUT) == {handler.api.name for handler in HANDLERS.values()}
    assert not drawn & set(LEFT_OUT)
