"""How much memory there is, as cgroups of both versions say it."""

import pytest

from emulator.runtime.machine import memory_bytes


@pytest.fixture
def root(tmp_path):
    def write(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


def test_of_the_machine(root):
    assert memory_bytes(root()) == memory_bytes(root(proc__self__cgroup="0::/a\n")) > 1 << 28


def test_a_container_of_version_2(root):
    assert memory_bytes(root(proc__self__cgroup="0::/\n", sys__fs__cgroup__memory_max="200000000\n")) == 200_000_000


def test_the_least_of_those_above(root):
    whole = memory_bytes(root())
    tree = {"proc__self__cgroup": "0::/a/b\n", "sys__fs__cgroup__a__memory_max": "100000000\n"}
    assert memory_bytes(root(**tree, sys__fs__cgroup__a__b__memory_max="max\n")) == 100_000_000
    assert memory_bytes(root(sys__fs__cgroup__a__memory_max="max\n")) == whole


def test_version_1(root):
    lines = "5:cpu,cpuacct:/x\n4:memory:/docker/abc\n0::/\n"
    tree = {"proc__self__cgroup": lines, "sys__fs__cgroup__memory__there": ""}
    path = root(**tree)
    limit = path / "sys/fs/cgroup/memory"
    (limit / "memory.limit_in_bytes").write_text("150000000\n")  # its names have underscores
    assert memory_bytes(path) == 150_000_000
    (limit / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert memory_bytes(path) > 1 << 28
