import pytest

from tests.state.transactions.world import World


@pytest.fixture
def world():
    world = World()
    world.topic("t", 2)
    return world


@pytest.fixture
def world_with():
    """world_with(transaction_max_timeout_ms=1000): a world of other settings, with topic t."""

    def make(**settings):
        world = World(**settings)
        world.topic("t", 2)
        return world

    return make


@pytest.fixture(params=[1, 2], ids=["v1", "v2"])
def version(request):
    """Both versions of the transaction protocol."""
    return request.param
