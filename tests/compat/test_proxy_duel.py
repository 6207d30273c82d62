"""The same random requests to an emulator, and to another behind a proxy: what the proxy does beside passing them on, no field tells."""

import random

import pytest
import servers
from differential.answers import brief
from differential.duel import Duel
from differential.families import FAMILIES, SETTINGS
from emulator.api import HANDLERS
from wire.record import Record

ROUNDS = 1000
OWN = {"SaslHandshake", "ApiVersions"}  # version 0 of the former is masked: docs/proxy.md
RULES = {
    "nothing": "",
    "a log": "rules: [{rule: log}]",
    "a prefix": "rules: [{rule: prefix, prefix: team-a.}]",
}
_NAMES = ("name", "topic", "topic_name", "resource_name")


class BehindPrefix(Duel):
    """Kafka's own topics, of which there are none behind a prefix, are neither asked for nor told of."""

    def exchange(self, api, version, request):
        if "__" not in brief(request) and (api.name != "DescribeTopicPartitions" or request.topics):  # pages of all topics
            super().exchange(api, version, request)

    def _compare(self, real, ours):
        return super()._compare(_without_internal(real), ours)


def _without_internal(value):
    if isinstance(value, Record):
        for field in value.fields_in_order:
            items = getattr(value, field)
            if isinstance(items, (list, tuple)) and items:
                setattr(value, field, [_without_internal(one) for one in items if not any(str(getattr(one, name, "")).startswith("__") for name in _NAMES)])
    return value


@pytest.mark.soak
@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "authorized"])
@pytest.mark.parametrize("rule", RULES)
def test_no_field_tells(tmp_path, rule, family):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    apis = {handler.api.name: handler.api for handler in HANDLERS.values()}
    for name in ("direct", "behind", "proxy"):
        (tmp_path / name).mkdir()
    settings = SETTINGS.get(family, {})
    with servers.emulator(tmp_path / "direct", **settings) as direct, servers.emulator(tmp_path / "behind", **settings) as behind:
        (tmp_path / "proxy" / "proxy.yaml").write_text(f"listeners: PLAINTEXT://127.0.0.1:0\nupstream.bootstrap.servers: {behind}\n{RULES[rule]}\n")
        with servers.proxy(tmp_path / "proxy") as proxied:
            duel = (BehindPrefix if rule == "a prefix" else Duel)(direct, proxied, [apis[name] for name in FAMILIES[family] if name not in OWN], seed)
            duel.prepare()
            duel.play(ROUNDS)
            duel.close()
    told = duel.told("directly", "behind the proxy")
    assert not told, "\n".join(told[:20])
