"""Committed offsets: those of the overlay's topics are here, whatever group they are of; a member commits on its group's side alone."""

from emulator.apps.proxy.overlay.sides import name_of, part_of
from emulator.apps.proxy.overlay.topics import join
from emulator.pipeline.answers.refusing import refuse
from wire import errors
from wire.apis.groups import OffsetCommit, OffsetDelete, OffsetFetch

_SEVERAL_GROUPS = 8  # OffsetFetch's first version with them
_NOBODY = -1  # the generation, or epoch, of who is no member


class _OfGroup:
    """What says of one group which topics it is about."""

    def __init__(self, sides, engine):
        self._sides = sides
        self._engine = engine

    def concerns(self, request, call):
        return self._sides.has_group(request.group_id) or any(map(self._sides.has, request.topics))


class OfCommits(_OfGroup):
    """OffsetCommit."""

    def answer(self, asked):
        request, sides = asked.request, self._sides
        ours = [one for one in request.topics if sides.has(one)]
        theirs = [one for one in request.topics if not sides.has(one)]
        refused = ()
        is_ours = sides.has_group(request.group_id)
        is_of_member = request.generation_id_or_member_epoch != _NOBODY or bool(request.member_id)
        strange = () if not is_of_member and not sides.claims_group(request.group_id) else theirs if is_ours else ours
        if strange:
            told = map(name_of, strange)
            sides.refuse(f"group {request.group_id}, by an offset that it commits,", *((), told) if is_ours else (told, ()))
            refused = refused_of(asked, strange)
            ours, theirs = (ours, ()) if is_ours else ((), theirs)
        return in_order(asked, self._engine, ours, theirs, refused)


class OfDeletions(_OfGroup):
    """OffsetDelete."""

    def answer(self, asked):
        sides, topics = self._sides, asked.request.topics
        if sides.claims_group(asked.request.group_id):
            return asked.ours(asked.request, self._engine.coordinator(asked.request.group_id, asked.call))
        return in_order(asked, self._engine, [one for one in topics if sides.has(one)], [one for one in topics if not sides.has(one)], ())


def refused_of(asked, items):
    """What the answer has of topics that are on the wrong side."""
    return refuse(asked.api, asked.version, part_of(asked.request, "topics", items), errors.POLICY_VIOLATION, None).topics


def in_order(asked, engine, ours, theirs, refused):
    """Both sides' answers to their topics, and what is refused, as they were asked."""
    answers = []
    for ask, topics in ((asked.theirs, theirs), (lambda part: asked.ours(part, engine.coordinator(part.group_id, asked.call)), ours)):
        if topics:
            answers.append(ask(part_of(asked.request, "topics", topics)))
    if not answers:
        answers = [asked.api.reply()] if refused else [asked.theirs(asked.request)]
    response = join(*answers, "topics") if len(answers) == 2 else answers[0]
    ranked = {_key(one): number for number, one in enumerate(asked.request.topics)}
    response.topics = sorted([*response.topics, *refused], key=lambda one: ranked.get(_key(one), len(ranked)))
    return response


def _key(topic):
    return name_of(topic) or getattr(topic, "topic_id", None)  # without a name and before there were ids it is nobody's, and answered all the same


class OfFetches:
    """OffsetFetch: what is asked for all topics is asked of both sides."""

    def __init__(self, sides, engine):
        self._sides = sides
        self._engine = engine

    def concerns(self, request, call):
        return any(self._concerned(group) for group in _groups(request, call.version))

    def _concerned(self, group):
        return self._sides.knows_group(group.group_id) or any(map(self._sides.has, group.topics or ()))

    def answer(self, asked):
        if asked.version < _SEVERAL_GROUPS:
            return self._one(asked, asked.request)
        Groups = OffsetFetch.Response.Groups
        response = OffsetFetch.reply()
        rest = [one for one in asked.request.groups if not self._concerned(one)]
        if rest:
            response = asked.theirs(part_of(asked.request, "groups", rest))
        found = {one.group_id: one for one in response.groups}
        for group in asked.request.groups:
            if group.group_id not in found:
                found[group.group_id] = self._one(asked, group, Groups)
        response.groups = [found[one.group_id] for one in asked.request.groups]
        return response

    def _one(self, asked, group, in_groups=None):
        """The answer about a group, which before version 8 is the whole request."""
        sides, group_id = self._sides, group.group_id

        def ask(side, topics, is_home):
            part = part_of(group, "topics", topics)
            if in_groups is not None:
                if not is_home:  # it is no member there
                    part.member_id, part.member_epoch = None, _NOBODY
                part = part_of(asked.request, "groups", [part])
            answer = side(part)
            return answer if in_groups is None else answer.groups[0]

        def here(part):
            return asked.ours(part, self._engine.coordinator(group_id, asked.call))

        is_ours = sides.has_group(group_id)
        if sides.claims_group(group_id):
            return ask(here, group.topics, True)
        if group.topics is None:
            theirs = ask(asked.theirs, None, not is_ours)
            theirs.topics = [one for one in theirs.topics if not sides.has(one)]
            return join(theirs, ask(here, None, is_ours), "topics")
        ours = [one for one in group.topics if sides.has(one)]
        theirs = [one for one in group.topics if not sides.has(one)]
        answers = []
        if theirs or not ours:
            answers.append(ask(asked.theirs, theirs, not is_ours))
        if ours:
            answers.append(ask(here, ours, is_ours))
        answer = join(*answers, "topics") if len(answers) == 2 else answers[0]
        ranked = {_key(one): number for number, one in enumerate(group.topics)}
        answer.topics = sorted(answer.topics, key=lambda one: ranked.get(_key(one), len(ranked)))
        return answer


def _groups(request, version):
    return request.groups if version >= _SEVERAL_GROUPS else (request,)


def of_offsets(sides, engine):
    return {OffsetCommit: OfCommits(sides, engine), OffsetDelete: OfDeletions(sides, engine), OffsetFetch: OfFetches(sides, engine)}
