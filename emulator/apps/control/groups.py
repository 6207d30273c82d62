"""Groups of every protocol: their members with what each has, their offsets with how far they lag."""

from emulator.apps.control.measures import error_name
from emulator.apps.control.schema import many, number, or_null, text, thing
from emulator.apps.control.table import Conflict, NotThere, Route
from emulator.apps.control.topics import partition_of, topic_named
from emulator.apps.errors import UsageError
from emulator.runtime.broker import RUNNING
from wire.errors import ILLEGAL_GENERATION, NON_EMPTY_GROUP, NONE, UNKNOWN_MEMBER_ID, KafkaError
from wire.internal import ConsumerAssignment, Malformed

_ASSIGNED = thing(topic=text("its name; of a streams group the id of the subtopology"), partitions=many(number("index"), "by index"))
_MEMBER = thing(
    id=text("member id"),
    client_id=text("of its client"),
    host=text("where it is"),
    instance_id=or_null(text("of a static member")),
    assignment=many(_ASSIGNED, "what it has"),
)
_OFFSET = thing(
    topic=text("its name"),
    partition=number("its index"),
    offset=number("that was committed; of a share group the first that is not done"),
    end_offset=or_null(number("of the partition, null where it is gone")),
    lag=or_null(number("records between them, null where that is not known")),
    metadata=text("that was committed with it"),
)
_GROUP = {
    "id": text("group id"),
    "type": text("of its protocol", enum=["Classic", "Consumer", "Share", "Streams"]),
    "state": text("such as Stable or Empty"),
    "coordinator": number("a broker's id"),
    "members": number("how many"),
    "lag": number("of all its partitions together"),
}


def all_groups(server):
    """[(broker, its GroupCoordinator, group)] of the coordinators that are up and know theirs."""
    found = []
    for broker in server.brokers.values():
        if broker.state == RUNNING:
            groups = broker.services["groups"]
            try:
                found += ((broker, groups, one) for one in groups.list())
            except KafkaError:
                continue  # it is still loading them
    return sorted(found, key=lambda one: one[2].group_id)


def show(server, asked):
    return {"groups": [_shown(server, *one) for one in all_groups(server)]}


def _find(server, asked):
    """(broker, its GroupCoordinator, group). Raises NotThere."""
    for found in all_groups(server):
        if found[2].group_id == asked["group"]:
            return found
    raise NotThere(f"no group {asked['group'][:250]}")


def describe(server, asked):
    return _described(server, *_find(server, asked))


def _described(server, broker, groups, group):
    return {
        **_shown(server, broker, groups, group),
        "members": [_member(server.cluster, one) for one in members_of(group)],
        "offsets": offsets(server.cluster, groups, group),
    }


def delete(server, asked):
    _, groups, group = _find(server, asked)
    try:
        groups.delete(group.group_id)
    except KafkaError as refusal:
        raise Conflict(f"group {group.group_id}: {error_name(refusal.error)}") from None
    return {"deleted": group.group_id}


def seek(server, asked):
    """As an administrator commits offsets: for a group without members."""
    broker, groups, group = _find(server, asked)
    name = group.group_id
    if group.type.lower() in ("share", "streams"):
        raise Conflict(f"group {name} is a {group.type.lower()} group, whose offsets its own tool sets")
    topic = topic_named(server, asked["topic"])
    partitions = topic.partitions if asked["partition"] is None else [partition_of(server, asked)]
    wanted = [(one.index, _offset(asked["to"], one.log), -1, "") for one in partitions]
    try:
        [codes] = groups.offsets.commit(name, "", None, -1, [(topic.name, wanted)])
    except KafkaError as refusal:
        why = "it has members" if refusal.error in _HAS_MEMBERS else error_name(refusal.error)
        raise Conflict(f"group {name}: {why}") from None
    for (index, *_), code in zip(wanted, codes):
        if code != NONE:
            raise Conflict(f"group {name}: {topic.name}-{index}: {error_name(code)}")
    return _described(server, broker, groups, group)


def _offset(asked, log):
    if asked == "earliest":
        return log.log_start_offset
    if asked == "latest":
        return log.high_watermark
    if not (asked.isascii() and asked.isdigit() and len(asked) < 19):
        raise UsageError(f"to {asked[:50]}: expected earliest, latest or an offset")
    return min(max(int(asked), log.log_start_offset), log.high_watermark)


def _shown(server, broker, groups, group):
    return {
        "id": group.group_id,
        "type": group.type.capitalize(),
        "state": group.state,
        "coordinator": broker.id,
        "members": len(members_of(group)),
        "lag": sum(one["lag"] or 0 for one in offsets(server.cluster, groups, group)),
    }


def offsets(cluster, groups, group):
    """Where a group is, as _OFFSET has it."""
    if group.type.lower() == "share":
        return list(_of_share_group(cluster, groups, group.group_id))
    found = []
    for topic, index, committed in sorted(groups.offsets.positions(group.group_id), key=lambda one: one[:2]):
        partition = cluster.partition(topic, index)
        end = None if partition is None else partition.log.high_watermark
        found.append({
            "topic": topic, "partition": index, "offset": committed.offset, "end_offset": end,
            "lag": None if end is None else max(0, end - committed.offset), "metadata": committed.metadata or "",
        })  # fmt: skip
    return found


def _of_share_group(cluster, groups, group_id):
    for topic_id, partitions in groups.share.partitions(group_id).items():
        topic = cluster.topics_by_id.get(topic_id)
        for index in sorted(partitions) if topic is not None else ():
            offset, lag = groups.share.offset(group_id, topic_id, index), None
            end = topic.partitions[index].log.high_watermark if index < len(topic.partitions) else None
            if end is not None and offset.start_offset != -1 and offset.complete != -1:
                lag = end - offset.start_offset - offset.complete
            yield {"topic": topic.name, "partition": index, "offset": offset.start_offset, "end_offset": end, "lag": lag, "metadata": ""}


def members_of(group):
    return list(group.members.values() if hasattr(group.members, "values") else group.members)


def _member(cluster, member):
    return {
        "id": member.member_id,
        "client_id": member.client_id or "",
        "host": member.client_host,
        "instance_id": getattr(member, "group_instance_id", None) or getattr(member, "instance_id", None),
        "assignment": [{"topic": name, "partitions": sorted(partitions)} for name, partitions in sorted(_assigned(cluster, member)) if partitions],
    }


def _assigned(cluster, member):
    """[(topic, partitions)]: each protocol has its own way to say it."""
    if not hasattr(member, "assigned"):
        return _embedded(member.assignment)
    assigned = member.assigned
    if hasattr(assigned, "_fields"):  # the tasks of a member of a streams group
        return list(assigned.active.items())
    return [(cluster.topics_by_id[topic_id].name, held) for topic_id, held in assigned.items() if topic_id in cluster.topics_by_id]


def _embedded(assignment):
    """Of the classic protocol, where members make of it what they want; consumers' is known."""
    try:
        _, read = ConsumerAssignment.read(assignment) if assignment else (0, None)
    except Malformed:
        return []
    return [(one.topic, one.partitions) for one in read.assigned_partitions] if read else []


_DESCRIBED = thing(**{**_GROUP, "members": many(_MEMBER, "of the group"), "offsets": many(_OFFSET, "by topic and partition")})
_HAS_MEMBERS = (UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, NON_EMPTY_GROUP)

ROUTES = (
    Route("GET", "/groups", show, "all groups, of every protocol", answer=thing(groups=many(thing(**_GROUP), "by id"))),
    Route("GET", "/groups/{group}", describe, "one group, with its members and where it is", {"group": text("group id")}, _DESCRIBED),
    Route("DELETE", "/groups/{group}", delete, "deletes a group without members, and its offsets", {"group": text("group id")}, thing(deleted=text("group id"))),
    Route("POST", "/groups/{group}/offsets", seek, "says where a group without members goes on, in all partitions of a topic or in one", {
        "group": text("group id"), "topic": text("its name"), "partition": or_null(number("its index; all where left out", default=None)),
        "to": text("earliest, latest, or an offset, which is kept between the two"),
    }, _DESCRIBED),
)  # fmt: skip
