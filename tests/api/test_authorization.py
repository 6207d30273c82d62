"""An authorizer at work, for those who are nobody in particular: what no ACL is about is everybody's, the rest is not."""

import pytest

from tests.api.test_acls import ALLOW, CLUSTER, DENY, PREFIXED, READ, WRITE, acl, create, delete
from tests.api.test_data import batch, fetch, list_offset, produce
from tests.in_thread import serving
from tests.wire_client import WireClient
from wire import errors
from wire.apis.acls import CreateAcls, DescribeAcls
from wire.apis.metadata import Metadata
from wire.apis.topics import CreateTopics
from wire.apis.transactions import InitProducerId

DESCRIBE, ALTER = 8, 7
EVERYBODY = "User:*"


@pytest.fixture
def guarded():
    authorizer = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
    with serving(authorizer_class_name=authorizer, allow_everyone_if_no_acl_found=True) as server, WireClient(server.bootstrap) as client:
        client.call(CreateTopics, 7, topics=[CreateTopics.Request.Topics(name="t", num_partitions=1, replication_factor=1)], timeout_ms=5000)
        yield client


def test_a_topic_that_an_acl_denies_is_hidden(guarded):
    assert produce(guarded, "t", batch(b"1")).error_code == 0
    create(guarded, acl("t", principal=EVERYBODY, operation=2, permission=DENY))
    assert produce(guarded, "t", batch(b"1")).error_code == errors.TOPIC_AUTHORIZATION_FAILED
    assert fetch(guarded, "t", 0).error_code == errors.TOPIC_AUTHORIZATION_FAILED
    assert list_offset(guarded, "t", -1) == (errors.TOPIC_AUTHORIZATION_FAILED, -1, -1)
    assert [topic.name for topic in guarded.call(Metadata, 12, topics=None).topics] == []
    delete(guarded, {"name": "t"})
    assert fetch(guarded, "t", 0).error_code == 0


def test_what_an_acl_allows_one_user_is_not_everybodys_any_more(guarded):
    create(guarded, acl("t", pattern=PREFIXED, operation=READ, permission=ALLOW))
    assert fetch(guarded, "t", 0).error_code == errors.TOPIC_AUTHORIZATION_FAILED
    create(guarded, acl("t", principal="User:ANONYMOUS", host="127.0.0.1", operation=READ))
    assert fetch(guarded, "t", 0).error_code == 0
    assert produce(guarded, "t", batch(b"1")).error_code == errors.TOPIC_AUTHORIZATION_FAILED


def test_an_idempotent_producer_need_be_allowed_to_write_somewhere(guarded):
    def starts():
        return guarded.call(InitProducerId, 4, transactional_id=None, transaction_timeout_ms=1000, producer_id=-1, producer_epoch=-1).error_code

    assert starts() == 0
    cluster = acl("kafka-cluster", CLUSTER, principal=EVERYBODY, operation=ALTER)
    create(guarded, cluster, acl("*", operation=READ))
    assert starts() == errors.CLUSTER_AUTHORIZATION_FAILED
    create(guarded, acl("some", principal="User:ANONYMOUS", operation=WRITE))
    assert starts() == 0


def test_who_may_not_alter_the_cluster_gives_nobody_rights(guarded):
    create(guarded, acl("kafka-cluster", CLUSTER, principal="User:ANONYMOUS", operation=DESCRIBE))
    refused = guarded.call(CreateAcls, 3, creations=[acl("t")]).results
    assert [(one.error_code, one.error_message) for one in refused] == [(errors.CLUSTER_AUTHORIZATION_FAILED, "Cluster authorization failed.")]
    fields = dict(resource_type_filter=1, pattern_type_filter=1, operation=1, permission_type=1)
    assert guarded.call(DescribeAcls, 3, resource_name_filter=None, principal_filter=None, host_filter=None, **fields).error_code == 0
