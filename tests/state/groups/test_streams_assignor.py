"""Who runs which tasks. The exact results are those of Kafka's StickyTaskAssignor 4.3.1 for the same input."""

from random import Random

import pytest

from emulator.state.groups.streams.assignor import Assignee, Load, assign


def told(assignment):
    return {member: (dict(tasks.active), dict(tasks.standby)) for member, tasks in assignment.items()}


def rounds(seed):
    """Groups that members join and leave, each with the assignment that comes of the one before."""
    random = Random(seed)
    loads = {str(index): Load(random.randint(1, 9), random.random() < 0.6) for index in range(random.randint(1, 3))}
    replicas, members = random.choice((0, 1, 2)), {}
    for _ in range(4):
        while not members or random.random() < 0.6:
            members[f"{random.getrandbits(64):x}"] = Assignee(f"process-{random.randint(1, 5)}")
        while len(members) > 1 and random.random() < 0.3:
            del members[random.choice(list(members))]
        assignment = assign(members, loads, replicas)
        yield members, loads, replicas, assignment
        members = {
            one: member._replace(active=assignment[one].active, standby=assignment[one].standby) for one, member in members.items()
        }


def pairs(tasks):
    return [(one, index) for one, indexes in tasks.items() for index in indexes]


def test_nobody_nothing():
    assert assign({}, {"0": Load(2, True)}, 1) == {}


def test_tasks_are_shared_by_ranges():
    assignment = assign({"a": Assignee("p"), "b": Assignee("q")}, {"0": Load(4, False)}, 0)
    assert sorted(map(len, (tasks.active["0"] for tasks in assignment.values()))) == [2, 2]


def test_a_standby_becomes_active_where_it_is():
    before = {"b": Assignee("q", {}, {"0": frozenset({0, 1})}), "c": Assignee("r")}
    assignment = assign(before, {"0": Load(1, True)}, 0)
    assert told(assignment) == {"b": ({"0": {0}}, {}), "c": ({}, {})}


def test_no_standby_beside_its_active_task():
    assignment = assign({"a": Assignee("p"), "b": Assignee("p")}, {"0": Load(2, True)}, 1)
    assert all(not tasks.standby for tasks in assignment.values())


@pytest.mark.parametrize("seed", range(60))
def test_every_task_once_and_its_standbys_in_other_processes(seed):
    for members, loads, replicas, assignment in rounds(seed):
        active = [task for tasks in assignment.values() for task in pairs(tasks.active)]
        assert sorted(active) == sorted((one, index) for one, load in loads.items() for index in range(load.tasks))
        processes = {}
        for one, tasks in assignment.items():
            processes.setdefault(members[one].process_id, []).extend(pairs(tasks.active) + pairs(tasks.standby))
        assert all(len(tasks) == len(set(tasks)) for tasks in processes.values())
        for one, load in loads.items():
            for index in range(load.tasks):
                copies = sum((one, index) in tasks for tasks in processes.values())
                assert copies == 1 + (min(replicas, len(processes) - 1) if load.is_stateful else 0)


def test_nothing_moves_when_nobody_comes_or_goes():
    members = {"a": Assignee("p"), "b": Assignee("q"), "c": Assignee("q")}
    loads = {"0": Load(6, True), "1": Load(3, False)}
    once = assign(members, loads, 1)
    again = {one: Assignee(member.process_id, *once[one][:2]) for one, member in members.items()}
    assert assign(again, loads, 1) == once
