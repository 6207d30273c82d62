"""OffsetCommit, TxnOffsetCommit, OffsetFetch, OffsetDelete: how far groups have read."""

from emulator.api.registry import handles
from emulator.state.cluster.names import CONSUMER_OFFSETS
from wire import errors
from wire.apis.groups import OffsetCommit, OffsetDelete, OffsetFetch
from wire.apis.transactions import TxnOffsetCommit
from wire.errors import KafkaError
from wire.record import Built


def _by_name(cluster, topic, version):
    """The Topic that a request means: by id since v10, by name before; None when there is none."""
    return cluster.topics_by_id.get(topic.topic_id) if version >= 10 else cluster.topics.get(topic.name)


def _has_partition(topic, index):
    return 0 <= index < len(topic.partitions)


class _Answer:
    """Partitions by topic in the order in which they are answered: what is refused at the door comes first."""

    def __init__(self, Topic, by_id=False):
        self.Topic = Topic
        self._key = "topic_id" if by_id else "name"
        self._topics = {}

    def topic(self, asked):
        key = getattr(asked, self._key)
        topic = self._topics.get(key)
        if topic is None:
            topic = self._topics[key] = self.Topic(**{self._key: key}, partitions=[])
        return topic

    def add(self, asked, index, error):
        self.topic(asked).partitions.append(self.Topic.Partitions(partition_index=index, error_code=error))

    def merged(self, accepted, codes):
        """All topics, now that the accepted partitions have these codes: where nothing was refused at the door each is
        answered as it was asked, so that one may be there twice."""
        if not self._topics:
            return [
                self.Topic(**{self._key: getattr(asked, self._key)}, partitions=[
                    self.Topic.Partitions(partition_index=partition.partition_index, error_code=code)
                    for partition, code in zip(partitions, found)
                ])
                for (asked, _, partitions), found in zip(accepted, codes)
            ]  # fmt: skip
        for (asked, _, partitions), found in zip(accepted, codes):
            for partition, code in zip(partitions, found):
                self.add(asked, partition.partition_index, code)
        return self.topics()

    def topics(self):
        return list(self._topics.values())


@handles(OffsetCommit)
def offset_commit(request, call, cluster, groups):
    version, group_id = call.version, request.group_id
    answer = _Answer(OffsetCommit.Response.Topics, by_id=version >= 10)
    accepted = []
    if not call.allowed("read", "group", group_id):
        key = "topic_id" if version >= 10 else "name"
        return OffsetCommit.reply(topics=_refused(OffsetCommit.Response.Topics, request.topics, errors.GROUP_AUTHORIZATION_FAILED, key))
    for asked in request.topics:
        topic = _by_name(cluster, asked, version)
        error = _commit_error(asked, topic, call)
        if error != errors.NONE:
            answer.topic(asked)  # though no partition of it be named
        partitions = []
        for partition in asked.partitions:
            index = partition.partition_index
            if error != errors.NONE:
                answer.add(asked, index, error)
            elif not _has_partition(topic, index):
                answer.add(asked, index, errors.UNKNOWN_TOPIC_OR_PARTITION)
            else:
                partitions.append(partition)
        if partitions:
            accepted.append((asked, topic.name, partitions))
    codes = _commit(request, accepted, version, groups) if accepted else ()
    return OffsetCommit.reply(topics=answer.merged(accepted, codes))


def _refused(Topic, topics, error, key="name"):
    """The answer to a request of which nothing is done, in its own words; `key`: what it calls topics by."""
    return [
        Topic(**{key: getattr(asked, key)}, partitions=[
            Topic.Partitions(partition_index=one.partition_index, error_code=error) for one in asked.partitions
        ])
        for asked in topics
    ]  # fmt: skip


def _commit_error(asked, topic, call):
    if topic is None and call.version >= 10:
        return errors.UNKNOWN_TOPIC_ID
    if not call.allowed("read", "topic", asked.name if topic is None else topic.name):
        return errors.TOPIC_AUTHORIZATION_FAILED
    return errors.UNKNOWN_TOPIC_OR_PARTITION if topic is None else errors.NONE


def _positions(accepted):
    return [
        (
            name,
            [
                (p.partition_index, p.committed_offset, p.committed_leader_epoch, p.committed_metadata)
                for p in partitions
            ],
        )
        for _, name, partitions in accepted
    ]


def _commit(request, accepted, version, groups):
    """The error codes of the accepted partitions, topic by topic."""
    topics = _positions(accepted)
    try:
        return groups.offsets.commit(
            request.group_id,
            request.member_id,
            request.group_instance_id,
            request.generation_id_or_member_epoch,
            topics,
            request.retention_time_ms,
            version,
        )
    except KafkaError as refusal:
        return [[refusal.error] * len(partitions) for _, _, partitions in accepted]


@handles(TxnOffsetCommit)
def txn_offset_commit(request, call, cluster, configs, groups, transaction_peers):
    answer = _Answer(TxnOffsetCommit.Response.Topics)
    accepted = []
    if not call.allowed("write", "transactional_id", request.transactional_id):
        return TxnOffsetCommit.reply(topics=_refused(answer.Topic, request.topics, errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED))
    if not call.allowed("read", "group", request.group_id):
        return TxnOffsetCommit.reply(topics=_refused(answer.Topic, request.topics, errors.GROUP_AUTHORIZATION_FAILED))
    for asked in request.topics:
        topic = cluster.topics.get(asked.name)
        error = errors.UNKNOWN_TOPIC_OR_PARTITION if topic is None else errors.NONE
        if not call.allowed("read", "topic", asked.name):
            error = errors.TOPIC_AUTHORIZATION_FAILED
        if error:
            answer.topic(asked)
        partitions = []
        for partition in asked.partitions:
            if error or not _has_partition(topic, partition.partition_index):
                answer.add(asked, partition.partition_index, error or errors.UNKNOWN_TOPIC_OR_PARTITION)
            else:
                partitions.append(partition)
        if partitions:
            accepted.append((asked, asked.name, partitions))
    codes = ()
    if accepted:
        try:
            if not request.group_id:
                raise KafkaError(errors.INVALID_GROUP_ID)
            _join_transaction(request, call, cluster, configs, groups, transaction_peers)
            codes = groups.offsets.commit_in_transaction(
                request.group_id, request.member_id, request.group_instance_id, request.generation_id,
                (request.producer_id, request.producer_epoch), _positions(accepted),
            )  # fmt: skip
        except KafkaError as refusal:
            codes = [[refusal.error] * len(partitions) for _, _, partitions in accepted]
    return TxnOffsetCommit.reply(topics=answer.merged(accepted, codes))


def _join_transaction(request, call, cluster, configs, groups, transactions):
    """The group's partition must be part of the transaction; v5+ makes it so (KIP-890)."""
    partition = CONSUMER_OFFSETS, groups.partition_for(request.group_id)
    producer = request.transactional_id, request.producer_id, request.producer_epoch
    offsets = cluster.partition(*partition)
    if offsets is not None:
        written = offsets.log.producers
        if written.is_stale(*producer[1:]):
            raise KafkaError(errors.INVALID_PRODUCER_EPOCH)
        if written.in_transaction(*producer[1:]):
            return
    try:
        if call.version >= 5:
            transactions.add_partitions(*producer, [partition], version=2)
            return
        if not configs.settings.transaction_partition_verification_enable:
            return
        error = transactions.verify_partitions(*producer, [partition])[partition]
    except KafkaError as refusal:
        error = refusal.error
    if error == errors.PRODUCER_FENCED:
        error = errors.INVALID_PRODUCER_EPOCH
    elif error == errors.TRANSACTION_ABORTABLE and call.version < 4:
        error = errors.INVALID_TXN_STATE
    if error:
        raise KafkaError(error)


@handles(OffsetFetch)
def offset_fetch(request, call, cluster, groups):
    version = call.version
    if version >= 8:
        Group = OffsetFetch.Response.Groups
        answers = []
        for asked in request.groups:
            error, topics = _fetch(
                asked.group_id, asked.member_id, asked.member_epoch, asked.topics, request.require_stable, Group.Topics,
                call, cluster, groups,
            )  # fmt: skip
            answers.append(Group(group_id=asked.group_id, error_code=error, topics=topics))
        return OffsetFetch.reply(groups=answers)
    Topic = OffsetFetch.Response.Topics
    error, topics = _fetch(request.group_id, None, -1, request.topics, request.require_stable, Topic, call, cluster, groups)
    if error != errors.NONE and version < 2:
        # v1 has no place for the error of a group but its partitions.
        topics = [
            Topic(name=asked.name, partitions=[_nothing(Topic, index, error) for index in asked.partition_indexes])
            for asked in request.topics
        ]
    return OffsetFetch.reply(error_code=error, topics=topics)


def _fetch(group_id, member_id, member_epoch, asked_topics, require_stable, Topic, call, cluster, groups):
    """(error code of the group, answered topics); `asked_topics` is None for all of them.

    `require_stable` holds back offsets that open transactions may change (KIP-447).
    """
    if not call.allowed("describe", "group", group_id):
        return errors.GROUP_AUTHORIZATION_FAILED, []
    try:
        committed = groups.offsets.fetch(group_id, member_id, member_epoch)
    except KafkaError as refusal:
        return refusal.error, []
    unstable = require_stable and groups.offsets.any_pending(group_id)
    if asked_topics is None and not unstable:
        return errors.NONE, _as_told(committed, Topic, call, cluster)

    def position(name, index, offset):
        if unstable and groups.offsets.is_pending(group_id, name, index):
            return _nothing(Topic, index, errors.UNSTABLE_OFFSET_COMMIT)
        return _position(Topic, index, offset)

    if asked_topics is None:
        return errors.NONE, [_whole_topic(position, *one, Topic, call) for one in _of_topics(committed, call, cluster)]
    found, refused = [], []
    for asked in asked_topics:
        topic = _by_name(cluster, asked, call.version)
        # A name need not exist (any more) to be asked about; an id must.
        name = asked.name if call.version < 10 else topic and topic.name
        if name is None:
            error = errors.UNKNOWN_TOPIC_ID
        elif not call.allowed("describe", "topic", name):
            error = errors.TOPIC_AUTHORIZATION_FAILED
        else:
            offsets = committed.get(name, {})
            found.append(_topic(Topic, asked, [position(name, i, offsets.get(i)) for i in asked.partition_indexes], call))
            continue
        refused.append(_topic(Topic, asked, [_nothing(Topic, index, error) for index in asked.partition_indexes], call))
    return errors.NONE, found + refused


def _of_topics(committed, call, cluster):
    """(name, TopicOffsets, id or None before v10) of each topic that the client may see."""
    version, may, topics = call.version, call.may, cluster.topics
    for name, offsets in committed.items():
        if may("describe", "topic", name):
            if version < 10:
                yield name, offsets, None
            elif name in topics:
                yield name, offsets, topics[name].topic_id


def _as_told(committed, Topic, call, cluster):
    """As `_whole_topic` of each: who looks at all groups again and again finds most of it as it was."""
    version, found = call.version, Built()
    path = ("groups", "topics") if version >= 8 else ("topics",)
    build = OffsetFetch.response.element_builder(version, *path)
    for name, offsets, topic_id in _of_topics(committed, call, cluster):
        told = offsets.told
        form = version, topic_id
        if told is None or told[0] != form:
            topic = _whole_topic(lambda _, index, offset: _position(Topic, index, offset), name, offsets, topic_id, Topic, call)
            told = offsets.told = form, build(topic)
        found.append(told[1])
    return found


def _whole_topic(position, name, offsets, topic_id, Topic, call):
    partitions = [position(name, index, offset) for index, offset in offsets.items()]
    return Topic(name=name, partitions=partitions) if call.version < 10 else Topic(topic_id=topic_id, partitions=partitions)


def _topic(Topic, asked, partitions, call):
    return Topic(topic_id=asked.topic_id, partitions=partitions) if call.version >= 10 else Topic(name=asked.name, partitions=partitions)


def _position(Topic, index, committed):
    if committed is None:
        return _nothing(Topic, index)
    return Topic.Partitions(
        partition_index=index,
        committed_offset=committed.offset,
        committed_leader_epoch=committed.leader_epoch,
        metadata=committed.metadata,
    )


def _nothing(Topic, index, error=errors.NONE):
    return Topic.Partitions(
        partition_index=index, committed_offset=-1, committed_leader_epoch=-1, metadata="", error_code=error
    )


@handles(OffsetDelete)
def offset_delete(request, call, cluster, groups):
    if not call.allowed("delete", "group", request.group_id):
        return OffsetDelete.reply(error_code=errors.GROUP_AUTHORIZATION_FAILED)
    answer = _Answer(OffsetDelete.Response.Topics)
    accepted = []
    for asked in request.topics:
        topic = cluster.topics.get(asked.name)
        error = errors.UNKNOWN_TOPIC_OR_PARTITION if topic is None else errors.NONE
        if not call.allowed("read", "topic", asked.name):
            error = errors.TOPIC_AUTHORIZATION_FAILED
        if error != errors.NONE:
            answer.topic(asked)
        indexes = []
        for partition in asked.partitions:
            index = partition.partition_index
            if error != errors.NONE:
                answer.add(asked, index, error)
            elif not _has_partition(topic, index):
                answer.add(asked, index, errors.UNKNOWN_TOPIC_OR_PARTITION)
            else:
                indexes.append(index)
        if indexes:
            accepted.append((asked, indexes))
    try:
        codes = groups.offsets.delete(request.group_id, [(asked.name, indexes) for asked, indexes in accepted])
    except KafkaError as refusal:
        return OffsetDelete.reply(error_code=refusal.error)
    for asked, indexes in accepted:
        for index in indexes:
            answer.add(asked, index, codes[asked.name])
    return OffsetDelete.reply(topics=answer.topics())
