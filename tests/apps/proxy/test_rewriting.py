"""Every address that an answer can carry is one that the proxy knows of: read off the declarations of all APIs."""

import pytest

from emulator.apps.proxy.rewriting import _PLACES, OF_APPLICATIONS, rewriter
from wire.apis import BY_KEY
from wire.apis.data import Fetch, Produce
from wire.apis.metadata import DescribeCluster, FindCoordinator, Metadata
from wire.apis.quorum import DescribeQuorum
from wire.apis.share_groups import ShareAcknowledge, ShareFetch
from wire.types import LATEST


class Local:
    """Says where a node is, so that it can be seen."""

    def broker(self, node_id, host, port):
        return f"broker-{node_id}", port + 1

    def controller(self, node_id, host, port):
        return f"controller-{node_id}", port + 1


# Words in the names of fields that speak of places, and what such fields are that are no addresses.
PLACES = ("host", "port", "address", "listener", "endpoint", "url", "uri")
NO_ADDRESSES = {
    ("DescribeCluster", "endpoint_type"),  # brokers or controllers
    ("StreamsGroupHeartbeat", "endpoint_information_epoch"),
    ("DescribeAcls", "host"), ("CreateAcls", "host"), ("DeleteAcls", "host"),  # whom a rule is about
    *((f"{kind}Describe", "client_host") for kind in ("ConsumerGroup", "ShareGroup", "StreamsGroup")), ("DescribeGroups", "client_host"),
}


def speaks_of_a_place(name):
    return any(word in name.split("_") or word + "s" in name.split("_") for word in PLACES)


def fields_of(fields, path=()):
    for field in fields:
        yield path, field
        if field.type.fields:
            yield from fields_of(field.type.fields, (*path, field.name))


def test_no_answer_has_an_address_that_is_not_known():
    unknown = []
    for api in BY_KEY.values():
        known = {name for name, _ in _PLACES.get(api.key, ())}
        for path, field in fields_of(api.response.fields):
            top = path[0] if path else field.name
            if not speaks_of_a_place(field.name) or (api.name, field.name) in NO_ADDRESSES:
                continue
            if top in known or not path and field.name in ("host", "port") and "" in known or (api.key, top) in OF_APPLICATIONS:
                continue
            unknown.append(f"{api.name}: {'.'.join((*path, field.name))}")
    assert not unknown


def versions(api):
    return [(api, version) for version in api.versions]


@pytest.mark.parametrize("api, version", [one for api in (Metadata, FindCoordinator, DescribeCluster, DescribeQuorum, Produce, Fetch, ShareFetch,
                                                          ShareAcknowledge) for one in versions(api)], ids=str)
def test_every_version_that_has_an_address_is_rewritten(api, version):
    response, changed = api.reply(), 0
    for name, id_name in _PLACES[api.key]:
        type_ = next(field.type for field in api.response.fields if field.name == (name or "host"))
        if version not in type_.versions:
            continue
        changed += 1
        if not name:
            response.node_id, response.host, response.port = 3, "inside", 9092
            continue
        [element] = [getattr(api.Response, field.class_name) for field in api.response.fields if field.name == name]
        if api is DescribeQuorum:
            one = element(node_id=3, listeners=[element.Listeners(name="CONTROLLER", host="inside", port=9092)])
        else:
            one = element(**{id_name: 3, "host": "inside", "port": 9092})
        setattr(response, name, [one])
    rewrite = rewriter(api, version)
    if not changed:
        assert rewrite is None
        return
    rewrite(response, Local())
    out = []
    api.build_response(version)(response, out)
    told = b"".join(bytes(piece) for piece in out)
    assert b"inside" not in told
    assert (b"controller-3" if api is DescribeQuorum else b"broker-3") in told


def test_a_controller_is_told_from_a_broker():
    Brokers = DescribeCluster.Response.Brokers
    response = DescribeCluster.reply(endpoint_type=2, brokers=[Brokers(broker_id=3, host="inside", port=1)])
    rewriter(DescribeCluster, 1)(response, Local())
    assert response.brokers[0].host == "controller-3"


def test_nobody_stays_nobody():
    """An answer that found no coordinator has node -1, and no host."""
    response = FindCoordinator.reply(node_id=-1, host="", port=-1, error_code=15)
    rewriter(FindCoordinator, 2)(response, Local())
    assert (response.host, response.port) == ("", -1)


def test_the_versions_are_those_of_the_declarations():
    assert Fetch.versions.max < LATEST and rewriter(Fetch, 15) is None and rewriter(Fetch, 16)
