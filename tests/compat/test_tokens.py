"""Stock clients that log in with tokens: delegation tokens (SCRAM), and those of OAUTHBEARER, unsecured and signed."""
import asyncio
import base64
import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

import tools
from helpers import TIMEOUT, eventually
from servers import BIN, HERE, free_ports, proxy, stop

jwt = pytest.importorskip("jwt")

from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: E402
from jwt.algorithms import RSAAlgorithm  # noqa: E402

COMMON = "org.apache.kafka.common.security."
PLAIN, SCRAM, OAUTH = (COMMON + name for name in ("plain.PlainLoginModule", "scram.ScramLoginModule", "oauthbearer.OAuthBearerLoginModule"))
USERS = " ".join(f'user_{name}="{name}-secret"' for name in ("alice", "bob"))
ISSUER = rsa.generate_private_key(65537, 2048)


class Server:
    """A server with a listener for `plain`, SCRAM and unsecured tokens, and one for `signed` ones."""

    def __init__(self, directory):
        self.directory = directory
        self.plain, self.signed, quorum = (f"127.0.0.1:{port}" for port in free_ports(3))
        key = {**json.loads(RSAAlgorithm.to_jwk(ISSUER.public_key())), "kid": "one"}
        (directory / "jwks.json").write_text(json.dumps({"keys": [key]}))
        self.url = f"file://{directory}/jwks.json"
        self.quorum = quorum
        self.settings = {
            "listeners": f"INSIDE://{self.plain},SIGNED://{self.signed}",
            "listener.security.protocol.map": "INSIDE:SASL_PLAINTEXT,SIGNED:SASL_PLAINTEXT",
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
            "delegation.token.secret.key": "a-key-of-the-test",
            "listener.name.inside.plain.sasl.jaas.config": f'{PLAIN} required username="alice" password="alice-secret" {USERS};',
            "listener.name.inside.scram-sha-256.sasl.jaas.config": f"{SCRAM} required;",
            "listener.name.inside.scram-sha-512.sasl.jaas.config": f"{SCRAM} required;",
            "listener.name.inside.oauthbearer.sasl.jaas.config": f"{OAUTH} required;",
            "listener.name.signed.oauthbearer.sasl.jaas.config": f"{OAUTH} required;",
            "listener.name.signed.sasl.enabled.mechanisms": "OAUTHBEARER",
            "listener.name.signed.oauthbearer.sasl.server.callback.handler.class": f"{COMMON}oauthbearer.OAuthBearerValidatorCallbackHandler",
            "listener.name.signed.sasl.oauthbearer.jwks.endpoint.url": self.url,
            "listener.name.signed.sasl.oauthbearer.expected.audience": "kafka",
        }

    def properties(self, name, mechanism, jaas, **more):
        """The path of a client's properties."""
        path = self.directory / f"{name}.properties"
        settings = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": mechanism, "sasl.jaas.config": jaas, **more}
        path.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        return path

    def user(self, name):
        return self.properties(name, "PLAIN", f'{PLAIN} required username="{name}" password="{name}-secret";')

    def run(self, tool, *arguments, properties, stdin=""):
        return tools.run([tool, "--bootstrap-server", self.plain, "--command-config", properties, *arguments], stdin)


@contextlib.contextmanager
def emulator(server):
    config = server.directory / "config.yaml"
    config.write_text("".join(f"{name}: {json.dumps(value)}\n" for name, value in server.settings.items()))
    command = [sys.executable, "-m", "emulator", "serve", "--config", str(config), "--control", str(server.directory / "control.sock")]
    with open(server.directory / "emulator.log", "wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=HERE.parents[1])
        try:
            line = process.stdout.readline()
            assert line.startswith("bootstrap.servers="), (server.directory / "emulator.log").read_text()
            yield
        finally:
            status = stop(process)
            process.stdout.close()
    text = (server.directory / "emulator.log").read_text()
    assert status == 0 and "Traceback" not in text, text[-4000:]


@contextlib.contextmanager
def real_kafka(server):
    from servers import real_kafka as kafka

    settings = {name: value.replace(server.plain, "LISTENER") for name, value in server.settings.items()}
    settings["listeners"] += ",CONTROLLER://QUORUM"
    settings["advertised.listeners"] = settings["listeners"].rpartition(",")[0]
    settings["listener.security.protocol.map"] += ",CONTROLLER:PLAINTEXT"
    settings.update({"inter.broker.listener.name": "INSIDE", "sasl.mechanism.inter.broker.protocol": "PLAIN"})
    before = os.environ.get("KAFKA_OPTS")
    os.environ["KAFKA_OPTS"] = f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={server.url}"
    try:
        with kafka(server.directory, **settings) as address:
            server.plain = address
            yield
    finally:
        os.environ.pop("KAFKA_OPTS")
        if before is not None:
            os.environ["KAFKA_OPTS"] = before


@pytest.fixture(scope="module")
def server(request, tmp_path_factory):
    if request.config.getoption("--bootstrap", None):
        pytest.skip("a server of its own is needed")
    server = Server(tmp_path_factory.mktemp("tokens"))
    with (real_kafka if request.config.getoption("--real-kafka", False) else emulator)(server):
        yield server


@pytest.fixture(scope="module")
def topic(server):
    assert server.run("kafka-topics.sh", "--create", "--topic", "orders", properties=server.user("alice")).returncode == 0
    return "orders"


def signed(**claims):
    now = int(time.time())
    return jwt.encode({"sub": "alice", "aud": "kafka", "iat": now, "exp": now + 600, **claims}, ISSUER, "RS256", {"kid": "one"})


# -- delegation tokens -----------------------------------------------------------------------------


def created(server, user, *arguments):
    """(token id, HMAC) of a new token."""
    done = server.run("kafka-delegation-tokens.sh", "--create", "--max-life-time-period", "-1", *arguments, properties=server.user(user))
    assert done.returncode == 0, done.stdout + done.stderr
    row = done.stdout.strip().splitlines()[-1].split()
    return row[0], row[1]


def with_token(server, token_id, secret, mechanism):
    jaas = f'{SCRAM} required username="{token_id}" password="{secret}" tokenauth="true";'
    return server.properties(f"token-{mechanism}", mechanism, jaas)


def test_a_token_from_its_making_to_its_end(server, unique):
    token_id, secret = created(server, "alice", "--renewer-principal", "User:bob")

    def described(owner="alice"):
        done = server.run("kafka-delegation-tokens.sh", "--describe", "--owner-principal", f"User:{owner}", properties=server.user("alice"))
        return [line.split() for line in done.stdout.splitlines() if line.startswith(token_id)]

    found = eventually(described)[0]
    assert found[1:5] == [secret, "User:alice", "User:alice", "[User:bob]"]
    assert described("bob") and not described("carol")

    # Whoever logs in with it is alice, by either mechanism.
    first, second = (with_token(server, token_id, secret, mechanism) for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"))
    topic = unique("orders")
    assert server.run("kafka-topics.sh", "--create", "--topic", topic, properties=first).returncode == 0
    assert server.run("kafka-console-producer.sh", "--topic", topic, properties=second, stdin="one\ntwo\n").returncode == 0
    done = server.run("kafka-console-consumer.sh", "--topic", topic, "--from-beginning", "--max-messages", "2", properties=first)
    assert done.stdout.split() == ["one", "two"]

    # ... who cannot ask for another with it.
    done = server.run("kafka-delegation-tokens.sh", "--create", "--max-life-time-period", "-1", properties=first)
    assert done.returncode == 1 and "Delegation Token requests are not allowed" in done.stdout + done.stderr

    wrong = with_token(server, token_id, secret[::-1], "SCRAM-SHA-256")
    done = server.run("kafka-topics.sh", "--list", properties=wrong)
    assert done.returncode == 1 and "invalid credentials with SASL mechanism SCRAM-SHA-256" in done.stdout + done.stderr

    renew = ("kafka-delegation-tokens.sh", "--renew", "--hmac", secret, "--renew-time-period")
    assert "Completed renew operation" in server.run(*renew, "1000", properties=server.user("bob")).stdout
    assert server.run("kafka-delegation-tokens.sh", "--expire", "--hmac", secret, "--expiry-time-period", "-1", properties=server.user("bob")).returncode == 0
    eventually(lambda: not described())
    done = server.run("kafka-delegation-tokens.sh", "--expire", "--hmac", secret, "--expiry-time-period", "-1", properties=server.user("alice"))
    assert done.returncode == 1 and "Delegation Token is not found on server" in done.stdout + done.stderr


def test_a_token_for_somebody_else(server):
    token_id, _ = created(server, "alice", "--owner-principal", "User:bob")
    told = re.compile(rf"^{re.escape(token_id)}\s+\S+\s+User:bob\s+User:alice\s", re.MULTILINE)
    describe = ("kafka-delegation-tokens.sh", "--describe", "--owner-principal", "User:bob")
    assert eventually(lambda: told.search(server.run(*describe, properties=server.user("bob")).stdout))


# -- OAUTHBEARER -----------------------------------------------------------------------------------


def test_java_with_unsecured_tokens(server):
    good = server.properties("unsecured", "OAUTHBEARER", f'{OAUTH} required unsecuredLoginStringClaim_sub="alice" unsecuredLoginExtension_trace="7";')
    assert server.run("kafka-topics.sh", "--list", properties=good).returncode == 0
    bad = server.properties("no-sub", "OAUTHBEARER", f'{OAUTH} required unsecuredLoginPrincipalClaimName="name" unsecuredLoginStringClaim_name="alice";')
    done = server.run("kafka-topics.sh", "--list", properties=bad)
    assert done.returncode == 1 and '{"status":"invalid_token"}' in done.stdout + done.stderr


def test_java_with_signed_tokens(server):
    path = server.directory / "token.jwt"
    path.write_text(signed())
    properties = server.properties("signed", "OAUTHBEARER", f"{OAUTH} required;", **{
        "sasl.login.callback.handler.class": f"{COMMON}oauthbearer.OAuthBearerLoginCallbackHandler",
        "sasl.oauthbearer.jwt.retriever.class": f"{COMMON}oauthbearer.FileJwtRetriever",
        "sasl.oauthbearer.token.endpoint.url": f"file://{path}",
    })  # fmt: skip
    command = [BIN / "kafka-topics.sh", "--bootstrap-server", server.signed, "--command-config", properties, "--list"]
    allowed = f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=file://{path}"
    done = subprocess.run(command, env={**os.environ, "KAFKA_OPTS": allowed}, text=True, capture_output=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stdout + done.stderr


def round_trip(bootstrap, topic, **login):
    return delivers(bootstrap, topic, **{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanisms": "OAUTHBEARER"}, **login)


def delivers(bootstrap, topic, **settings):
    from confluent_kafka import Producer

    delivered = []
    producer = Producer({"bootstrap.servers": bootstrap, **settings})
    producer.produce(topic, b"one", on_delivery=lambda error, message: delivered.append(error))
    producer.flush(TIMEOUT)
    return delivered == [None]


def test_librdkafka_with_unsecured_tokens(server, topic):
    pytest.importorskip("confluent_kafka")
    config = "principal=alice extension_trace=7"
    assert round_trip(server.plain, topic, **{"enable.sasl.oauthbearer.unsecure.jwt": True, "sasl.oauthbearer.config": config})


def test_librdkafka_with_signed_tokens(server, topic):
    pytest.importorskip("confluent_kafka")
    assert round_trip(server.signed, topic, oauth_cb=lambda _: (signed(), time.time() + 600, "alice", {"trace": "7"}))


def test_librdkafka_is_told_why_it_is_refused(server):
    pytest.importorskip("confluent_kafka")
    from confluent_kafka.admin import AdminClient

    errors = []
    login = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanisms": "OAUTHBEARER", "bootstrap.servers": server.signed}
    admin = AdminClient({**login, "oauth_cb": lambda _: (signed(aud="another"), time.time() + 600), "error_cb": errors.append, "log_level": 0})
    eventually(lambda: admin.poll(0.1) or any("invalid_token" in error.str() for error in errors))


@pytest.mark.parametrize("which", ["plain", "signed"])
def test_kafka_python(server, which, topic):
    kafka = pytest.importorskip("kafka")
    try:
        from kafka.sasl.oauth import AbstractTokenProvider
    except ImportError:
        from kafka.net.sasl.oauth import AbstractTokenProvider

    class Tokens(AbstractTokenProvider):
        def token(self):
            return signed() if which == "signed" else jwt.encode({"sub": "alice", "exp": int(time.time()) + 600}, None, "none")

        def extensions(self):
            return {"trace": "7"}

    with contextlib.closing(kafka.KafkaProducer(
        bootstrap_servers=getattr(server, which), security_protocol="SASL_PLAINTEXT", sasl_mechanism="OAUTHBEARER", sasl_oauth_token_provider=Tokens(),
    )) as producer:  # fmt: skip
        assert producer.send(topic, b"one").get(TIMEOUT).offset >= 0


@pytest.mark.parametrize("which", ["plain", "signed"])
def test_aiokafka(server, which, topic):
    pytest.importorskip("aiokafka")
    from aiokafka import AIOKafkaProducer
    from aiokafka.abc import AbstractTokenProvider

    class Tokens(AbstractTokenProvider):
        async def token(self):
            return signed() if which == "signed" else jwt.encode({"sub": "alice", "exp": int(time.time()) + 600}, None, "none")

    async def run():
        producer = AIOKafkaProducer(
            bootstrap_servers=getattr(server, which), security_protocol="SASL_PLAINTEXT", sasl_mechanism="OAUTHBEARER", sasl_oauth_token_provider=Tokens()
        )
        await producer.start()
        try:
            return (await producer.send_and_wait(topic, b"one")).offset
        finally:
            await producer.stop()

    assert asyncio.run(asyncio.wait_for(run(), TIMEOUT)) >= 0


# -- a proxy that logs in --------------------------------------------------------------------------


@contextlib.contextmanager
def issuer():
    """The URL of an endpoint that gives a token to whoever has the right credentials (RFC 6749)."""

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self):
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            is_known = self.headers["Authorization"] == f"Basic {base64.b64encode(b'it:its-secret').decode()}" and form["grant_type"] == ["client_credentials"]
            self.send_response(200 if is_known else 401)
            self.end_headers()
            if is_known:
                self.wfile.write(json.dumps({"access_token": signed(), "expires_in": 600}).encode())

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as endpoint:
        threading.Thread(target=endpoint.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{endpoint.server_port}/token"
        endpoint.shutdown()


@contextlib.contextmanager
def upstream(server, how):
    """(address, {config of a proxy's upstream}) of one way to log in."""
    url, id_, secret = ("sasl.oauthbearer." + name for name in ("token.endpoint.url", "client.credentials.client.id", "client.credentials.client.secret"))
    if how == "delegation token":
        token_id, hmac = created(server, "alice")
        yield server.plain, {"sasl.mechanism": "SCRAM-SHA-512", "sasl.jaas.config": f'{SCRAM} required username="{token_id}" password="{hmac}" tokenauth=true;'}
    elif how == "unsecured":
        yield server.plain, {"sasl.mechanism": "OAUTHBEARER", "sasl.jaas.config": f'{OAUTH} required unsecuredLoginStringClaim_sub="alice" unsecuredLoginExtension_trace="7";'}
    elif how == "file":
        path = server.directory / "proxy.jwt"
        path.write_text(signed())
        yield server.signed, {"sasl.mechanism": "OAUTHBEARER", url: f"file://{path}"}
    else:
        with issuer() as address:
            yield server.signed, {"sasl.mechanism": "OAUTHBEARER", url: address, id_: "it", secret: "its-secret"}


@pytest.mark.parametrize("how", ["delegation token", "unsecured", "file", "issuer"])
def test_a_proxy_that_logs_in_with_a_token(server, topic, tmp_path, how):
    pytest.importorskip("confluent_kafka")
    with upstream(server, how) as (address, login):
        settings = {"upstream.security.protocol": "SASL_PLAINTEXT", **{f"upstream.{key}": value for key, value in login.items()}}
        with proxy(tmp_path, address, **settings) as bootstrap:
            assert delivers(bootstrap, topic)
