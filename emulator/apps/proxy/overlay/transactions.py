"""Transactions: each lives on the side that its transactional id says, and writes there alone."""

from emulator.apps.proxy.overlay.offsets import in_order, refused_of
from emulator.apps.proxy.overlay.sides import name_of, part_of
from emulator.apps.proxy.overlay.topics import join
from wire import errors
from wire.apis.transactions import (
    AddOffsetsToTxn, AddPartitionsToTxn, DescribeTransactions, EndTxn, InitProducerId, ListTransactions, TxnOffsetCommit, WriteTxnMarkers,
)  # fmt: skip

_FROM_BROKERS = 4  # AddPartitionsToTxn, since this version
_TRANSACTION = 1  # FindCoordinator's key type


class _Transactional:
    def __init__(self, sides, engine):
        self._sides = sides
        self._engine = engine

    def ours(self, asked, request, transactional_id):
        return asked.ours(request, self._engine.coordinator(transactional_id, asked.call, _TRANSACTION))


class OfProducers(_Transactional):
    """InitProducerId, EndTxn. Producers without transactions have their ids from the cluster behind, and write to both sides."""

    def concerns(self, request, call):
        return self._sides.has_transaction(request.transactional_id)

    def answer(self, asked):
        return self.ours(asked, asked.request, asked.request.transactional_id)


class OfPartitions(_Transactional):
    """AddPartitionsToTxn, as clients send it."""

    def concerns(self, request, call):
        if call.version >= _FROM_BROKERS:
            return False
        name = request.v3_and_below_transactional_id
        return self._sides.has_transaction(name) or any(map(self._sides.has, request.v3_and_below_topics))

    def answer(self, asked):
        request = asked.request
        name, topics = request.v3_and_below_transactional_id, request.v3_and_below_topics
        is_ours = self._sides.has_transaction(name)
        strange = {one.name for one in topics if self._sides.has(one) != is_ours}
        if not strange:
            return self.ours(asked, request, name) if is_ours else asked.theirs(request)
        self._sides.refuse(f"transaction {name}", *((), strange) if is_ours else (strange, ()))
        Topic = AddPartitionsToTxn.Response.ResultsByTopicV3AndBelow
        Partition = Topic.ResultsByPartition
        return AddPartitionsToTxn.reply(
            results_by_topic_v3_and_below=[
                Topic(name=one.name, results_by_partition=[Partition(partition_index=index, partition_error_code=_error(one, strange)) for index in one.partitions])
                for one in topics
            ]
        )


def _error(topic, strange):
    return errors.POLICY_VIOLATION if topic.name in strange else errors.OPERATION_NOT_ATTEMPTED


class OfGroups(_Transactional):
    """AddOffsetsToTxn: the group is to be on the transaction's side, as far as that is known."""

    def concerns(self, request, call):
        return self._sides.has_transaction(request.transactional_id) or self._sides.has_group(request.group_id)

    def answer(self, asked):
        request = asked.request
        name, group_id = request.transactional_id, request.group_id
        if self._sides.has_transaction(name):
            return self.ours(asked, request, name)
        self._sides.refuse(f"transaction {name}, by the offsets of a group,", (f"group {group_id}",), ())
        return AddOffsetsToTxn.reply(error_code=errors.POLICY_VIOLATION)


class OfOffsets(_Transactional):
    """TxnOffsetCommit."""

    def concerns(self, request, call):
        return self._sides.has_transaction(request.transactional_id) or any(map(self._sides.has, request.topics))

    def answer(self, asked):
        request = asked.request
        is_ours = self._sides.has_transaction(request.transactional_id)
        strange = [one for one in request.topics if self._sides.has(one) != is_ours]
        fitting = [one for one in request.topics if self._sides.has(one) == is_ours]
        if strange:
            named = map(name_of, strange)
            self._sides.refuse(f"transaction {request.transactional_id}, by offsets of group {request.group_id},", *((), named) if is_ours else (named, ()))
        refused = refused_of(asked, strange) if strange else ()
        return in_order(asked, self._engine, fitting if is_ours else (), () if is_ours else fitting, refused)


class OfDescriptions(_Transactional):
    """DescribeTransactions."""

    def concerns(self, request, call):
        return any(map(self._sides.has_transaction, request.transactional_ids))

    def answer(self, asked):
        request, found = asked.request, {}
        response = DescribeTransactions.reply()
        if rest := [one for one in request.transactional_ids if not self._sides.has_transaction(one)]:
            response = asked.theirs(part_of(request, "transactional_ids", rest))
            found = {one.transactional_id: one for one in response.transaction_states}
        for name in request.transactional_ids:
            if self._sides.has_transaction(name):
                [found[name]] = self.ours(asked, part_of(request, "transactional_ids", [name]), name).transaction_states
        response.transaction_states = [found[name] for name in request.transactional_ids if name in found]
        return response


class OfLists(_Transactional):
    """ListTransactions: a broker's, and what the overlay's broker of that id has."""

    def concerns(self, request, call):
        return True

    def answer(self, asked):
        return join(asked.theirs(asked.request), asked.ours(asked.request), "transaction_states")


class OfMarkers:
    """WriteTxnMarkers, by which `kafka-transactions.sh --abort` ends one that hangs."""

    def __init__(self, sides):
        self._sides = sides

    def concerns(self, request, call):
        return any(self._sides.has(topic) for marker in request.markers for topic in marker.topics)

    def answer(self, asked):
        def of(is_ours):
            found = [part_of(one, "topics", [topic for topic in one.topics if self._sides.has(topic) is is_ours]) for one in asked.request.markers]
            return part_of(asked.request, "markers", [one for one in found if one.topics])

        response, theirs = asked.ours(of(True)), of(False)
        here = {one.producer_id: one for one in response.markers}
        for one in asked.theirs(theirs).markers if theirs.markers else ():
            if one.producer_id in here:
                here[one.producer_id].topics = [*one.topics, *here[one.producer_id].topics]
            else:
                response.markers = [*response.markers, one]
        return response


def of_transactions(sides, engine):
    return {
        InitProducerId: OfProducers(sides, engine),
        EndTxn: OfProducers(sides, engine),
        AddPartitionsToTxn: OfPartitions(sides, engine),
        AddOffsetsToTxn: OfGroups(sides, engine),
        TxnOffsetCommit: OfOffsets(sides, engine),
        DescribeTransactions: OfDescriptions(sides, engine),
        ListTransactions: OfLists(sides, engine),
        WriteTxnMarkers: OfMarkers(sides),
    }
