import pytest

from tests.state.groups.trace import Trace


@pytest.fixture
def group():
    trace = Trace()
    yield trace
    trace.check_nothing_unread()


@pytest.fixture
def group_with():
    """group_with(group_max_size=2, ...): a group under other broker settings."""
    traces = []

    def make(**settings):
        traces.append(Trace(**settings))
        return traces[-1]

    yield make
    for trace in traces:
        trace.check_nothing_unread()
