"""Groups: each lives on one side. A member's subscription says on which, where the group's name does not."""

from emulator.apps.proxy.overlay.sides import part_of, subscribed
from emulator.apps.proxy.overlay.topics import lists_of
from emulator.state.groups.modern import DEAD
from emulator.state.regex import InvalidRegex, compile_regex
from wire import errors
from wire.apis.consumer_groups import ConsumerGroupDescribe, ConsumerGroupHeartbeat
from wire.apis.groups import DeleteGroups, DescribeGroups, Heartbeat, JoinGroup, LeaveGroup, ListGroups, SyncGroup
from wire.apis.share_groups import (
    AlterShareGroupOffsets, DeleteShareGroupOffsets, DescribeShareGroupOffsets, ShareAcknowledge, ShareFetch, ShareGroupDescribe,
    ShareGroupHeartbeat,
)  # fmt: skip
from wire.apis.streams_groups import StreamsGroupDescribe, StreamsGroupHeartbeat

_JOINS = (JoinGroup, ConsumerGroupHeartbeat, ShareGroupHeartbeat, StreamsGroupHeartbeat)
_OF_MEMBERS = (SyncGroup, Heartbeat, LeaveGroup)
_AT_LEADERS = (ShareFetch, ShareAcknowledge)
_OF_OFFSETS = (AlterShareGroupOffsets, DeleteShareGroupOffsets)
_DESCRIBES = (DescribeGroups, ConsumerGroupDescribe, ShareGroupDescribe, StreamsGroupDescribe, DescribeShareGroupOffsets, DeleteGroups)
_NO_GROUP = (errors.GROUP_ID_NOT_FOUND, errors.INVALID_GROUP_ID)


class OfJoins:
    """What makes a client a member, and keeps it one."""

    def __init__(self, sides, engine, api):
        self._sides = sides
        self._engine = engine
        self._api = api

    def concerns(self, request, call):
        return self._sides.has_group(request.group_id) or any(map(self._sides.has_name, subscribed(self._api, request))) or bool(self._matched(request))

    def answer(self, asked):
        request, sides = asked.request, self._sides
        group_id = request.group_id
        wanted = subscribed(self._api, request)
        ours = {name for name in wanted if sides.has_name(name)}
        theirs = wanted - ours
        is_member_here = sides.has_group(group_id)
        if not sides.claims_group(group_id) and (matched := self._matched(request)):
            return self._refused(request, sides.refuse(f"group {group_id}, by a regular expression (overlay.groups would make it the overlay's),", matched, ()))
        if theirs and (ours or is_member_here):
            return self._refused(request, sides.refuse(f"group {group_id}", ours, theirs))
        if ours or is_member_here:
            return asked.ours(request, self._engine.coordinator(group_id, asked.call))
        return asked.theirs(request)

    def _matched(self, request):
        """The overlay's topics that the member's regular expressions match."""
        regexes = {getattr(request, "subscribed_topic_regex", None)}
        if (topology := getattr(request, "topology", None)) is not None:
            regexes.update(regex for one in topology.subtopologies for regex in one.source_topic_regex)
        found = set()
        for regex in filter(None, regexes):
            try:
                matches = compile_regex(regex)
            except InvalidRegex:
                continue
            found.update(name for name in self._engine.cluster.topics if self._sides.has_name(name) and matches(name))
        return found

    def _refused(self, request, told):
        if self._api is JoinGroup:
            return JoinGroup.reply(error_code=errors.POLICY_VIOLATION, protocol_name="", member_id=request.member_id)
        return self._api.reply(error_code=errors.POLICY_VIOLATION, error_message=told)


class OfMembers:
    """The rest of what members say goes where they are members."""

    def __init__(self, sides, engine, api):
        self._sides = sides
        self._engine = engine
        self._api = api

    def concerns(self, request, call):
        group_id = request.group_id or ""
        return self._sides.knows_group(group_id) if self._api in _OF_OFFSETS else self._sides.has_group(group_id)

    def answer(self, asked):
        if self._api in _AT_LEADERS:
            return asked.ours(asked.request)
        return asked.ours(asked.request, self._engine.coordinator(asked.request.group_id, asked.call))


class OfDescriptions:
    """Of several groups: each from where it is; one that is empty here may have members behind."""

    def __init__(self, sides, engine, api):
        self._sides = sides
        self._engine = engine
        self._api = api

    def concerns(self, request, call):
        return any(self._sides.knows_group(_id_of(one)) for one in getattr(request, lists_of(self._api, call.version)[0]))

    def answer(self, asked):
        sides, deletes = self._sides, self._api is DeleteGroups
        field, answered = lists_of(self._api, asked.version)
        items = {_id_of(one): one for one in getattr(asked.request, field)}
        here = {group_id for group_id in items if sides.knows_group(group_id)}
        behind = {group_id for group_id in items if not (sides.claims_group(group_id) if deletes else sides.has_group(group_id))}
        response, theirs, ours = self._api.reply(), {}, {}
        if behind:
            response = asked.theirs(part_of(asked.request, field, [items[one] for one in items if one in behind]))
            theirs = {one.group_id: one for one in getattr(response, answered)}
        for group_id in items:
            if group_id in here and (deletes or _is_none(theirs.get(group_id))):
                node_id = self._engine.coordinator(group_id, asked.call)
                [ours[group_id]] = getattr(asked.ours(part_of(asked.request, field, [items[group_id]]), node_id), answered)
        found = []
        for group_id in map(_id_of, getattr(asked.request, field)):
            answers = [one for one in (ours.get(group_id), theirs.get(group_id)) if one is not None]
            told = [one for one in answers if not _is_none(one)] or answers
            found.append(max(told, key=lambda one: one.error_code) if deletes else told[0])
        setattr(response, answered, found)
        return response


def _id_of(item):
    return item if isinstance(item, str) else item.group_id


def _is_none(answer):
    return answer is None or answer.error_code in _NO_GROUP or getattr(answer, "group_state", None) == DEAD


class OfLists:
    """ListGroups: those behind and here; of one that is on both sides the one with members here, else the one behind."""

    def __init__(self, sides, engine):
        self._sides = sides
        self._engine = engine

    def concerns(self, request, call):
        return True

    def answer(self, asked):
        response = asked.theirs(asked.request)
        if response.error_code:
            return response
        ours = {one.group_id: one for one in asked.ours(asked.request).groups}
        kept = [one for one in response.groups if not self._sides.has_group(one.group_id)]
        there = {one.group_id for one in kept}
        response.groups = [*kept, *(one for group_id, one in ours.items() if group_id not in there)]
        return response


def of_groups(sides, engine):
    return {
        **{api: OfJoins(sides, engine, api) for api in _JOINS},
        **{api: OfMembers(sides, engine, api) for api in (*_OF_MEMBERS, *_AT_LEADERS, *_OF_OFFSETS)},
        **{api: OfDescriptions(sides, engine, api) for api in _DESCRIBES},
        ListGroups: OfLists(sides, engine),
    }
