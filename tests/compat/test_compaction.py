"""Random histories of compacted topics: after each round of cleaning Apache Kafka and the emulator hold the same batches."""

import random
import uuid

import pytest
import servers

from tests.api.compacted import Compacted, hurry, play
from tests.wire_client import WireClient


@pytest.mark.soak
def test_the_same_batches_stay(tmp_path_factory):
    seed, run = random.randrange(1 << 32), uuid.uuid4().hex[:8]
    print(f"seed {seed}")
    real, ours = (tmp_path_factory.mktemp(name) for name in ("kafka", "emulator"))
    with servers.real_kafka(real) as theirs, servers.emulator(ours) as here:
        with WireClient(theirs, timeout=60) as theirs, WireClient(here, timeout=60) as here:
            hurry(theirs), hurry(here)
            for number in range(seed, seed + 100):
                retention = random.Random(number).choice((0, 86_400_000))
                seen = [
                    play(Compacted(client, f"duel-{number}", delete_retention_ms=retention), number, lambda prefix: f"{prefix}-{run}-{number}")
                    for client in (theirs, here)
                ]
                assert seen[0] == seen[1], f"seed {number}"
