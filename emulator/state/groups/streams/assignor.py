"""The sticky assignor of streams groups: tasks stay where they or their state are, the rest goes to who has least.

Ties fall as they do in Kafka, whose order is that of Java's HashMap and PriorityQueue.
Source: streams.assignor.{StickyTaskAssignor, ProcessState} of Kafka 4.3.1.
"""

import logging
from typing import NamedTuple

from emulator.state.groups.streams.heap import Heap, map_order
from emulator.state.groups.streams.member import NOTHING, Tasks
from emulator.state.java import string_hash

log = logging.getLogger(__name__)


class Assignee(NamedTuple):
    """A member, and the tasks of its target before."""

    process_id: str
    active: dict = NOTHING
    standby: dict = NOTHING


class Load(NamedTuple):
    """What there is to do in a subtopology: the number of its tasks, whether they have state."""

    tasks: int
    is_stateful: bool


def assign(members, subtopologies, standby_replicas):
    """{member_id: Tasks} of {member_id: Assignee} and {subtopology_id: Load}; `standby_replicas` of each stateful task."""
    if not members:
        return {}
    assignment = _Assignment(members, subtopologies, standby_replicas)
    assignment.assign_active([(one, index) for one, load in subtopologies.items() for index in range(load.tasks)])
    if standby_replicas:
        assignment.assign_standby(
            [(one, index) for one, load in subtopologies.items() if load.is_stateful for index in range(load.tasks)]
        )
    return assignment.result()


def _by_partition(task):
    return task[1], task[0]


class _Process:
    """The members of one process, how many tasks each has, and the tasks of them all."""

    __slots__ = ("counts", "tasks", "total", "_by_load")

    def __init__(self):
        self.counts = {}
        self.tasks = set()
        self.total = 0
        self._by_load = None

    @property
    def load(self):
        return self.total / len(self.counts)

    def give(self, member_id, task):
        """Give a task to a certain member; how many it has now."""
        self._by_load = None
        return self._add(member_id, task)

    def give_to_least_loaded(self, task):
        """(member_id, how many tasks it has now)"""
        if len(self.counts) == 1:
            [member_id] = self.counts
            return member_id, self._add(member_id, task)
        if self._by_load is None:
            self._by_load = Heap(lambda entry: entry[1])
            for member_id in map_order(self.counts, string_hash):
                self._by_load.push((member_id, self.counts[member_id]))
        member_id, _ = self._by_load.pop()
        count = self._add(member_id, task)
        self._by_load.push((member_id, count))
        return member_id, count

    def _add(self, member_id, task):
        self.total += 1
        self.tasks.add(task)
        self.counts[member_id] += 1
        return self.counts[member_id]


class _Quota:
    """How many tasks a member should have: who reaches it drops out, and the rest is shared by the others."""

    __slots__ = ("_tasks", "_members", "each")

    def __init__(self, tasks, members):
        self._tasks, self._members = tasks, members
        self._share()

    def _share(self):
        self.each = -(-self._tasks // self._members) if self._members else 0

    def given(self, count):
        if count == self.each:
            self._members -= 1
            self._tasks -= count
            self._share()


class _Assignment:
    def __init__(self, members, subtopologies, standby_replicas):
        self._members = members
        self._replicas = standby_replicas
        active = sum(load.tasks for load in subtopologies.values())
        stateful = sum(load.tasks for load in subtopologies.values() if load.is_stateful)
        self._active_quota = _Quota(active, len(members))
        self._quota = _Quota(active + stateful * standby_replicas, len(members))
        self._was_active, self._were_standby = {}, {}  # task -> member_id; task -> [member_id]
        processes = {}
        for member_id in map_order(members, string_hash):
            member = members[member_id]
            processes.setdefault(member.process_id, _Process()).counts[member_id] = 0
            self._was_active.update(((one, index), member_id) for one, indexes in member.active.items() for index in indexes)
            for one, indexes in member.standby.items():
                for index in indexes:
                    self._were_standby.setdefault((one, index), []).append(member_id)
        self._processes = {one: processes[one] for one in map_order(processes, string_hash, capacity=len(members))}
        self._active = {member_id: {} for member_id in members}
        self._standby = {member_id: {} for member_id in members}

    def _process(self, member_id):
        return self._processes[self._members[member_id].process_id]

    def result(self):
        return {
            member_id: Tasks(_compact(self._active[member_id]), _compact(self._standby[member_id]), {})
            for member_id in self._members
        }

    def _given(self, table, member_id, task, count):
        table[member_id].setdefault(task[0], set()).add(task[1])
        if table is self._active:
            self._active_quota.given(count)
        self._quota.given(count)

    def assign_active(self, tasks):
        tasks.sort(key=_by_partition)
        tasks = self._stay(tasks, self._was_active.get)
        tasks = self._stay(tasks, lambda task: self._least_loaded(self._were_standby.get(task), None))
        by_load = self._by_load()
        for task in sorted(tasks):
            process = by_load.pop()
            self._given(self._active, *_swap(process.give_to_least_loaded(task), task))
            by_load.push(process)

    def _stay(self, tasks, member_of):
        """Give tasks to whom `member_of(task)` names, as long as its quota allows; the tasks that are left."""
        left = []
        for task in tasks:
            member_id = member_of(task)
            if member_id is not None and self._has_room(member_id, self._active_quota):
                self._given(self._active, member_id, task, self._process(member_id).give(member_id, task))
            else:
                left.append(task)
        return left

    def _has_room(self, member_id, quota):
        return self._process(member_id).counts[member_id] < quota.each

    def _by_load(self):
        heap = Heap(lambda process: process.load)
        for process in self._processes.values():
            heap.push(process)
        return heap

    def _least_loaded(self, member_ids, task):
        """Of the members that had a standby task, who has least to do; None when its process has the task already."""
        if not member_ids:
            return None
        found = member_ids[0]
        first = self._process(found)
        load, count = first.load, first.counts[found]
        for member_id in member_ids[1:]:
            process = self._process(member_id)
            if process.load < load and (task is None or task not in process.tasks) and process.counts[member_id] < count:
                found, load, count = member_id, process.load, process.counts[member_id]
        # The first one's process is what Kafka asks, whoever was found.
        return found if task is None or task not in first.tasks else None

    def assign_standby(self, tasks):
        open_tasks = []
        for task in sorted(tasks, key=_by_partition, reverse=True):
            for done in range(self._replicas):
                member_id = self._standby_stays_with(task)
                if member_id is None:
                    open_tasks.append((task, self._replicas - done))
                    break
                self._given(self._standby, member_id, task, self._process(member_id).give(member_id, task))
        by_load = self._by_load()
        for task, replicas in sorted(open_tasks, key=lambda entry: entry[0], reverse=True):
            for done in range(replicas):
                if not self._give_to_least_loaded(by_load, task):
                    log.warning("%d of %d standby tasks for task %s_%d find no place", self._replicas - done, self._replicas, *task)
                    break

    def _standby_stays_with(self, task):
        member_id = self._was_active.get(task)
        if member_id is not None and task not in self._process(member_id).tasks and self._has_room(member_id, self._quota):
            return member_id
        member_id = self._least_loaded(self._were_standby.get(task), task)
        return member_id if member_id is not None and self._has_room(member_id, self._quota) else None

    def _give_to_least_loaded(self, by_load, task):
        """To the least loaded process that has not got the task; whether there was one."""
        tried = []
        given = False
        while by_load and not given:
            process = by_load.pop()
            tried.append(process)
            if task not in process.tasks:
                self._given(self._standby, *_swap(process.give_to_least_loaded(task), task))
                given = True
        for process in reversed(tried):
            by_load.push(process)
        return given


def _swap(given, task):
    member_id, count = given
    return member_id, task, count


def _compact(tasks):
    return {one: frozenset(indexes) for one, indexes in tasks.items()}
