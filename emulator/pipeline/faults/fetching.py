"""Fetch, ShareFetch, ShareAcknowledge: sessions know more than each request says, and what is brought can be made wrong."""

from copy import copy
from struct import error as struct_error

from emulator.pipeline.faults.plan import in_fetch
from emulator.pipeline.answers.refusing import is_all, put_back, refuse_found, take_out
from wire import errors
from wire.apis.data import Fetch
from wire.apis.share_groups import ShareAcknowledge, ShareFetch
from wire.records import LOG_OVERHEAD, read_header

FETCHES = (Fetch, ShareFetch, ShareAcknowledge)
_CRC_AT = 17  # in a batch: base offset, length, leader epoch and magic stand before it
_Topic = ShareFetch.Response.Responses


def refuse_fetch(api, request, call, plan, handle, handlers_refuse, known):
    """The answer of `handle` to what is not refused, with the errors of what is; sessions go on."""
    levels = {level.name: level for level in plan.levels}
    if api is ShareAcknowledge:
        return _refuse_asked(api, request, call, plan, handle, known)
    if api is Fetch and not handlers_refuse:
        return _refuse_named(request, call, plan, handle, known)
    if api is ShareFetch:
        request, refused = _take_acknowledgements(request, levels, plan)
    choose = plan.refuser(levels["partition"]) if "partition" in levels else None
    if choose is None or not handlers_refuse:
        response = handle(request, call)
    else:
        response = _with_handler(request, call, handle, choose)
    if api is ShareFetch:
        if choose is not None and not handlers_refuse and not response.error_code:
            refuse_found(api, response, levels["partition"], choose, known)
        if not response.error_code:
            _put_acknowledgements(response, refused)
    return response


def _with_handler(request, call, handle, choose):
    def refused(topic, topic_id, partition):
        fault = choose(in_fetch(topic, topic_id, partition))
        return None if fault is None else fault.error

    call.refused = refused
    try:
        return handle(request, call)
    finally:
        call.refused = None


def _refuse_asked(api, request, call, plan, handle, known):
    """The handler runs even when nothing is left: it counts the requests of the session."""
    (level,) = plan.levels
    rest, asked = take_out(request, level, plan.refuser(level))
    response = handle(rest, call)
    if asked is not None and not response.error_code:
        put_back(api, response, level, asked, known)
    return response


def _refuse_named(request, call, plan, handle, known):
    """Of a request that names all that it is about."""
    (level,) = plan.levels
    rest, asked = take_out(request, level, plan.refuser(level))
    if asked is None:
        return handle(rest, call)
    rest.max_wait_ms = 0  # there is something to say
    response = Fetch.reply() if is_all(asked) else handle(rest, call)
    if not response.error_code:
        put_back(Fetch, response, level, asked, known)
    return response


def without_session(handle):
    """`handle` of fetches whose sessions are somebody else's: one is said to be gone, and the client asks for all in each request."""

    def named(request, call):
        if request.session_epoch > 0:
            return Fetch.reply(error_code=errors.FETCH_SESSION_ID_NOT_FOUND)
        request = copy(request)
        request.session_id, request.session_epoch = 0, -1
        return handle(request, call)

    return named


def _take_acknowledgements(request, levels, plan):
    """(the request without those of refused partitions, {(topic_id, partition): the Fault that refuses its}).

    What is refused to a fetch is not taken from it either.
    """
    choosers = [plan.refuser(level) for level in levels.values()]
    refused, topics = {}, []
    for topic in request.topics:
        partitions = []
        for one in topic.partitions:
            if one.acknowledgement_batches:
                named = in_fetch("", topic.topic_id, one.partition_index)
                fault = next((fault for choose in choosers if (fault := choose(named)) is not None), None)
                if fault is not None:
                    refused[topic.topic_id, one.partition_index] = fault
                    one = copy(one)
                    one.acknowledgement_batches = ()
            partitions.append(one)
        topic = copy(topic)
        topic.partitions = partitions
        topics.append(topic)
    if refused:
        request = copy(request)
        request.topics = topics
    return request, refused


def _put_acknowledgements(response, refused):
    topics = {topic.topic_id: topic for topic in response.responses}
    for (topic_id, index), fault in refused.items():
        topic = topics.get(topic_id)
        if topic is None:
            topic = topics[topic_id] = _Topic(topic_id=topic_id, partitions=[])
            response.responses = [*response.responses, topic]
        answer = next((one for one in topic.partitions if one.partition_index == index), None)
        if answer is None:
            answer = _Topic.Partitions(partition_index=index, records=())
            topic.partitions.append(answer)
        answer.acknowledge_error_code, answer.acknowledge_error_message = fault.error, fault.said


# -- what is brought, made wrong --------------------------------------------------------------------


def spoil(api, request, call, plan, response):
    """Do to the records of each partition what the faults of the plan say."""
    late, brought = False, False
    for topic in response.responses:
        for partition in topic.partitions:
            if partition.error_code or not partition.records:
                continue
            named = in_fetch(getattr(topic, "topic", ""), topic.topic_id, partition.partition_index)
            for fault in plan.spoilers(named):
                late |= bool(fault.stale)
                _spoil(partition, fault)
            brought |= len(partition.records) > 0
    if late and not brought and request.max_wait_ms > 0:  # nor would a replica that has nothing new answer at once
        call.pending().wait(call.patience.now() + request.max_wait_ms)


def _spoil(partition, fault):
    records = partition.records
    data = b"".join(records) if isinstance(records, (list, tuple)) else bytes(records)
    if fault.stale:
        data = _lacking(partition, data, fault.stale)
    if fault.duplicate:
        data *= 2
    if fault.corrupt_crc and len(data) > _CRC_AT:
        data = bytearray(data)
        data[_CRC_AT] ^= 0xFF
    partition.records = (bytes(data),) if data else ()


def _lacking(partition, data, offsets):
    """What a replica that lacks the last `offsets` would answer."""
    end = max(partition.high_watermark - offsets, partition.log_start_offset, 0)
    partition.high_watermark = end
    partition.last_stable_offset = min(partition.last_stable_offset, end)
    position = 0
    while len(data) - position > LOG_OVERHEAD:
        try:
            header = read_header(data, position)
        except struct_error:
            break
        if header.last_offset >= end:
            break
        position += header.size
    return data[:position]
