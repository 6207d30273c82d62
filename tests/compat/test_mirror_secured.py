"""A mirror that logs in: from a Kafka with TLS and SASL, and to it."""

import pytest
from test_mirror import mirror
from test_proxy import WAYS, secured, upstream_settings  # noqa: F401

from emulator import Emulator

pytestmark = [pytest.mark.soak, pytest.mark.needs("java")]


@pytest.mark.parametrize("protocol, mechanism", WAYS, ids=lambda one: str(one))
def test_there_and_back(secured, tmp_path, unique, protocol, mechanism):  # noqa: F811
    settings = {key.removeprefix("upstream."): value for key, value in upstream_settings(secured, protocol, mechanism).items()}
    topic = unique("t")
    with Emulator() as first, Emulator() as last:
        for number in range(10):
            first.produce(topic, b"%d" % number)
        for side, one in (("to", first), ("from", last)):
            config = tmp_path / f"{side}.yaml"
            config.write_text("".join(f"mirror.{side}.{key}: '{value}'\n" for key, value in settings.items()))
            ends = (one.bootstrap, secured.address[protocol])
            mirror(*(ends if side == "to" else reversed(ends)), "--config", str(config), "--topics", topic)
        assert [one.value for one in last.records(topic)] == [b"%d" % number for number in range(10)]
