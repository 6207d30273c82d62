"""ACLs, quotas, SCRAM credentials and client metrics are there after a restart on the same directories."""

from tests.api.test_acls import acl, create, names
from tests.api.test_quotas import CONNECTION, EXACT, PRODUCER, REQUEST, alter, describe
from tests.api.test_sasl import SHA_512, alter as alter_users, describe as describe_users, upsert
from tests.api.test_telemetry import SET, alter as subscribe, get, opened
from tests.in_thread import serving
from tests.wire_client import WireClient


def test_administration_outlives_the_server(tmp_path):
    authorizer = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
    settings = {"log_dirs": str(tmp_path), "authorizer_class_name": authorizer, "super_users": "User:ANONYMOUS"}
    with serving(**settings) as server, WireClient(server.bootstrap) as client:
        create(client, acl("kept"), acl("naïve \x01 ☃"))
        alter(client, ({"user": "a b", "client-id": None}, {PRODUCER: 1000, REQUEST: float("inf")}), ({"ip": "127.0.0.1"}, {CONNECTION: 7}))
        alter_users(client, upsert("ünï", SHA_512, 5000))
        assert subscribe(client, "sub", ("metrics", SET, "a,b"), ("match", SET, "client_id=me")) == (0, None)
    with serving(**settings) as server, WireClient(server.bootstrap) as client:
        assert names(client) == ["kept", "naïve \x01 ☃"]
        assert describe(client, ("user", EXACT, "a b")) == [({"user": "a b", "client-id": None}, {PRODUCER: 1000, REQUEST: float("inf")})]
        assert describe(client, ("ip", EXACT, "127.0.0.1")) == [({"ip": "127.0.0.1"}, {CONNECTION: 7})]
        assert describe_users(client) == {"ünï": [(SHA_512, 5000)]}
        with opened(server.bootstrap, "me") as me:
            assert get(me).requested_metrics == ["a", "b"]
        limit = server.services["quotas"].produce.sensor("a b", "any", 0).limit
        assert limit == 1000
