"""Every API, every level at which its answer has room for an error, every version: the error arrives where it was asked for, and the
handler has not seen what was refused."""

import base64
import uuid

import pytest

from emulator import Emulator
from emulator.api import HANDLERS
from emulator.pipeline.answers.shapes import KINDS, TOP, shape_of
from tests.wire_client import WireClient
from wire import errors
from wire.apis.acls import CreateAcls
from wire.apis.data import Fetch, Produce
from wire.apis.metadata import Metadata
from wire.apis.share_groups import ShareAcknowledge, ShareFetch
from wire.apis.topics import CreateTopics, ElectLeaders

ERROR = errors.POLICY_VIOLATION  # that no handler gives here by itself
REFUSED, KEPT = "refused", "kept"
MEMBER = base64.urlsafe_b64encode(uuid.UUID(int=7).bytes).decode().rstrip("=")


def served(api):
    handler = HANDLERS[api.key]
    return range(handler.min_version, handler.max_version + 1)


def every_level():
    found = []
    for key in sorted(HANDLERS):
        api = HANDLERS[key].api
        levels = {}
        for version in served(api):
            for name in shape_of(api, version).levels:
                levels.setdefault(name, []).append(version)
        for name, versions in levels.items():
            found.append(pytest.param(api, name, versions, id=f"{api.name}-{name}"))
    return found


class Spy:
    """Nearest to the handler: what it was asked."""

    order = -1

    def __init__(self):
        self.seen = []

    def wants(self, api, version):
        return True

    def wrap(self, route):
        handle = route.handle

        def watched(request, call):
            self.seen.append(request)
            return handle(request, call)

        route.handle = watched


@pytest.fixture(scope="module")
def kafka():
    with Emulator(seed=1, topics=[f"{REFUSED}:2", f"{KEPT}:2"]) as kafka:
        yield kafka


@pytest.fixture(scope="module")
def server(kafka):
    return kafka.server


@pytest.fixture(scope="module")
def spy(kafka):
    spy = Spy()
    kafka.call(kafka.server.brokers[1].add_layer, spy)
    return spy


@pytest.fixture
def client(kafka):
    with WireClient(kafka.bootstrap) as client:
        yield client
        kafka.clear_faults()


def thing(server, node, which):
    """One thing of a list, as a request names it: the refused one or the kept."""
    partition = 0 if which == REFUSED else 1
    if node.cls is None:
        return partition if node.kind == "partition" else which
    values = {}
    for name in node.fields:
        if name == "topic_id":
            values[name] = server.cluster.topics[which].topic_id
        elif name == "entity":
            values[name] = [node.cls.Entity(entity_type="user", entity_name=which)]
        elif name == "resource_type":
            values[name] = 2
        elif node.kind == "partition":
            values[name] = partition
        elif node.kind == "producer":
            values[name] = 5
        elif name != "group_instance_id":
            values[name] = which
    if "topic_id" in values:  # else it would be named in two ways
        values = {"name": which} if node.cls is Metadata.Request.Topics else {"topic_id": values["topic_id"]}
    if node.cls is CreateTopics.Request.Topics:
        values.update(num_partitions=1, replication_factor=1, name=f"{which}-{uuid.uuid4().hex}")
    if node.cls is CreateAcls.Request.Creations:
        values.update(principal="User:a", host="*", operation=3, permission_type=3)
    return node.cls(**values)


def nested(server, chain):
    """The list at the top of a chain: at its end the refused thing and the kept, one thing of each list above."""
    node, *further = chain
    if not further:
        return [thing(server, node, which) for which in (REFUSED, KEPT)]
    one = thing(server, node, REFUSED)
    setattr(one, further[0].field, nested(server, further))
    return [one]


def request_of(server, api, version, level):
    shape = shape_of(api, version)
    fields = {field: REFUSED for field in shape.scalars.values()}
    for chain in level.asked or [(node,) for node in shape.items]:
        fields[chain[0].field] = nested(server, chain)
    if api is Produce:
        fields.update(acks=1, transactional_id=None)
    if api is ShareFetch:
        fields.update(member_id=MEMBER, max_bytes=1000, max_records=10)
    if api is ShareAcknowledge:
        fields.update(member_id=MEMBER)
    if api is ElectLeaders:
        fields["timeout_ms"] = 1000
    return api.Request(**fields)


def open_session(server, client, api, request, version):
    """Acknowledgements are of a session that there is, and of what was fetched in it."""
    first = {"group_id": REFUSED, "member_id": MEMBER, "max_bytes": 1000, "max_records": 10}
    topics = [ShareFetch.Request.Topics(topic_id=topic.topic_id, partitions=[
        ShareFetch.Request.Topics.Partitions(partition_index=one.partition_index) for one in topic.partitions
    ]) for topic in request.topics]  # fmt: skip
    client.call(ShareFetch, version, share_session_epoch=0, topics=topics, **first)
    request.share_session_epoch = 1
    for topic in request.topics:
        for one in topic.partitions:
            one.acknowledgement_batches = [type(one).AcknowledgementBatches(first_offset=0, last_offset=0, acknowledge_types=[1])]


def found(parent, nodes, error, named=()):
    """[(what it is called, error code)] of all that an answer has at a level."""
    if not nodes:
        return [(named, getattr(parent, error))]
    node, *further = nodes
    return [
        one
        for item in getattr(parent, node.field) or ()
        for one in found(item, further, error, (*named, *(value for value in node.identify(item).values())))
    ]


def is_refused(server, named, level):
    """Whether a thing called so is the refused one."""
    last = named[0] if level.path[-1].kind == "resource" else named[-1]
    return last in (0, REFUSED, 5) or last == server.cluster.topics[REFUSED].topic_id or isinstance(last, str) and last.startswith(REFUSED)


def asked_things(server, request, chains):
    for chain in chains:
        yield from found_asked(request, list(chain))


def found_asked(parent, nodes):
    node, *further = nodes
    for item in getattr(parent, node.field) or ():
        if further:
            yield from found_asked(item, further)
        else:
            yield tuple(node.identify(item).values())


@pytest.mark.parametrize("api, name, versions", every_level())
def test_an_error_arrives_at_its_level_and_what_is_refused_is_not_applied(kafka, server, spy, client, api, name, versions):
    for version in versions:
        level = shape_of(api, version).levels[name]
        kind = level.path[-1].kind if level.path else None
        about = {}
        if kind in KINDS:
            about[kind] = 0 if kind == "partition" else f"{REFUSED}*"
        if kind == "log_dir":
            about = {}  # there is only one
        request = request_of(server, api, version, level)
        if api is ShareAcknowledge or name == "acknowledge":
            open_session(server, client, api, request, version)
        fault = kafka.fail(api.name, error=ERROR, level=name, **about)
        spy.seen.clear()
        response = client.call(api, version, **{one: getattr(request, one) for one in request.fields_in_order})
        fault.remove()
        assert fault.hits == 1
        if name == TOP:
            assert response.error_code == ERROR
            assert not spy.seen, "the handler has run"
            continue
        answers = found(response, level.path, level.error)
        assert answers
        for place, (named, error) in enumerate(answers):
            refused = is_refused(server, named, level) if named else place == 0  # told by their place alone
            assert (error == ERROR) == (refused or not about), (version, named, error)
        if level.asked and level.is_main and api is not Fetch and api is not ShareFetch:
            for seen in spy.seen:
                left = list(asked_things(server, seen, level.asked))
                assert not any(is_refused(server, named, level) for named in left), (version, left)
                assert about or not left
            answered = [error == ERROR for _, error in answers]
            assert answered == sorted(answered, reverse=True), "not in the order of the request"
