"""Exactly once: what is copied and the marks of how far stand in one transaction of the target, one transaction after the other.

The mirror is one transactional producer there. Whoever is killed leaves a transaction that its successor has aborted before it looks at
the marks, and a predecessor that still lives finds its epoch gone. What a transaction that failed had written is read again.

This speaks the protocol of before KIP-890's second part, which every broker since 2.5 does: partitions and the group are added before they are
written to, and the epoch changes when a transaction is given up, so that nothing that was under way gets into the next.
"""

import logging

import gevent
from gevent.event import AsyncResult, Event

from emulator.apps.mirror import marks
from emulator.apps.mirror.cluster import Refusal, text_of
from emulator.apps.mirror.connection import Lost, Unsupported
from emulator.apps.mirror.coordinators import GROUP, LOST_S, PAUSE_S, SOON, TRANSACTION, Broken, Coordinators
from wire import errors
from wire.apis.transactions import AddOffsetsToTxn, AddPartitionsToTxn, EndTxn, InitProducerId, TxnOffsetCommit

log = logging.getLogger(__name__)

TIMEOUT_MS = 60_000  # after which the target gives up a transaction
_SHORTEST_S = 0.1
_LOOK_S, _REFRESH_S = 0.05, 1.0
_SETTLE_S, _PUT_OFF_S = 10.0, 5.0
_GIVE_UP_S = 0.75 * TIMEOUT_MS / 1000
_NOBODY = -1, -1
_FENCED = frozenset((errors.PRODUCER_FENCED, errors.INVALID_PRODUCER_EPOCH))


class Fenced(Exception):
    """Another mirror of this name has begun."""


class Transactions:
    """`name`: the transactional id; `group`: whose offsets the marks are; `fail(partition, why)`, `wake(partition)`: see Mirror."""

    def __init__(self, target, name, group, came_from, now, fail, wake):
        self.transactional_id = name
        self._target, self._group, self._came_from, self._now, self._fail, self._wake_sender = target, group, came_from, now, fail, wake
        self._producer = _NOBODY
        self._coordinators = Coordinators(target, {GROUP: group, TRANSACTION: name})
        self._wanting, self._enlisted = set(), set()  # Partitions that are to be, or are, of the transaction
        self._late = []  # those of them that could not be written in time
        self._asked = []  # (positions, partitions, AsyncResult): marks that are to be kept
        self._broken = None  # why
        self._began = None  # the transaction, when
        self._is_closing = self._is_over = False
        self._wake = Event()

    # -- what others ask ---------------------------------------------------------------------------

    def begin(self, deadline):
        """End what a predecessor has left, and fence it. Raises Refusal, Lost, Unsupported."""
        while self._producer == _NOBODY:
            try:
                self._init(_NOBODY)
            except Refusal as error:
                if error.code not in SOON or self._now() > deadline:
                    raise
                gevent.sleep(PAUSE_S)

    def admits(self, partition, connection):
        """Whether batches of it may be sent now; else its sender is woken when they may."""
        if partition in self._enlisted:
            return self._broken is None
        self._wanting.add(partition)
        self._wake.set()
        return False

    def commit(self, positions=(), partitions=()):
        """Keep marks: `positions`, see marks.commit, and how far `partitions` are when the transaction ends. Raises Refusal, Lost."""
        if self._is_over:
            raise Lost(f"{self._target.what}: {self.transactional_id} has ended")
        kept = AsyncResult()
        self._asked.append((positions, partitions, kept))
        self._wake.set()
        kept.get()

    def is_kept(self, partition):
        return partition.committed == partition.done or not partition.records

    def is_free(self, partition):
        return partition not in self._enlisted

    def lost(self, partition, why):
        """The target knows the producer not as we do."""
        self.broken(f"{partition.there}-{partition.index}: {why}")

    def broken(self, why):
        if self._began is not None and self._broken is None:
            self._broken = why
            self._wake.set()

    def progressed(self):
        if self._is_closing:
            self._wake.set()

    # -- one transaction after the other -----------------------------------------------------------

    def run(self):
        """Until it is killed. Raises Fenced, Refusal, Unsupported."""
        try:
            while True:
                if not self._wanting and not self._asked:
                    self._wake.wait()
                self._wake.clear()
                if self._wanting or self._asked:
                    self._transaction()
        finally:
            self._is_over = True
            for *_, kept in self._asked:
                kept.set_exception(Lost(f"{self._target.what}: {self.transactional_id} has ended"))

    def _transaction(self):
        self._broken, self._began = None, self._now()
        try:
            self._add_offsets()
            self._fill()
            self._settle()
            self._commit()
        except Broken as error:
            log.info("a transaction is given up: %s", error)
            self._broken = str(error)
            asked, self._asked = self._asked, []
            try:
                self._abort()
            finally:
                for *_, told in asked:
                    told.set_exception(Refusal(f"{self._target.what}: {error}", errors.TRANSACTION_ABORTABLE))
        self._began = None

    def _fill(self):
        """Until somebody asks for a commit, or all that there was is written."""
        while True:
            self._enlist()
            self._check()
            is_idle = self._now() - self._began >= _SHORTEST_S and not self._wanting and all(one.is_idle for one in self._enlisted)
            if self._asked or is_idle:
                return
            self._wake.wait(_LOOK_S)
            self._wake.clear()

    def _settle(self):
        """What has begun to be written is; nothing else begins."""
        for one in self._enlisted:
            one.is_open = False
        began = looked = self._now()
        self._is_closing = True
        while not all(one.is_settled for one in self._enlisted):
            self._wake.wait(_LOOK_S)
            self._wake.clear()
            self._check()
            now = self._now()
            if now - looked > _REFRESH_S:  # who else looks may be waiting for us
                self._refresh()
                looked = now
            if now - began > _SETTLE_S:
                self._late = late = [one for one in self._enlisted if not one.is_settled]
                raise Broken(f"{len(late)} partitions, such as {late[0].there}-{late[0].index}, cannot be written")
        self._is_closing = False

    def _check(self):
        if self._broken is None and self._now() - self._began > _GIVE_UP_S:
            self._broken = f"it took longer than {_GIVE_UP_S:g} s"
        if self._broken is not None:
            raise Broken(self._broken)

    def _refresh(self):
        try:
            self._target.refresh()
        except (Lost, Unsupported, Refusal) as error:
            log.info("%s", error)

    def _enlist(self):
        fresh, self._wanting = self._wanting, set()
        if not fresh:
            return
        topics, part = {}, AddPartitionsToTxn.Request.V3AndBelowTopics
        for one in fresh:
            topics.setdefault(one.there, []).append(one.index)
        answer = self._coordinators.ask(
            TRANSACTION, AddPartitionsToTxn, v3_and_below_transactional_id=self.transactional_id, v3_and_below_producer_id=self._producer[0],
            v3_and_below_producer_epoch=self._producer[1], v3_and_below_topics=[part(name=name, partitions=found) for name, found in topics.items()])
        codes = {(topic.name, one.partition_index): one.partition_error_code
                 for topic in answer.results_by_topic_v3_and_below for one in topic.results_by_partition}
        is_refused = any(codes.values())
        for one in fresh:
            code = codes.get((one.there, one.index), errors.UNKNOWN_SERVER_ERROR)
            if code == errors.TOPIC_AUTHORIZATION_FAILED:
                self._fail(one, f"{self._target.what}: {text_of(code)}")
                one.drop()
            elif not is_refused:
                one.written_by(self._producer)
                one.is_open = True
                self._enlisted.add(one)
                self._wake_sender(one)
            elif code not in (errors.NONE, errors.OPERATION_NOT_ATTEMPTED):
                one.not_before = self._now() + LOST_S  # who made a sender ask does so again
                log.info("%s: %s-%d: %s", self._target.what, one.there, one.index, text_of(code))

    def _add_offsets(self):
        self._coordinators.ask(TRANSACTION, AddOffsetsToTxn, group_id=self._group, **self._who())

    def _commit(self):
        asked, partitions, kept = list(self._asked), set(self._enlisted), []
        for given, more, _ in asked:
            kept += given
            partitions.update(more)
        marked = [(one, one.mark()) for one in partitions]
        kept += [mark for _, mark in marked]
        for topics in marks.requests(kept, self._came_from, TxnOffsetCommit.Request.Topics):
            self._coordinators.ask(GROUP, TxnOffsetCommit, group_id=self._group, topics=topics, **self._who())
        self._end(True)
        for one, mark in marked:
            one.keep(mark)
        self._enlisted.clear()
        del self._asked[: len(asked)]
        for *_, told in asked:
            told.set(None)

    def _end(self, committed):
        self._coordinators.ask(TRANSACTION, EndTxn, committed=committed, **self._who())

    def _abort(self):
        """Nothing of it is to be there, or come later: then what was copied in it is copied again."""
        self._is_closing = False
        for one in self._enlisted:
            one.is_open = False
        for sender in {one.sender for one in self._enlisted if one.in_flight}:
            sender.give_up()
        while any(one.in_flight for one in self._enlisted):
            gevent.sleep(_LOOK_S)
        try:
            self._end(False)
        except Broken as error:  # it is no more, or was none
            log.info("%s", error)
        self._renew()
        for one in self._enlisted:
            one.rewind()
        for one in self._late:
            one.not_before = self._now() + _PUT_OFF_S  # it holds up no other
        self._late = []
        log.warning("a transaction was given up, and is copied again: %s", self._broken)
        self._enlisted.clear()
        self._wanting.clear()

    def _renew(self):
        """Another epoch, if nobody else has taken the name since. A coordinator that has ended the transaction itself knows the epoch before."""
        who = self._producer
        while True:
            try:
                return self._init(who)
            except Lost as error:
                log.info("%s", error)
                gevent.sleep(LOST_S)
            except Refusal as error:
                if error.code == errors.INVALID_PRODUCER_ID_MAPPING:  # forgotten, so nobody has taken it
                    who = _NOBODY
                elif error.code in _FENCED:
                    raise Fenced(f"another mirror named {self.transactional_id} has begun: this one ends. Mirrors of "
                                 "different topics between the same clusters need a --name each") from None  # fmt: skip
                elif error.code not in SOON:
                    raise
                gevent.sleep(PAUSE_S)

    def _who(self):
        return {"transactional_id": self.transactional_id, "producer_id": self._producer[0], "producer_epoch": self._producer[1]}

    def _init(self, who):
        connection = self._coordinators.connection(TRANSACTION)
        if connection.version(InitProducerId) < 3:
            raise Unsupported(f"{connection.place}: a broker before Kafka 2.5 does not copy exactly once")
        answer = connection.ask(InitProducerId, transactional_id=self.transactional_id, transaction_timeout_ms=TIMEOUT_MS, producer_id=who[0],
                                producer_epoch=who[1])
        self._coordinators.learn(answer.error_code)
        if answer.error_code:
            raise Refusal(f"{self._target.what}: transactional id {self.transactional_id}", answer.error_code)
        self._producer = answer.producer_id, answer.producer_epoch
