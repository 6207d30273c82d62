"""ShareFetch, ShareAcknowledge: records are given out, and given back or done with.

Source: KafkaApis.handleShareFetchRequest, handleShareAcknowledgeRequest, kafka.server.share.DelayedShareFetch,
ShareFetchUtils of Kafka 4.3.1.
"""

from emulator.api.registry import handles
from emulator.api.share_groups.common import acknowledge, check_caller, follow_connection
from emulator.state.share.sessions import FINAL_EPOCH, INITIAL_EPOCH
from wire import errors
from wire.apis.share_groups import ShareAcknowledge, ShareFetch
from wire.errors import KafkaError
from wire.records import HEADER_SIZE, read_header

_Topic = ShareFetch.Response.Responses
_Partition = _Topic.Partitions
_UNTIL_ASKED_AGAIN_MS = 100  # about a partition whose state cannot be read just now
_RECORD_LIMIT = 1  # share_acquire_mode: no more records than were asked for, even of one batch (KIP-1206)


@handles(ShareFetch, feature="share.version")
def share_fetch(request, call, cluster, settings, share_partitions):
    try:
        check_caller(request, call)
        _check_renewal(request)
        session, asked = _session(request, call, share_partitions)
    except KafkaError as refusal:
        if refusal.error == errors.SHARE_SESSION_LIMIT_REACHED and request.max_wait_ms > 0:
            call.pending().wait(call.patience.now() + request.max_wait_ms)  # so that it does not ask again at once
        return ShareFetch.reply(error_code=refusal.error)
    if any(topic_id not in cluster.topics_by_id for topic_id, _ in asked):
        # An id without a topic is more than Kafka can answer by partition here.
        return ShareFetch.reply(error_code=errors.UNKNOWN_SERVER_ERROR)
    acknowledged = acknowledge(request, call, cluster, share_partitions) if _acknowledges(request) else {}
    answers = {}
    if not request.is_renew_ack:
        answers = _Reader(request, call, cluster, settings, share_partitions, asked).answers()
    if session is not None and request.share_session_epoch != INITIAL_EPOCH:
        answers = {
            key: answer for key, answer in answers.items() if session.must_answer(key, len(answer.records) > 0, answer.error_code)
        }
    for key, (error, message) in acknowledged.items():
        answer = answers.setdefault(key, _Partition(partition_index=key[1], records=()))
        answer.acknowledge_error_code, answer.acknowledge_error_message = error, message
    if request.share_session_epoch == FINAL_EPOCH:
        share_partitions.release(request.group_id, request.member_id)
    response = ShareFetch.reply(
        acquisition_lock_timeout_ms=share_partitions.config(request.group_id).share_record_lock_duration_ms,
        responses=_by_topic(_Topic, answers),
    )
    if call.throttle_ms is not None and (throttle_ms := call.throttle_ms(response)):
        return ShareFetch.reply(throttle_time_ms=throttle_ms)  # what was acquired stays so until its lock ends, as in Kafka
    return response


def _by_topic(Topic, answers):
    topics = {}
    for (topic_id, _), answer in answers.items():
        topic = topics.get(topic_id)
        if topic is None:
            topic = topics[topic_id] = Topic(topic_id=topic_id, partitions=[])
        topic.partitions.append(answer)
    return list(topics.values())


def _acknowledges(request):
    return any(partition.acknowledgement_batches for topic in request.topics for partition in topic.partitions)


def _check_renewal(request):
    if request.is_renew_ack and (request.max_bytes or request.min_bytes or request.max_records or request.max_wait_ms):
        raise KafkaError(errors.INVALID_REQUEST)


def _session(request, call, share_partitions):
    """(ShareSession, the partitions to fetch from). KafkaError."""
    sessions, epoch = share_partitions.sessions, request.share_session_epoch
    if epoch == FINAL_EPOCH:
        return sessions.get(request.group_id, request.member_id), []
    asked = list(dict.fromkeys((topic.topic_id, partition.partition_index) for topic in request.topics for partition in topic.partitions))
    if epoch == INITIAL_EPOCH:
        if _acknowledges(request):
            raise KafkaError(errors.INVALID_REQUEST)
        session = sessions.open(request.group_id, request.member_id, asked, call.connection)
        follow_connection(call, share_partitions)
        return session, asked
    session = sessions.get(request.group_id, request.member_id)
    session.next(epoch)
    session.update(asked, ((topic.topic_id, index) for topic in request.forgotten_topics_data for index in topic.partitions))
    return session, list(session.partitions)


class _Reader:
    """One request's reading of its partitions: at once, or when there is enough, or when its time is over."""

    def __init__(self, request, call, cluster, settings, share_partitions, asked):
        self.request = request
        self.call = call
        self.max_bytes = min(request.max_bytes, settings.fetch_max_bytes)
        self.min_bytes = min(request.min_bytes, self.max_bytes)
        self.committed = share_partitions.config(request.group_id).share_isolation_level == "read_committed"
        self.longest_wait_ms, self.awaits_state = request.max_wait_ms, False
        self.refused = {}
        self.found = {}  # key -> (SharePartition, Log), in the order in which they are served
        for key in _rotated(asked, request.share_session_epoch):
            try:
                self.found[key] = self._find(key, cluster, share_partitions)
            except KafkaError as refusal:
                if refusal.error == errors.COORDINATOR_NOT_AVAILABLE:
                    # Clients know no such error here: Kafka's persister asks again and again, here the client does.
                    self.longest_wait_ms, self.awaits_state = min(request.max_wait_ms, _UNTIL_ASKED_AGAIN_MS), True
                else:
                    self.refused[key] = _Partition(partition_index=key[1], error_code=refusal.error, records=())

    def _find(self, key, cluster, share_partitions):
        topic = cluster.topics_by_id[key[0]]
        if self.call.refused is not None and (error := self.call.refused(topic.name, *key)):
            raise KafkaError(error)
        if not self.call.allowed("read", "topic", topic.name):
            raise KafkaError(errors.TOPIC_AUTHORIZATION_FAILED)
        log = share_partitions.log(*key)
        if self.request.max_records == 0 or self.max_bytes == 0:
            return None, log
        return share_partitions.begin(self.request.group_id, *key), log

    def answers(self):
        """{key: answer} of the partitions that there is something to say of."""
        if self.request.max_records == 0 or self.max_bytes == 0 or not self.found and not self.awaits_state:
            return self.refused
        answers = self.try_now()
        if answers is None and self.longest_wait_ms > 0:
            answers = self.wait()
        if answers is None:
            answers = self.take(self.acquirable())
        return {**answers, **self.refused}

    def try_now(self):
        """The answers if there is enough, or None."""
        offsets = self.acquirable()
        if offsets and (any(log.closed for _, log in self.found.values()) or self.is_enough(offsets)):
            return self.take(offsets)
        return None

    def acquirable(self):
        """{key: offset to read from} of the partitions whose records may be given out."""
        return {key: found.next_fetch_offset() for key, (found, log) in self.found.items() if not found.closed and found.can_acquire()}

    def is_enough(self, offsets):
        most, available = self.max_bytes // len(offsets), 0
        for key, offset in offsets.items():
            log = self.found[key][1]
            if not log.log_start_offset <= offset <= log.end_offset:
                return True
            available += min(log.readable_bytes(offset, self._upto(log)), most)
        return available >= self.min_bytes

    def _upto(self, log):
        return log.last_stable_offset if self.committed else log.high_watermark

    def take(self, offsets):
        """Read, and give to the member what was read."""
        answers, acquired_count = {}, 0
        room, min_one = self.max_bytes, True
        most = self.max_bytes // len(offsets) if offsets else 0
        for key, offset in offsets.items():
            found, log = self.found[key]
            answer = answers[key] = _Partition(partition_index=key[1], records=())
            try:
                result = log.read(offset, min(most, room), self._upto(log), min_one)
            except KafkaError as refusal:
                if refusal.error == errors.OFFSET_OUT_OF_RANGE and not log.closed:
                    found.log_start_moved(log.log_start_offset)
                else:
                    answer.error_code = errors.UNKNOWN_TOPIC_OR_PARTITION if log.closed else refusal.error
                continue
            if result.first_incomplete or not result.size:
                continue
            min_one = False
            room = max(room - result.size, 0)
            pieces = result.records
            records = pieces[0] if len(pieces) == 1 else memoryview(b"".join(pieces))
            headers = _headers(records)
            aborted = _aborted(headers, log.aborted_transactions(offset, result)) if self.committed else ()
            request = self.request
            acquired = found.acquire(
                request.member_id,
                request.max_records - acquired_count,
                offset,
                [(header.base_offset, header.last_offset) for header in headers],
                request.batch_size,
                request.share_acquire_mode == _RECORD_LIMIT,
                aborted,
            )
            if acquired:
                acquired_count += sum(last - first + 1 for first, last, _ in acquired)
                answer.records = _slice(records, headers, acquired[0][0], acquired[-1][1])
                answer.acquired_records = [
                    _Partition.AcquiredRecords(first_offset=first, last_offset=last, delivery_count=count)
                    for first, last, count in acquired
                ]
        return answers

    def wait(self):
        """The answers once there is enough; None when the time is over before."""
        pending = self.call.pending()

        def changed():
            # Taken here and now: another one who waits must not get the same, nor this one nothing.
            if not pending.done and (answers := self.try_now()) is not None:
                pending.resolve(answers)

        watched = [one for pair in self.found.values() for one in pair]
        for one in watched:
            one.watch(changed)
        try:
            return pending.wait(self.call.patience.now() + self.longest_wait_ms)
        finally:
            for one in watched:
                one.unwatch(changed)


def _rotated(partitions, epoch):
    """The partitions from another one on in every request, so that each is first at times."""
    if epoch < 1 or not partitions:
        return partitions
    at = epoch % len(partitions)
    return partitions[at:] + partitions[:at]


def _headers(records):
    """The headers of the whole batches in what was read."""
    headers, position, end = [], 0, len(records)
    while end - position >= HEADER_SIZE:
        header = read_header(records, position)
        if header.size > end - position:
            break
        headers.append(header)
        position += header.size
    return headers


def _aborted(headers, transactions):
    """[(base offset, last offset)] of the batches that belong to these aborted transactions."""
    waiting = sorted(transactions, key=lambda transaction: transaction[1])
    open_producers, aborted = set(), []
    for header in headers:
        while waiting and waiting[0][1] <= header.last_offset:
            open_producers.add(waiting.pop(0)[0])
        if header.producer_id in open_producers:
            if header.is_control:
                open_producers.discard(header.producer_id)
            elif header.is_transactional:
                aborted.append((header.base_offset, header.last_offset))
    return aborted


def _slice(records, headers, first, last):
    """The batches from the one that holds `first` to the one that holds `last`."""
    start = end = position = 0
    for index, header in enumerate(headers):
        if index and header.base_offset <= first:
            start = position
        if header.base_offset <= last or not index:
            end = position + header.size
        position += header.size
    return records if (start, end) == (0, len(records)) else records[start:end]


@handles(ShareAcknowledge, feature="share.version")
def share_acknowledge(request, call, cluster, share_partitions):
    try:
        check_caller(request, call)
        epoch = request.share_session_epoch
        if epoch == INITIAL_EPOCH:
            raise KafkaError(errors.INVALID_SHARE_SESSION_EPOCH)
        session = share_partitions.sessions.get(request.group_id, request.member_id)
        if epoch != FINAL_EPOCH:
            session.next(epoch)
    except KafkaError as refusal:
        return ShareAcknowledge.reply(error_code=refusal.error)
    answers = acknowledge(request, call, cluster, share_partitions)
    if not _acknowledges(request):
        # Nothing at all was acknowledged: Kafka names what is wrong only.
        answers = {key: answer for key, answer in answers.items() if answer[0] != errors.NONE}
    if epoch == FINAL_EPOCH:
        share_partitions.release(request.group_id, request.member_id)
    Topic = ShareAcknowledge.Response.Responses
    Partition = Topic.Partitions
    return ShareAcknowledge.reply(
        acquisition_lock_timeout_ms=share_partitions.config(request.group_id).share_record_lock_duration_ms,
        responses=_by_topic(
            Topic,
            {key: Partition(partition_index=key[1], error_code=error, error_message=message) for key, (error, message) in answers.items()},
        ),
    )

