"""Fetch: batches out, long polls, incremental sessions."""

from copy import copy

from emulator.api.authorized import CLUSTER_NAME
from emulator.api.data.leading import ASK_ANOTHER, RACK_AWARE, check_leader_epoch, name_leader, node_endpoints
from emulator.api.registry import handles
from emulator.state.fetch_sessions import FINAL_EPOCH, INITIAL_EPOCH, INVALID_SESSION_ID, CachedPartition
from emulator.state.log.segments import EMPTY
from wire import errors
from wire.apis.data import Fetch
from wire.errors import KafkaError

_Topic = Fetch.Response.Responses
_Partition = _Topic.Partitions
_Epoch = _Partition.DivergingEpoch

_CONSUMER, _DEBUG_CONSUMER = -1, -2
_READ_UNCOMMITTED, _READ_COMMITTED = 0, 1
# Errors found before a log is read: Kafka answers them with an empty list of aborted transactions, others with none.
_BEFORE_READING = (errors.UNKNOWN_TOPIC_OR_PARTITION, errors.UNKNOWN_TOPIC_ID, errors.UNKNOWN_SERVER_ERROR, errors.TOPIC_AUTHORIZATION_FAILED)
_ZSTD_SINCE = 10  # older clients cannot read zstd (KIP-110)
_FOLLOWERS_SINCE = 11  # older clients ask leaders only (KIP-392)


@handles(Fetch)
def fetch(request, call, cluster, settings, fetch_sessions, broker, replication):
    with_ids = call.version >= 13
    try:
        session, partitions = open_context(request, with_ids, call, fetch_sessions)
    except KafkaError as error:
        return Fetch.reply(error_code=error.error)
    reader = _Reader(request, call, cluster, settings, partitions, broker, replication)
    if request.isolation_level not in (_READ_UNCOMMITTED, _READ_COMMITTED) and reader.has_something():
        return _refuse_all(request, with_ids)
    answers = reader.read()
    if not reader.satisfied and request.max_wait_ms > 0:
        reader.wait(request.max_wait_ms)
        answers = reader.read()

    if call.throttle_ms is not None and (throttle_ms := call.throttle_ms(_would_answer(session, answers))):
        return Fetch.reply(throttle_time_ms=throttle_ms, session_id=INVALID_SESSION_ID if session is None else session.id)
    if session is None:
        session_id = INVALID_SESSION_ID
        if request.session_epoch == INITIAL_EPOCH:
            new = fetch_sessions.open(partitions, with_ids, call.patience.now())
            if new is not None:
                session_id = new.id
                for cached, answer in answers:
                    cached.changed(answer)
    else:
        session_id = session.id
        answers = changes_of(session, answers)
    return Fetch.reply(session_id=session_id, responses=by_topic(answers), node_endpoints=reader.endpoints())


def _refuse_all(request, with_ids):
    """Kafka's answer when it cannot make sense of a request: v13+ has a place for the error at the top alone."""
    error = errors.UNKNOWN_SERVER_ERROR
    if with_ids:
        return Fetch.reply(error_code=error)
    return Fetch.reply(error_code=error, responses=[
        _Topic(topic=topic.topic, partitions=[_refusal(asked.partition, error) for asked in topic.partitions])
        for topic in request.topics
    ])  # fmt: skip


def open_context(request, with_ids, call, sessions):
    """(session or None, {key: CachedPartition}) of what is to be read, in order."""
    session_id, epoch = request.session_id, request.session_epoch
    now = call.patience.now()
    if epoch in (INITIAL_EPOCH, FINAL_EPOCH):
        if session_id != INVALID_SESSION_ID:
            sessions.close(session_id)
        return None, _asked(request, with_ids)
    session = sessions.resume(session_id, epoch, with_ids, now)
    cached, asked = session.partitions, _asked(request, with_ids)
    for key, partition in asked.items():
        known = cached.get(key)
        if known is None:
            cached[key] = partition
        else:
            known.update(partition)
    for topic in request.forgotten_topics_data:
        name = topic.topic_id if with_ids else topic.topic
        for index in topic.partitions:
            cached.pop((name, index), None)
    if not cached:
        sessions.close(session_id)
        return None, asked  # which is answered, though it be forgotten as well
    return session, cached


def _asked(request, with_ids):
    asked = {}
    for topic in request.topics:
        name = topic.topic_id if with_ids else topic.topic
        for partition in topic.partitions:
            asked[name, partition.partition] = CachedPartition(topic.topic, topic.topic_id, partition)
    return asked


def changes_of(session, answers):
    """Of an incremental request's answers, those that tell something new; who got records goes last next time."""
    changed, partitions = [], session.partitions
    for cached, answer in answers:
        if cached.changed(answer):
            changed.append((cached, answer))
            if answer.records:
                key = (cached.topic_id if session.uses_topic_ids else cached.topic, cached.partition)
                if partitions.pop(key, None) is not None:
                    partitions[key] = cached
    return changed


def _would_answer(session, answers):
    """The answer as it would be given, for its size; the session does not remember it."""
    if session is not None:
        answers = [(cached, answer) for cached, answer in answers if copy(cached).changed(answer)]
    return Fetch.reply(responses=by_topic(answers))


def by_topic(answers):
    topics, last = [], None
    for cached, answer in answers:
        if last is None or last.topic != cached.topic or last.topic_id != cached.topic_id:
            last = _Topic(topic=cached.topic, topic_id=cached.topic_id, partitions=[])
            topics.append(last)
        last.partitions.append(answer)
    return topics


class _Reader:
    """One request's reading of its partitions: at once, and again when enough has come."""

    def __init__(self, request, call, cluster, settings, partitions, broker, replication):
        self.request = request
        self.call = call
        self.cluster = cluster
        self.partitions = list(partitions.values())
        self.max_bytes = min(request.max_bytes, settings.fetch_max_bytes)
        self.min_bytes = min(request.min_bytes, self.max_bytes)
        self.committed_only = request.isolation_level == _READ_COMMITTED
        self.satisfied = True
        self.broker = broker
        self.replication = replication
        self.elsewhere = []  # partitions of which another broker is to be asked
        self.selects = call.version >= _FOLLOWERS_SINCE and settings.replica_selector_class == RACK_AWARE
        # v15+: the replica's id moved to a tagged struct (KIP-903).
        self.refused = call.refused
        self.replica_id = request.replica_id if call.version < 15 else request.replica_state.replica_id

    def has_something(self):
        """Whether any of the partitions exists."""
        return any(self._exists(cached) for cached in self.partitions)

    def _exists(self, cached):
        try:
            self._partition(cached)
        except KafkaError:
            return False
        return True

    def _partition(self, cached):
        topic = self._topic(cached)
        if topic is None or not 0 <= cached.partition < len(topic.partitions):
            raise KafkaError(errors.UNKNOWN_TOPIC_OR_PARTITION)
        return topic.partitions[cached.partition]

    def _topic(self, cached):
        """The Topic that this client means and may read, or None; what an id means is no secret, whether there is a name is one."""
        call, cluster = self.call, self.cluster
        if (is_replica := self.replica_id >= 0) and not call.allowed("cluster_action", "cluster", CLUSTER_NAME):
            raise KafkaError(errors.TOPIC_AUTHORIZATION_FAILED)
        if call.version < 13:
            topic = cluster.topics.get(cached.topic)
        elif (topic := cluster.topics_by_id.get(cached.topic_id)) is not None:
            cached.topic = topic.name
        elif not cached.topic:
            raise KafkaError(errors.UNKNOWN_TOPIC_ID)
        if call.authorizer is not None and not is_replica and not call.allowed("read", "topic", cached.topic):
            raise KafkaError(errors.TOPIC_AUTHORIZATION_FAILED)
        if topic is None and call.version >= 13 and (another := cluster.topics.get(cached.topic)) and 0 <= cached.partition < len(another.partitions):
            raise KafkaError(errors.INCONSISTENT_TOPIC_ID)  # the session remembers what the id was called
        return topic

    def _find(self, cached):
        """The Partition, if this client may read it as it asks to."""
        if self.refused is not None and (error := self.refused(cached.topic, cached.topic_id, cached.partition)):
            raise KafkaError(error)
        partition, me = self._partition(cached), self.broker.id
        if cached.current_leader_epoch >= 0 and me in partition.logs:  # here any negative one is none
            check_leader_epoch(partition, cached.current_leader_epoch)
        if partition.leader != me and (self.call.version < _FOLLOWERS_SINCE or partition.leader < 0 or me not in partition.logs):
            raise partition.no_leader(me)
        if self.replica_id not in (_CONSUMER, _DEBUG_CONSUMER):
            raise KafkaError(errors.NOT_LEADER_OR_FOLLOWER)
        return partition

    def _log(self, partition):
        """The replica that is here."""
        return partition.log if partition.leader == self.broker.id else partition.logs[self.broker.id]

    def _preferred(self, partition, offset):
        """The follower that a client of this rack had better read from, or None (RackAwareReplicaSelector)."""
        leading, brokers, rack = self.replication.leading(partition), self.cluster.brokers, self.request.rack_id
        if not rack or leading is None or partition.leader != self.broker.id or self.broker.rack == rack:
            return None
        there = [
            (state.end_offset, state.caught_up_ms, replica) for replica, state in leading.followers.items()
            if replica in partition.isr and state.end_offset >= offset >= partition.logs[replica].log_start_offset
            and replica in brokers and not brokers[replica].fenced and brokers[replica].rack == rack
        ]  # fmt: skip
        return max(there)[2] if there else None

    def endpoints(self):
        """How those are reached whom an answer names as leaders."""
        if not self.elsewhere or self.call.version < 16:
            return ()
        return node_endpoints(self.elsewhere, self.cluster, self.call.listener, Fetch.Response.NodeEndpoints)

    def _limit(self, log):
        if self.replica_id == _DEBUG_CONSUMER:
            return log.end_offset
        return log.last_stable_offset if self.committed_only else log.high_watermark

    def read(self):
        """[(CachedPartition, answer)] of all partitions; `satisfied` says whether to answer now."""
        answers, unknown_ids, unknown, total, urgent = [], [], [], 0, not self.partitions
        room, min_one = self.max_bytes, True
        self.elsewhere.clear()
        for cached in self.partitions:
            try:
                partition = self._find(cached)
                log = self._log(partition)
                if self.selects and (preferred := self._preferred(partition, cached.fetch_offset)) is not None:
                    urgent = True
                    answer = self._answer(cached, log, EMPTY)
                    answer.preferred_read_replica = preferred
                elif cached.last_fetched_epoch >= 0 and (diverging := _diverging(log, cached)):
                    urgent = True
                    answer = self._answer(cached, log, EMPTY)
                    answer.diverging_epoch, answer.aborted_transactions = diverging, None
                else:
                    result = log.read(cached.fetch_offset, min(cached.partition_max_bytes, room), self._limit(log), min_one)
                    answer = self._answer(cached, log, result)
                    if result.first_incomplete:
                        answer.records = ()
                        if result.size:  # Kafka throws away what it has read, and what it knows of it
                            answer.aborted_transactions = None
                    elif result.size:
                        min_one = False
                        room = max(room - result.size, 0)
                        total += result.size
                    if log.config.compression_type == "zstd" and self.call.version < _ZSTD_SINCE:
                        raise KafkaError(errors.UNSUPPORTED_COMPRESSION_TYPE)
            except KafkaError as error:
                urgent = True
                answer = _refusal(cached.partition, error.error)
                if self.call.version >= 16 and error.error in ASK_ANOTHER and self._exists(cached):
                    partition = self._partition(cached)
                    name_leader(answer, partition)
                    self.elsewhere.append(partition)
                if error.error in _BEFORE_READING:
                    (unknown_ids if error.error == errors.UNKNOWN_TOPIC_ID else unknown).append((cached, answer))
                    continue
            answers.append((cached, answer))
        self.satisfied = urgent or total >= self.min_bytes
        return answers + unknown_ids + unknown if urgent else answers

    def _answer(self, cached, log, result):
        return _Partition(
            partition_index=cached.partition,
            high_watermark=log.high_watermark,
            last_stable_offset=log.last_stable_offset,
            log_start_offset=log.log_start_offset,
            aborted_transactions=_aborted(cached, log, result) if self.committed_only else None,
            records=result.records,
        )

    def wait(self, max_wait_ms):
        """Until `min_bytes` may be read, a partition is gone, or the time is over."""
        call = self.call
        pending = call.pending()
        watched = []
        for cached in self.partitions:
            partition = self._find(cached)
            watched.append((cached, self._log(partition), partition, partition.leader_epoch))

        needed = max(self.min_bytes, 1)

        def grown():
            available = 0
            for cached, log, partition, epoch in watched:
                if log.closed or partition.leader_epoch != epoch:
                    pending.resolve()
                    return
                available += min(log.readable_bytes(cached.fetch_offset, self._limit(log)), cached.partition_max_bytes)
                if available >= needed:
                    pending.resolve()
                    return

        # A log that grows has more for who reads it to its end; who waits for transactions to end must look.
        wake = pending.resolve if needed == 1 and not self.committed_only else grown
        for _, log, _, _ in watched:
            log.watch(wake)
        try:
            pending.wait(call.patience.now() + max_wait_ms)
        finally:
            for _, log, _, _ in watched:
                log.unwatch(wake)


def _aborted(cached, log, result):
    return [
        _Partition.AbortedTransactions(producer_id=producer_id, first_offset=first_offset)
        for producer_id, first_offset in log.aborted_transactions(cached.fetch_offset, result)
    ]


def _refusal(index, error):
    answer = _Partition(partition_index=index, error_code=error, high_watermark=-1, records=())
    if error not in _BEFORE_READING:
        answer.aborted_transactions = None
    return answer


def _diverging(log, cached):
    epoch, end_offset = log.end_offset_of_epoch(cached.last_fetched_epoch)
    if end_offset < 0:
        raise KafkaError(errors.OFFSET_OUT_OF_RANGE)
    if epoch < cached.last_fetched_epoch or end_offset < cached.fetch_offset:
        return _Epoch(epoch=epoch, end_offset=end_offset)
    return None


