"""The whole: what there is to be copied is looked up again and again, a greenlet for each broker reads or writes, offsets are kept.

At least once, what was written and not noted when the mirror died is written again by the next; exactly once, see transactions.py.
"""

import logging
import time

import gevent
from gevent.event import Event

from emulator.apps.errors import UsageError
from emulator.apps.mirror import marks
from emulator.apps.mirror.circles import Circles
from emulator.apps.mirror.cluster import Refusal
from emulator.apps.mirror.connection import Lost, Unsupported
from emulator.apps.mirror.fetcher import Fetcher, offset_at
from emulator.apps.mirror.groups import Groups
from emulator.apps.mirror.offset_map import OffsetMap
from emulator.apps.mirror.partition import Partition
from emulator.apps.mirror.producers import Producers
from emulator.apps.mirror.room import Room
from emulator.apps.mirror.sender import Sender
from emulator.apps.mirror.topics import Topics
from emulator.apps.mirror.transactions import Fenced, Transactions
from wire import errors

log = logging.getLogger(__name__)

_COMMIT_S = 1.0
_AT_LEAST_S = 0.25  # between two looks, whatever has changed
_CLEAR_S = 0.05  # between two looks where topics come from
_KEEP_S = 3600.0  # a commit is made again, so that a group that is not seen for offsets.retention.minutes is not forgotten
_BEGIN_S = 20.0
_SOON = (errors.COORDINATOR_LOAD_IN_PROGRESS, errors.COORDINATOR_NOT_AVAILABLE, errors.NOT_COORDINATOR, errors.TRANSACTION_ABORTABLE)
_NO_RIGHTS = (errors.TOPIC_AUTHORIZATION_FAILED, errors.GROUP_AUTHORIZATION_FAILED, errors.CLUSTER_AUTHORIZATION_FAILED)
_END_S = 10.0  # to write what was read


class Mirror:
    """`source`, `target`: Clusters; `names`: Names; `queue_bytes`: of what was read and is not written; `refresh_s`: between two looks.

    `takes_group(name)`: whether a consumer group's offsets follow; None: no group's do. `exactly_once`: None, or the mirror's name, which may be "".
    """

    def __init__(self, source, target, names, queue_bytes, refresh_s, takes_group=None, exactly_once=None, now=time.monotonic):
        self.source, self.target = source, target
        self.room = Room(queue_bytes)
        self.partitions = {}  # (topic, index) -> Partition
        self.is_ending = self.is_over = False
        self.writer = None  # Producers or Transactions
        self.why = None  # it cannot go on, or what it did last is not kept
        self.denied = None  # what it may not do, and tries again
        self.now = now
        self._names = names
        self._refresh_s = refresh_s
        self._topics = Topics(source, target)
        self._groups = takes_group and Groups(source, target, takes_group)
        self._exactly_once = exactly_once
        self._came_from = {}  # {topic there: ids of clusters}
        self._circles = Circles(source, target, self._came_from, lambda found: self.writer.commit(found), now)
        self._fetchers, self._senders = {}, {}  # broker id -> it
        self._greenlets = []
        self._look, self._read = Event(), Event()
        self._said = None  # what was last wrong
        self._has_looked = False
        self._is_complete = False  # whether all that is to be copied is known
        self._kept_at = now()

    # -- the course of things ----------------------------------------------------------------------

    def start(self):
        """Raises UsageError where it cannot begin."""
        try:
            for cluster in (self.source, self.target):
                cluster.refresh()
            if self.source.cluster_id == self.target.cluster_id and not self._names.prefix:
                raise UsageError(f"--from and --to are the same cluster ({self.source.cluster_id}): without --prefix each topic would be copied into itself")
            self._begin_to_write()
            self._refresh_in_time()
        except (Lost, Unsupported, Refusal, Fenced) as error:
            raise UsageError(str(error)) from None
        self._greenlets += [gevent.spawn(one) for one in (self._follow, self._clear_on, self._commit_on)]

    def _begin_to_write(self):
        if self._exactly_once is None:
            self.writer = Producers(self.target, self._group, self._came_from)
            return
        name = f"{self._group}-{self._exactly_once}" if self._exactly_once else self._group
        self.writer = Transactions(self.target, name, self._group, self._came_from, self.now, self.failed, self.wake_sender)
        self.writer.begin(self.now() + _BEGIN_S)
        self._greenlets.append(gevent.spawn(self._write))

    def _write(self):
        try:
            self.writer.run()
        except (Fenced, Refusal, Unsupported) as error:
            self.why = str(error)

    def _refresh_in_time(self):
        """A cluster that has just begun may need a moment for its first group."""
        deadline = self.now() + _BEGIN_S
        while True:
            try:
                return self._refresh()
            except Refusal as error:
                if error.code not in _SOON or self.now() > deadline:
                    raise
            gevent.sleep(_AT_LEAST_S)

    def end(self):
        """What was read is written and noted, if that can be done in time."""
        self.is_ending = True
        deadline = self.now() + _END_S
        while self.now() < deadline and not self.why and not all(one.is_idle or not one.is_cleared for one in self.partitions.values()):
            gevent.sleep(0.01)
        try:
            with gevent.Timeout(_END_S, Lost(f"{self.target.what}: no end within {_END_S:g} s")):
                self._commit()
            self._follow_groups()
        except (Lost, Refusal, Unsupported) as error:
            log.warning("what was copied last is not noted, and is copied again next time: %s", error)
            if not all(map(self.writer.is_kept, self.partitions.values())):
                self.why = self.why or str(error)
        self.is_over = True
        gevent.killall(self._greenlets)
        self.source.close()
        self.target.close()

    @property
    def is_done(self):
        """Whether all that the source had is written, as far as it can be."""
        return self._is_complete and all(
            one.is_idle and (one.failed or one.end is not None and one.done >= one.end) for one in self.partitions.values())

    def _follow(self):
        while not self.is_ending:
            self._look.wait(self._refresh_s)
            self._look.clear()
            try:
                self.source.refresh()
                self.target.refresh()
                self._refresh()
                self._follow_groups()
                self._said = None
            except (Lost, Unsupported, Refusal) as error:
                self._say_once(error)
                gevent.sleep(1.0)
            gevent.sleep(_AT_LEAST_S)

    def _say_once(self, error):
        """A cluster may be away for long."""
        log.log(logging.INFO if str(error) == self._said else logging.WARNING, "%s", error)
        self._said = str(error)
        if isinstance(error, Refusal) and error.code in _NO_RIGHTS:
            self.denied = str(error)

    def _follow_groups(self):
        if self._groups:
            self._groups.follow(self.partitions)

    def _clear_on(self):
        while not self.is_ending:
            self._read.wait()
            self._read.clear()
            try:
                self._clear()
                gevent.sleep(_CLEAR_S)
            except (Lost, Unsupported, Refusal) as error:
                self._say_once(error)
                gevent.sleep(1.0)
                self._read.set()

    def _commit_on(self):
        while not self.is_ending:
            gevent.sleep(_COMMIT_S)
            try:
                self._commit()
            except (Lost, Refusal, Unsupported) as error:
                self._say_once(error)

    # -- what there is -----------------------------------------------------------------------------

    def _refresh(self):
        found = self._wanted()
        settled = self._circles.settled(found)
        wanted = self._circles.allowed(settled)
        self._drop_circles(wanted)
        if not found and not self._has_looked:
            log.warning("%s: no topic is called so, or none that may be described", self.source.what)
        self._has_looked = True
        present = self._topics.follow(wanted)
        self._add(present)
        self._is_complete = all(there in self.refused or name in present and self._has_all(name) for name, there in wanted.items())
        if not self._is_complete or len(settled) < len(found):
            self._look.set()
        for key in [key for key in self.partitions if key[0] not in self.source.topics]:
            if self.may_restart(self.partitions[key]) and self.writer.is_kept(self.partitions[key]):
                log.warning("%s has gone from the source; what was copied stays", self.partitions.pop(key).name)
        for one in self.partitions.values():
            topic_id = self.source.topics[one.topic].id if one.topic in self.source.topics else ""
            if topic_id != one.topic_id and topic_id and self.may_restart(one):
                log.warning("%s was deleted at the source and made anew: it is copied from its first offset on", one.name)
                one.restart(0, topic_id)
        for brokers, kind, known in ((self.source, Fetcher, self._fetchers), (self.target, Sender, self._senders)):
            for broker_id in brokers.broker_ids - known.keys():
                known[broker_id] = kind(self, broker_id)
                self._greenlets.append(gevent.spawn(known[broker_id].run))

    def _has_all(self, name):
        return name in self._circles.left_out or all((name, index) in self.partitions for index in self.source.topics[name].leaders)

    @property
    def refused(self):
        """{topic there: why it cannot be made}"""
        return self._topics.refused

    def _wanted(self):
        """{topic: name there}"""
        found = {}
        for name, topic in self.source.topics.items():
            if self._names.takes(name, topic.is_internal):
                try:
                    found[name] = self._names.there(name)
                except ValueError as error:
                    self._circles.leave_out(name, str(error))
        return found

    def _clear(self):
        """What was read may be written once it is known not to go round in circles."""
        fresh = [one for one in self.partitions.values() if not one.is_cleared and not one.is_idle]
        if not fresh:
            return
        cleared = self._circles.clear(fresh)
        self._note(cleared)
        for one in cleared:
            one.is_cleared = True
            self.wake_sender(one)
        if len(cleared) < len(fresh):
            self._look.set()
            self._read.set()

    def _drop_circles(self, allowed):
        for one in [one for one in self.partitions.values() if one.topic in self._circles.left_out and one.topic not in allowed]:
            del self.partitions[one.topic, one.index]
            one.failed = "it goes round in circles"
            one.drop()

    def _add(self, names):
        fresh = [(name, there, index) for name, there in names.items() for index in self.source.topics[name].leaders
                 if (name, index) not in self.partitions and index in self.target.topics[there].leaders]
        if not fresh:
            return
        known = marks.committed(self.target, self._group)
        begun = []
        for name, there, index in fresh:
            offset, offsets = self._begin_at(name, index, *known.get((there, index), (-1, None)))
            if offset is not None:
                begun.append(Partition(name, index, there, offset, offsets, self.room, self.source.topics[name].id))
        made = [one for one in begun if one.there in self._topics.made]
        self._note(made)  # before others could make a copy of the copy
        self.partitions.update(((one.topic, one.index), one) for one in begun)

    def _begin_at(self, name, index, offset, metadata):
        """(offset or None, OffsetMap)"""
        if offset >= 0 and not marks.is_claim(metadata):
            self._circles.noted.add(name)
            if marks.topic_id_told(metadata) in ("", self.source.topics[name].id):
                return offset, marks.map_told(metadata)
            log.warning("%s-%d was deleted at the source and made anew: it is copied from its first offset on", name, index)
        leader = self.source.leader(name, index)
        return (None if leader is None else offset_at(self.source.broker(leader), name, index)), OffsetMap()

    def led_at_source(self, broker_id):
        return [one for one in self.partitions.values() if self.source.leader(one.topic, one.index) == broker_id]

    def led_at_target(self, broker_id):
        return [one for one in self.partitions.values() if self.target.leader(one.there, one.index) == broker_id]

    # -- what fetchers and senders tell ------------------------------------------------------------

    def source_changed(self, why):
        self._changed(why)

    def target_changed(self, why):
        self._changed(why)

    def _changed(self, why):
        log.info("%s", why)
        self._look.set()

    def wake_sender(self, partition):
        if not partition.is_cleared:
            self._read.set()
        sender = self._senders.get(self.target.leader(partition.there, partition.index))
        if sender is not None:
            sender.wake.set()

    def failed(self, partition, why):
        log.error("%s is not copied any more: %s", partition.name, why)
        partition.failed = why

    def may_restart(self, partition):
        """Whether nothing of it is under way."""
        return partition.is_idle and self.writer.is_free(partition)

    # -- how far it is -----------------------------------------------------------------------------

    @property
    def _group(self):
        return marks.group_of(self.source.cluster_id)

    def _commit(self):
        every = self.now() - self._kept_at > _KEEP_S
        if every:
            self._kept_at = self.now()
        self._note([one for one in self.partitions.values() if one.is_cleared and (every or one.done != one.committed)])

    def _note(self, partitions):
        if partitions:
            self.writer.commit(partitions=partitions)
            self._circles.noted.update(one.topic for one in partitions)
