"""Random requests to a ZooKeeper of ours and a real one: nothing that comes back differs (zookeeper_duel.py)."""
import shutil

import pytest
from zookeeper_duel import fresh
from zookeeper_servers import JARS

real = pytest.mark.skipif(not JARS.is_dir() or not shutil.which("java"), reason="no ZooKeeper: tests/compat/setup brings it")


@real
@pytest.mark.parametrize("seed, rounds", [(3, 300), *(pytest.param(seed, 2000, marks=pytest.mark.soak) for seed in range(10, 15))])
def test_no_answer_differs(tmp_path, seed, rounds):
    assert fresh(tmp_path, seed, rounds) is None
