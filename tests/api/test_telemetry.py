"""Client metrics (KIP-714): subscriptions as configs, what clients are asked for, what they may push.

KAFKA_BOOTSTRAP_TELEMETRY names a Kafka with a ClientTelemetry reporter; without, what needs one is left out.
"""

import os

import pytest

from emulator.state.java import uuid_hash
from tests.api.conftest import becomes
from tests.api import test_configs
from tests.api.test_configs import DELETE, SET, describe
from tests.in_thread import serving
from tests.wire_client import WireClient
from wire import errors
from wire.apis.configs import ListConfigResources
from wire.apis.metadata import ApiVersions
from wire.apis.telemetry import GetTelemetrySubscriptions, PushTelemetry
from wire.compression import compress
from wire.records import crc32c

CLIENT_METRICS, APPEND, SUBTRACT = 16, 2, 3
OF_SUBSCRIPTION, DEFAULT = 7, 5
ZERO, ONE = bytes(16), bytes(15) + b"\1"
HOUR = "3600000"


def alter(client, name, *operations, **fields):
    error, message = test_configs.alter(client, CLIENT_METRICS, name, *operations, **fields)
    return errors.Error[error], message


def replace(client, name, *configs):
    error, message = test_configs.replace(client, CLIENT_METRICS, name, *configs)
    return errors.Error[error], message


def rows(client, name):
    """{config: (value, source)} of a subscription."""
    return {one.name: (one.value, one.config_source) for one in describe(client, CLIENT_METRICS, name).configs}


def names(client, version=1):
    asked = {"resource_types": [CLIENT_METRICS]} if version else {}
    return [one.resource_name for one in client.call(ListConfigResources, version, **asked).config_resources]


@pytest.fixture
def subscription(client, fresh):
    """subscription(metrics, match, interval) -> the client id that it is for; ended after the test."""
    made = []

    def make(metrics, interval=HOUR, client_id=None, **match):
        name, client_id = fresh("subscription"), client_id or fresh("pusher")
        made.append(name)
        match = ",".join(f"{key}={value}" for key, value in {"client_id": client_id, **match}.items())
        assert alter(client, name, ("metrics", SET, metrics), ("interval.ms", SET, interval), ("match", SET, match)) == (0, None)
        assert becomes(lambda: name in names(client), True)
        return client_id

    yield make
    for name in made:
        replace(client, name)


# Subscriptions as configs -----------------------------------------------------------------------


def test_a_subscription_is_what_is_set(client, fresh):
    name = fresh("metrics")
    unset = {"interval.ms": ("300000", DEFAULT), "match": ("", DEFAULT), "metrics": ("", DEFAULT)}
    assert rows(client, name) == unset
    assert list(rows(client, name)) == ["interval.ms", "match", "metrics"]
    assert alter(client, name, ("metrics", SET, " a. , b"), ("match", SET, "client_id=x.*, client_software_name = y")) == (0, None)
    set_now = {
        "interval.ms": ("300000", DEFAULT),
        "match": ("client_id=x.*,client_software_name = y", OF_SUBSCRIPTION),
        "metrics": ("a.,b", OF_SUBSCRIPTION),
    }
    assert becomes(lambda: rows(client, name), set_now)
    assert name in names(client)
    assert name in names(client, version=0)
    (metrics,) = describe(client, CLIENT_METRICS, name, ["metrics"]).configs
    assert [(one.name, one.value, one.source) for one in metrics.synonyms] == [("metrics", "a.,b", OF_SUBSCRIPTION)]
    assert (metrics.config_type, metrics.read_only, metrics.is_sensitive) == (7, False, False)
    assert replace(client, name, ("interval.ms", "5000")) == (0, None)
    assert becomes(lambda: rows(client, name), {**unset, "interval.ms": ("5000", OF_SUBSCRIPTION)})
    assert alter(client, name, ("interval.ms", DELETE, None)) == (0, None)
    assert becomes(lambda: name in names(client), False)


def test_what_is_only_validated_is_not_set(client, fresh):
    name = fresh("metrics")
    assert alter(client, name, ("interval.ms", SET, "100"), validate_only=True) == (0, None)
    assert rows(client, name)["interval.ms"] == ("300000", DEFAULT)


INTERVAL = "Invalid value {} for interval.ms, interval must be between 100 and 3600000 (1 hour)"
NOT_LIST = "Can't {} to key {} because its type is not LIST."
PATTERN = "Illegal client matching pattern: {}"


@pytest.mark.parametrize("operation, error, message", [
    (("nope", SET, "1"), errors.INVALID_REQUEST, "Unknown client metrics configuration: nope"),
    (("interval.ms", SET, "x"), errors.INVALID_CONFIG, "Invalid value x for configuration interval.ms: Not a number of type INT"),
    (("interval.ms", SET, "99"), errors.INVALID_REQUEST, INTERVAL.format(99)),
    (("interval.ms", SET, "3600001"), errors.INVALID_REQUEST, INTERVAL.format(3600001)),
    (("interval.ms", SET, None), errors.INVALID_REQUEST, "Null value not supported for : interval.ms"),
    (("metrics", SET, "a,,b"), errors.INVALID_CONFIG, "Configuration 'metrics' values must not be empty."),
    (("metrics", APPEND, "a"), errors.INVALID_CONFIG, NOT_LIST.format("APPEND", "metrics")),
    (("nope", SUBTRACT, "a"), errors.INVALID_CONFIG, NOT_LIST.format("SUBTRACT", "nope")),
    (("match", 9, "a"), errors.UNKNOWN_SERVER_ERROR, None),
    *((("match", SET, text), errors.INVALID_CONFIG, PATTERN.format(text)) for text in (
        "x", "client_id", "client_id=", "client_id=a=b", "=a", "nope=a", "client_id=[",
    )),
])  # fmt: skip
def test_subscriptions_that_may_not_be(client, fresh, operation, error, message):
    assert alter(client, fresh("metrics"), operation) == (error, message)


def test_a_subscription_has_a_name(client):
    assert alter(client, "", ("interval.ms", SET, "1000")) == (errors.INVALID_REQUEST, "Subscription name can't be empty")
    answer = describe(client, CLIENT_METRICS, "")
    assert (answer.error_code, answer.error_message) == (errors.INVALID_REQUEST, "Client metrics subscription name must not be empty")


# What clients are asked for ---------------------------------------------------------------------


def get(client, client_instance_id=ZERO):
    return client.call(GetTelemetrySubscriptions, 0, client_instance_id=client_instance_id)


def push(client, subscribed, metrics=b"metrics", terminating=False, compression=0, subscription_id=None):
    return client.call(
        PushTelemetry, 0, client_instance_id=subscribed.client_instance_id, terminating=terminating, metrics=metrics, compression_type=compression,
        subscription_id=subscribed.subscription_id if subscription_id is None else subscription_id,
    ).error_code  # fmt: skip


def opened(bootstrap, client_id, software="test", version="1.2"):
    client = WireClient(bootstrap, client_id)
    client.call(ApiVersions, 3, client_software_name=software, client_software_version=version)
    return client


def test_who_matches_is_asked(bootstrap, subscription, fresh):
    name = subscription("b.,a.,c.", "1000")
    with opened(bootstrap, name) as client:
        answer = get(client)
        assert (answer.error_code, answer.push_interval_ms, answer.telemetry_max_bytes, answer.delta_temporality) == (0, 1000, 1048576, True)
        assert answer.accepted_compression_types == [4, 3, 1, 2]
        assert answer.requested_metrics == ["c.", "b.", "a."]  # in the order of Java's hash set
        assert answer.client_instance_id != ZERO
        expected = crc32c(b"[c., b., a.]1000") ^ uuid_hash(answer.client_instance_id)
        assert answer.subscription_id & 0xFFFFFFFF == expected & 0xFFFFFFFF
    with opened(bootstrap, fresh("other")) as client:
        answer = get(client)
        assert "a." not in answer.requested_metrics


def test_all_that_is_named_must_match(bootstrap, subscription):
    name = subscription("yes.", client_software_name="te.t", client_software_version=r"1\..*", client_source_address="127.*")
    for software, version, asked in (("test", "1.2", True), ("test", "12", False), ("tests", "1.2", False)):
        with opened(bootstrap, name, software, version) as client:
            assert ("yes." in get(client).requested_metrics) is asked
    with WireClient(bootstrap, name) as client:  # it never said what it is
        assert "yes." not in get(client).requested_metrics


def test_several_subscriptions_are_one(bootstrap, subscription):
    name = subscription("a,b", "2000")
    subscription("b,c", "1000", client_id=name)
    with opened(bootstrap, name) as client:
        answer = get(client)
        assert (answer.requested_metrics, answer.push_interval_ms) == (["a", "b", "c"], 1000)
    subscription("*", "1500", client_id=name)
    with opened(bootstrap, name) as client:
        answer = get(client)
        assert (answer.requested_metrics, answer.push_interval_ms) == (["*"], 1000)


def test_who_asks_again_too_soon_is_throttled_unless_something_changed(bootstrap, subscription):
    name = subscription("a")
    with opened(bootstrap, name) as client:
        first = get(client)
        assert get(client, first.client_instance_id).error_code == errors.THROTTLING_QUOTA_EXCEEDED
        assert get(client, first.client_instance_id) == GetTelemetrySubscriptions.reply(error_code=errors.THROTTLING_QUOTA_EXCEEDED)
        subscription("b", client_id=name)
        again = get(client, first.client_instance_id)
        assert (again.error_code, again.requested_metrics) == (0, ["a", "b"])
        assert again.subscription_id != first.subscription_id
        assert get(client, ONE).error_code == 0  # any other id is another client


# Pushing ----------------------------------------------------------------------------------------


def test_a_client_pushes_at_intervals_and_then_no_more(bootstrap, subscription):
    with opened(bootstrap, subscription("a")) as client:
        subscribed = get(client)
        assert push(client, subscribed) == 0
        assert push(client, subscribed) == errors.THROTTLING_QUOTA_EXCEEDED
        assert push(client, subscribed, terminating=True) == 0  # the last comes when the client ends
        assert push(client, subscribed, terminating=True) == errors.INVALID_REQUEST
        assert push(client, subscribed) == errors.INVALID_REQUEST
        assert push(client, subscribed) == errors.THROTTLING_QUOTA_EXCEEDED  # what is refused takes the ending back, in Kafka too


def test_short_intervals_pass(bootstrap, subscription):
    with opened(bootstrap, subscription("a", "100")) as client:
        subscribed = get(client)
        assert push(client, subscribed) == 0
        assert becomes(lambda: push(client, subscribed), 0)


def test_who_pushes_for_another_subscription_asks_anew(bootstrap, subscription):
    with opened(bootstrap, subscription("a")) as client:
        subscribed = get(client)
        assert push(client, subscribed, subscription_id=subscribed.subscription_id ^ 1) == errors.UNKNOWN_SUBSCRIPTION_ID
        assert get(client, subscribed.client_instance_id).error_code == 0
        assert push(client, subscribed) == errors.THROTTLING_QUOTA_EXCEEDED  # the failed push was one, too


def test_what_cannot_be_taken(bootstrap, subscription):
    def pushed(**fields):
        with opened(bootstrap, name) as client:
            return push(client, get(client), **fields)

    name = subscription("a")
    assert pushed(compression=5) == errors.UNSUPPORTED_COMPRESSION_TYPE
    assert pushed(metrics=bytes(1048577)) == errors.TELEMETRY_TOO_LARGE
    assert pushed(metrics=bytes(1048576)) == 0
    assert pushed(metrics=b"") == 0
    for reserved in (ZERO, ONE):
        with opened(bootstrap, name) as client:
            answer = client.call(PushTelemetry, 0, client_instance_id=reserved, subscription_id=0, terminating=False, metrics=b"", compression_type=0)
            assert answer.error_code == errors.INVALID_REQUEST


def test_a_client_that_is_gone_is_forgotten(bootstrap, subscription):
    name = subscription("a")
    with opened(bootstrap, name) as client:
        subscribed = get(client)
    with opened(bootstrap, name) as client:
        assert becomes(lambda: get(client, subscribed.client_instance_id).error_code, 0)


# With somebody who takes it ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def taking():
    """A cluster that takes what is pushed, and its server if it is ours."""
    elsewhere = os.environ.get("KAFKA_BOOTSTRAP_TELEMETRY")
    if elsewhere:
        yield elsewhere, None
        return
    if os.environ.get("KAFKA_BOOTSTRAP"):
        pytest.skip("KAFKA_BOOTSTRAP_TELEMETRY names no cluster that takes metrics")
    with serving(metric_reporters="kafka.emulator.ClientTelemetryLog") as server:
        yield server.bootstrap, server


def advertised(client):
    return {71, 72} & {api.api_key for api in client.call(ApiVersions, 0).api_keys}


def test_telemetry_is_advertised_only_where_it_is_taken(bootstrap, taking):
    with WireClient(bootstrap) as client:
        assert advertised(client) == set()
    with WireClient(taking[0]) as client:
        assert advertised(client) == {71, 72}


def test_what_is_pushed_is_read(taking, fresh):
    bootstrap, server = taking
    for codec in range(5):
        with opened(bootstrap, fresh("taken")) as client:
            pushed = compress(codec, b"some metrics") if codec else b"some metrics"
            assert push(client, get(client), metrics=pushed, compression=codec) == 0
            if server is not None:
                kept = server.services["telemetry"].pushes[-1]
                assert (kept.client_id, kept.software_name, kept.software_version, kept.metrics) == (client.client_id, "test", "1.2", b"some metrics")
    with opened(bootstrap, fresh("broken")) as client:
        assert push(client, get(client), metrics=b"no gzip", compression=1) == errors.INVALID_RECORD
    with opened(bootstrap, fresh("bomb")) as client:
        assert push(client, get(client), metrics=compress(1, bytes(2_000_000)), compression=1) == errors.INVALID_RECORD
