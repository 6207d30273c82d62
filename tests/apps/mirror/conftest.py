import pytest

from emulator import Emulator


@pytest.fixture
def a():
    with Emulator() as kafka:
        yield kafka


@pytest.fixture
def b():
    with Emulator() as kafka:
        yield kafka
