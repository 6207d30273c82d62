"""What is enforced: which quota a client falls under, and what it has used of it.

Source: org.apache.kafka.server.quota.{ClientQuotaManager, ControllerMutationQuotaManager, ClientRequestQuotaManager},
kafka.network.ConnectionQuotas of 4.3.1.
"""

from emulator.state.quotas.entities import CLIENT_ID, CONNECTION, CONSUMER, IP, MUTATION, PRODUCER, REQUEST, USER
from emulator.state.quotas.rates import Rate, TokenBucket
from wire.errors import THROTTLING_QUOTA_EXCEEDED, KafkaError

DEFAULT = object()  # of users or of client ids, in place of a name
_UNLIMITED = float(2**63 - 1)
_SENSORS = 1000  # more are swept of idle ones before another is made


class Manager:
    """One kind of quota. `limits`: {(user, client id): limit}, either a name, DEFAULT or None for "not by this"."""

    def __init__(self, make):
        self.limits = {}
        self._make = make  # make(limit) -> Rate or TokenBucket
        self._by_client = {}
        self._by_tags = {}
        self._sweep_above = _SENSORS

    @property
    def enabled(self):
        return bool(self.limits)

    def set(self, user, client_id, limit):
        """Set a limit, or remove it with None; what was used so far stays used."""
        if limit is None:
            self.limits.pop((user, client_id), None)
        else:
            self.limits[user, client_id] = limit
        self._by_client.clear()
        for tags, sensor in self._by_tags.items():
            sensor.limit = self._limit(*tags)

    def sensor(self, user, client_id, now):
        """The Rate or TokenBucket that this client shares with all that fall under the same quota."""
        found = self._by_client.get((user, client_id))
        if found is None:
            if len(self._by_client) > self._sweep_above:
                self._sweep(now)
            tags = self._tags(user, client_id)
            found = self._by_tags.get(tags)
            if found is None:
                found = self._by_tags[tags] = self._make(self._limit(*tags))
            self._by_client[user, client_id] = found
        return found

    def _sweep(self, now):
        """Any number of client ids may come: those of whom a new sensor would know as much are forgotten."""
        self._by_tags = {tags: sensor for tags, sensor in self._by_tags.items() if not sensor.idle(now)}
        self._by_client.clear()
        self._sweep_above = max(_SENSORS, 2 * len(self._by_tags))

    def _tags(self, user, client_id):
        """(user, client id) by which use is counted; "" for what does not count."""
        limits = self.limits
        kinds = {(user is not None, client is not None) for user, client in limits}
        if len(kinds) < 2:
            by_user, by_client = next(iter(kinds), (False, True))
            return (user if by_user else ""), (client_id if by_client else "")
        for key in (
            (user, client_id), (user, DEFAULT), (user, None), (DEFAULT, client_id), (DEFAULT, DEFAULT), (DEFAULT, None),
        ):  # fmt: skip
            if key in limits:
                return user, ("" if key[1] is None else client_id)
        return "", client_id

    def _limit(self, user, client_id):
        if user and client_id:
            keys = (user, client_id), (user, DEFAULT), (DEFAULT, client_id), (DEFAULT, DEFAULT)
        elif user:
            keys = (user, None), (DEFAULT, None)
        elif client_id:
            keys = (None, client_id), (None, DEFAULT)
        else:
            keys = ()
        return next((self.limits[key] for key in keys if key in self.limits), _UNLIMITED)


class MutationQuota:
    """What one request does to topics: a strict one refuses once the bucket is in debt (KIP-599)."""

    def __init__(self, bucket, clock, strict):
        self._bucket = bucket
        self._clock = clock
        self._strict = strict
        self._throttle_ms = self._since = 0

    def charge(self, partitions):
        """Raises KafkaError THROTTLING_QUOTA_EXCEEDED."""
        if self._bucket is None:
            return
        now = self._clock.now()
        if self._strict:
            missing = self._bucket.missing(now)
            if not missing:
                self._bucket.record(partitions, now)
        else:
            self._bucket.record(partitions, now)
            missing = self._bucket.missing(now)
        if missing:
            self._throttle_ms, self._since = missing, now
            if self._strict:
                raise KafkaError(THROTTLING_QUOTA_EXCEEDED)

    @property
    def throttle_time_ms(self):
        return max(0, self._throttle_ms - (self._clock.now() - self._since)) if self._throttle_ms else 0


class Quotas:
    """All managers, kept as ClientQuotas has it; `on_change` hooks are called after each change."""

    def __init__(self, client_quotas, settings, patience):
        self._patience = patience
        samples, window_ms = settings.quota_window_num, settings.quota_window_size_seconds * 1000
        self.longest_bounded = window_ms  # of request and connection throttles
        self.full_windows = (samples - 1) * window_ms / 1000
        self.produce = Manager(lambda limit: Rate(samples, window_ms, limit))
        self.fetch = Manager(lambda limit: Rate(samples, window_ms, limit))
        self.request = Manager(lambda limit: Rate(samples, window_ms, limit))
        mutations, mutation_ms = settings.controller_quota_window_num, settings.controller_quota_window_size_seconds * 1000
        self.mutation = Manager(lambda limit: TokenBucket(mutations, mutation_ms, limit))
        self._managers = {PRODUCER: self.produce, CONSUMER: self.fetch, REQUEST: self.request, MUTATION: self.mutation}
        self._new_connection_rate = lambda limit: Rate(samples, window_ms, limit)
        self._ips = {}  # address, None for the default -> connections a second
        self._connections = {}  # address -> Rate
        self._resolve = client_quotas.resolve
        self.on_change = []
        for entity, values in client_quotas.values.items():
            self._changed(entity, values)
        client_quotas.on_change.append(self._changed)

    @property
    def enabled(self):
        """Whether any request may have to wait."""
        return any(manager.enabled for manager in self._managers.values())

    def _changed(self, entity, values):
        names = dict(entity)
        if IP in names:
            self._change_ip(names[IP], values.get(CONNECTION))
        else:
            user, client_id = ((DEFAULT if name is None else name) if kind in names else None for kind, name in ((kind, names.get(kind)) for kind in (USER, CLIENT_ID)))
            for key, manager in self._managers.items():
                if values.get(key) != manager.limits.get((user, client_id)):
                    manager.set(user, client_id, values.get(key))
        for hook in self.on_change:
            hook()

    def mutations(self, call, strict):
        """The MutationQuota of one request."""
        bucket = None
        if self.mutation.enabled:
            bucket = self.mutation.sensor(call.user, call.client_id or "", self._patience.now())
        return MutationQuota(bucket, self._patience, strict)

    # Connections --------------------------------------------------------------------------

    def _change_ip(self, name, rate):
        address = None if name is None else self._resolve(name)
        if rate is None:
            self._ips.pop(address, None)
        else:
            self._ips[address] = int(rate)
        for known, sensor in list(self._connections.items()):
            limit = self._rate_of(known)
            if limit is None:
                del self._connections[known]
            else:
                sensor.limit = limit

    def _rate_of(self, address):
        return self._ips.get(address, self._ips.get(None))

    def connect(self, address):
        """How long a new connection from `address` is to wait before it is closed; 0 when it is welcome."""
        if not self._ips:
            return 0
        limit = self._rate_of(address)
        if limit is None:
            return 0
        now = self._patience.now()
        sensor = self._connections.get(address)
        if sensor is None:
            if len(self._connections) > _SENSORS:
                self._connections = {known: rate for known, rate in self._connections.items() if not rate.idle(now)}
            sensor = self._connections[address] = self._new_connection_rate(limit)
        throttle_ms = min(sensor.throttle(1.0, now), self.longest_bounded)
        if throttle_ms:
            sensor.record(-1.0, now)
        return throttle_ms
