import random

import pytest

from emulator.runtime.disk import Descriptors, DiskFiles
from emulator.state.log.files import MemoryFile, MemoryFiles


@pytest.fixture(params=["memory", "disk"])
def files(request, tmp_path):
    return MemoryFiles() if request.param == "memory" else DiskFiles(str(tmp_path / "t-0"), Descriptors(16))


@pytest.mark.parametrize("seed", range(5))
def test_what_is_appended_is_read_back(seed, files):
    choose = random.Random(seed)
    file, model = files.open("1"), b""
    for _ in range(200):
        data = choose.randbytes(choose.choice((1, 17, 500, 5_000, 40_000)))
        kept = memoryview(bytearray(data)) if choose.random() < 0.5 else data
        prefix = choose.randbytes(min(len(data), 16))
        assert file.append(prefix, kept) == len(model)
        model += prefix + data[len(prefix) :]
    assert file.size == len(model)
    for _ in range(200):
        position, size = choose.randrange(len(model) + 1), choose.randrange(100_000)
        assert b"".join(file.read(position, size)) == model[position : position + size]
        if choose.random() < 0.1:
            file.close()
    cut = choose.randrange(len(model))
    held = file.read(0, len(model))
    file.truncate(cut)
    file.append(b"", b"after")
    assert b"".join(file.read(0, len(model))) == model[:cut] + b"after"
    assert b"".join(held) == model


def test_little_is_left_unused():
    file = MemoryFile()
    for _ in range(10_000):
        file.append(b"", b"x" * 170)
    held = sum(len(chunk) for chunk in file._chunks)
    assert held < file.size * 1.15 + 256 * 1024
