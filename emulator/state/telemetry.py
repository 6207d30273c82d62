"""Telemetry of clients (KIP-714): what each is asked to push, when it may, and what it pushed.

Source: org.apache.kafka.server.ClientMetricsManager and ClientMetricsInstance of 4.3.1. All times are of `patience`:
clients go on pushing while the time that stamps stands still.
"""

from collections import deque, namedtuple

from emulator.state.cluster.ids import uuid_text
from emulator.state.configs.broker import TELEMETRY_REPORTER
from emulator.state.configs.client_metrics import ALL_METRICS
from emulator.state.java import hash_order, string_hash, uuid_hash
from wire import errors
from wire.compression import CorruptData, TooLarge, decompress
from wire.errors import KafkaError
from wire.records import crc32c

ZSTD, LZ4, GZIP, SNAPPY = 4, 3, 1, 2
ACCEPTED_COMPRESSION = (ZSTD, LZ4, GZIP, SNAPPY)  # best first
_COMPRESSIONS = range(5)

_DEFAULT_INTERVAL_MS = 300_000
_KEPT_MS = 60_000  # at least, after the last request of a client
_MOST_CLIENTS = 16_384
_KEPT_PUSHES, _KEPT_BYTES = 1_000, 16 * 1024 * 1024
_NEVER = float("-inf")
_RESERVED = (bytes(16), bytes(15) + b"\1")

# One push as it arrived: `metrics` is OTLP, decompressed.
Push = namedtuple("Push", "time_ms client_instance_id client_id software_name software_version terminating metrics")


class _Instance:
    """One client: what it is asked for, since when it is known."""

    __slots__ = (
        "properties", "subscription_id", "version", "metrics", "interval_ms", "last_get", "last_push",
        "terminating", "last_error", "expiry",
    )  # fmt: skip

    def __init__(self, properties, subscription_id, version, metrics, interval_ms):
        self.properties = properties
        self.subscription_id = subscription_id
        self.version = version
        self.metrics = metrics
        self.interval_ms = interval_ms
        self.last_get = self.last_push = _NEVER
        self.terminating = False
        self.last_error = errors.NONE
        self.expiry = None

    def may_get(self, now):
        if now - max(self.last_get, self.last_push) < self.interval_ms:
            return False
        self.last_get = now
        return True

    def may_push(self, now):
        # The first push after a subscription comes when the client's own jitter says.
        if self.last_get <= self.last_push and now - self.last_push < self.interval_ms:
            return False
        self.last_push = now
        return True


class Telemetry:
    """The clients that push. `report(push)` is told of each that is kept in `pushes`, the latest of them."""

    def __init__(self, configs, time, patience, random, report):
        self._configs = configs
        self._subscriptions = configs.client_metrics
        self._time = time
        self._patience = patience
        self._random = random
        self._report = report
        self._instances = {}  # the least recently used first
        self._connections = {}  # connection -> the client instance that it made last
        self.pushes = deque(maxlen=_KEPT_PUSHES)
        self._pushed_bytes = 0

    @property
    def enabled(self):
        """Whether anybody takes what is pushed: only then it is advertised."""
        return TELEMETRY_REPORTER in self._configs.settings.metric_reporters

    @property
    def max_bytes(self):
        return self._configs.settings.telemetry_max_bytes

    # Requests -----------------------------------------------------------------------------

    def subscribe(self, client_instance_id, call):
        """(id, subscription id, [metric prefix], interval in ms) for a client, id zero for a new one; raises KafkaError."""
        if client_instance_id == bytes(16):
            client_instance_id = self._random.randbytes(16)
        now = self._patience.now()
        instance = self._instance(client_instance_id, call)
        known_problem = instance.last_error in (errors.UNKNOWN_SUBSCRIPTION_ID, errors.UNSUPPORTED_COMPRESSION_TYPE)
        if not instance.may_get(now) and not known_problem:
            raise KafkaError(errors.THROTTLING_QUOTA_EXCEEDED)
        instance.last_error = errors.NONE
        return client_instance_id, instance.subscription_id, instance.metrics, instance.interval_ms

    def push(self, request, call):
        """Take a PushTelemetry's metrics; raises KafkaError."""
        if request.client_instance_id in _RESERVED:
            raise KafkaError(errors.INVALID_REQUEST)
        instance = self._instance(request.client_instance_id, call)
        try:
            self._check(request, instance)
            if len(request.metrics) and self.enabled:
                self._keep(request, instance)
        except KafkaError as error:
            instance.last_error = error.error
            raise
        finally:
            instance.terminating = request.terminating
        instance.last_error = errors.NONE

    def _check(self, request, instance):
        if instance.terminating:
            raise KafkaError(errors.INVALID_REQUEST)
        if not instance.may_push(self._patience.now()) and not request.terminating:
            raise KafkaError(errors.THROTTLING_QUOTA_EXCEEDED)
        if request.subscription_id != instance.subscription_id:
            raise KafkaError(errors.UNKNOWN_SUBSCRIPTION_ID)
        if request.compression_type not in _COMPRESSIONS:
            raise KafkaError(errors.UNSUPPORTED_COMPRESSION_TYPE)
        if len(request.metrics) > self.max_bytes:
            raise KafkaError(errors.TELEMETRY_TOO_LARGE)

    def _keep(self, request, instance):
        metrics = bytes(request.metrics)
        try:
            if request.compression_type:
                metrics = bytes(decompress(request.compression_type, metrics, self.max_bytes))
        except (CorruptData, TooLarge):
            raise KafkaError(errors.INVALID_RECORD) from None
        known = instance.properties
        push = Push(
            self._time.now(), known["client_instance_id"], known["client_id"],
            known["client_software_name"], known["client_software_version"], request.terminating, metrics,
        )  # fmt: skip
        pushes = self.pushes
        while pushes and (len(pushes) == _KEPT_PUSHES or self._pushed_bytes + len(metrics) > _KEPT_BYTES):
            self._pushed_bytes -= len(pushes.popleft().metrics)
        pushes.append(push)
        self._pushed_bytes += len(metrics)
        self._report(push)

    # Instances ----------------------------------------------------------------------------

    def _instance(self, client_instance_id, call):
        instance = self._instances.pop(client_instance_id, None)
        if instance is None:
            instance = self._made(client_instance_id, _properties(client_instance_id, call), call.connection)
        elif instance.version < self._subscriptions.version:
            instance.expiry.cancel()
            instance = self._made(client_instance_id, instance.properties, call.connection)
        else:
            instance.expiry.cancel()
        self._instances[client_instance_id] = instance
        if len(self._instances) > _MOST_CLIENTS:
            self._forget(next(iter(self._instances)))
        kept = max(_KEPT_MS, 3 * instance.interval_ms)
        instance.expiry = self._patience.after(kept, lambda: self._forget(client_instance_id))
        return instance

    def _made(self, client_instance_id, properties, connection):
        metrics, interval_ms = {}, _DEFAULT_INTERVAL_MS
        for subscription in self._subscriptions.subscriptions.values():
            if all(matches(properties[name]) for name, matches in subscription.match.items()):
                metrics.update(dict.fromkeys(subscription.metrics))
                interval_ms = min(interval_ms, subscription.interval_ms)
        asked = [ALL_METRICS] if ALL_METRICS in metrics else hash_order(metrics, string_hash)
        checksum = crc32c(f"[{', '.join(asked)}]{interval_ms}".encode())
        subscription_id = _signed(checksum ^ uuid_hash(client_instance_id))
        self._connections[connection] = client_instance_id
        if self.connection_closed not in connection.on_close:
            connection.on_close.append(self.connection_closed)
        return _Instance(properties, subscription_id, self._subscriptions.version, asked, interval_ms)

    def _forget(self, client_instance_id):
        instance = self._instances.pop(client_instance_id, None)
        if instance is not None:
            instance.expiry.cancel()

    def connection_closed(self, connection):
        client_instance_id = self._connections.pop(connection, None)
        if client_instance_id is not None:
            self._forget(client_instance_id)


def _properties(client_instance_id, call):
    name, version = call.software
    return {
        "client_instance_id": uuid_text(client_instance_id),
        "client_id": call.client_id or "",
        "client_software_name": name,
        "client_software_version": version,
        "client_source_address": call.client_host,
        "client_source_port": str(call.client_port),
    }


def _signed(value):
    """`value` as a Java int."""
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value
