"""Some of what a request asks for is refused: it is taken out before the handler runs, and its errors are put into the answer after.

    rest, refused = take_out(request, level, choose)
    response = handler(rest)
    put_back(response, level, refused, ...)

`refuse` refuses all of it.
"""

from copy import copy
from typing import NamedTuple

from emulator.pipeline.answers import kafkas
from emulator.pipeline.answers.shapes import TOP, shape_of


class Refusal(NamedTuple):
    """What a thing is refused with, as a Fault says it, too: an error code, and what is said of it (or None)."""

    error: int
    said: str | None


class Nobody:
    """Who knows no names of topic ids: what is asked by one of the two is answered by it."""

    @staticmethod
    def topic_name(topic_id):
        return None

    topic_id = topic_name


class Asked:
    """One thing of a list: `node` and the item itself, and what becomes of it: `fault`, or `parts` of its own list, or neither."""

    __slots__ = ("node", "item", "fault", "parts")

    def __init__(self, node, item, fault=None, parts=None):
        self.node, self.item, self.fault, self.parts = node, item, fault, parts

    @property
    def is_refused(self):
        return self.fault is not None or any(part.is_refused for part in self.parts or ())


def take_out(request, level, choose):
    """(the request without what is refused, [Asked] in its order); the request as it is and None where nothing is.

    `choose({kind: what a thing of `level` is called})` gives the fault that refuses it, or None.
    """
    rest, asked = request, []
    for chain in level.asked:
        found = _split(rest, chain, {}, choose, len(chain) - len(level.path))
        if found is None:
            continue
        kept, these = found
        if any(one.is_refused for one in these):
            rest = copy(rest)
            setattr(rest, chain[0].field, kept)
        asked += these
    return (rest, asked) if any(one.is_refused for one in asked) else (request, None)


def _split(parent, chain, named, choose, outer):
    """(what is kept of a list, [Asked] of all of it); None where the list is null. The first `outer` steps are not in the answer."""
    node, *further = chain
    items = getattr(parent, node.field)
    if items is None:
        return None
    kept, asked = [], []
    for item in items:
        here = {**named, node.kind: node.identify(item)}
        if not further:
            fault = choose(here)
            asked.append(Asked(node, item, fault))
            if fault is None:
                kept.append(item)
            continue
        found = _split(item, further, here, choose, outer - 1)
        if found is None:
            kept.append(item)
            asked.append(Asked(node, item))
            continue
        rest, parts = found
        asked += parts if outer > 0 else [Asked(node, item, parts=parts)]
        if not any(part.is_refused for part in parts):
            kept.append(item)
        elif rest:
            item = copy(item)
            setattr(item, further[0].field, rest)
            kept.append(item)
    return kept, asked


def is_all(asked):
    """Whether nothing is left of what was asked."""
    return all(one.fault is not None or (one.parts and is_all(one.parts)) for one in asked)


def put_back(api, response, level, asked, names):
    """The errors of what was refused, among the answers to the rest and in the order of the request."""
    _merge(api, response, level, 0, asked, names)


def _merge(api, parent, level, depth, asked, names):
    node = level.path[depth]
    answered = list(getattr(parent, node.field) or ())
    if not node.fields:  # told by their place alone
        answers = iter(answered)
        merged = [refusal(api, level, one, names) if one.fault else next(answers) for one in asked]
        setattr(parent, node.field, merged)
        return
    keyed, merged, seen = {}, [], set()
    for answer in answered:
        keyed.setdefault(_key(node, answer, names), []).append(answer)
    for one in asked:
        key = _key(one.node, one.item, names)
        if one.fault is not None:
            if key not in seen:  # Kafka answers once what is asked twice
                merged.append(refusal(api, level, one, names))
        elif one.parts is None or not one.is_refused:
            merged += keyed.pop(key, ())
        else:
            answer = keyed[key].pop(0) if keyed.get(key) else _named(node, one, names)
            _merge(api, answer, level, depth + 1, one.parts, names)
            merged.append(answer)
        if one.fault is not None:
            seen.add(key)
    for rest in keyed.values():
        merged += rest
    setattr(parent, node.field, merged)


def _key(node, item, names):
    key = node.key(item)
    if node.kind == "topic" and isinstance(key, bytes):
        return names.topic_name(key) or key
    return key


def _named(node, one, names):
    """An answer about what is asked, with nothing in it but what it is called."""
    return node.cls(**_called(node, one, names))


def _called(node, one, names):
    """{field of the answer: value} of what one thing is called."""
    item, asked = one.item, one.node
    if asked.cls is None:
        return {node.fields[0]: item}
    called = {name: getattr(item, name) for name in asked.fields}
    found = {name: called[name] for name in node.fields if name in called}
    if node.kind == "topic":
        name = next((called[one] for one in ("name", "topic", "topic_name") if called.get(one)), None)
        name = name or (names.topic_name(called["topic_id"]) if "topic_id" in called else None)
        for field in node.fields:
            if field == "topic_id":
                found.setdefault(field, names.topic_id(name) if name else None)
            else:
                found[field] = name
        return {field: value for field, value in found.items() if value is not None}
    if node.kind == "entity":
        inner = node.cls.Entity
        return {"entity": [inner(entity_type=part.entity_type, entity_name=part.entity_name) for part in called["entity"]]}
    for name in node.fields:  # index, partition_index ...: one thing under several names
        if name not in found and node.kind in ("partition", "user", "log_dir"):
            found[name] = next(iter(called.values()))
    return found


def refusal(api, level, one, names):
    """The answer for one thing that is refused, as Kafka gives it."""
    node = level.path[-1]
    return _filled(api, level, node.cls, _called(node, one, names) if node.fields else {}, one.fault)


def _filled(api, level, cls, called, fault):
    fields = {**kafkas.values_of_errors(api, level.name), **called, level.error: fault.error}
    if level.message is not None:
        fields[level.message] = fault.said
    return cls(**fields)


def refuse(api, version, request, error, said):
    """An answer in which all that `request` asks for has an error; where it lists nothing, or the answer has no room there, the whole has it."""
    levels, refusal = shape_of(api, version).levels, Refusal(error, said)
    for level in levels.values():  # the outermost first
        if level.path and level.is_main:
            _, asked = take_out(request, level, lambda named: refusal)
            if asked is not None:
                response = api.Response(**kafkas.repeated(api, version, request))
                put_back(api, response, level, asked, Nobody)
                return response
    if TOP in levels:
        return refuse_whole(api, version, levels, refusal, request, Nobody)
    response = api.Response()
    for level in levels.values():
        if len(level.path) == 1 and not level.asked:  # DescribeLogDirs: of a directory that nobody asked for
            setattr(response, level.path[0].field, [_filled(api, level, level.path[0].cls, {}, refusal)])
    return response


def refuse_whole(api, version, levels, fault, request, names):
    """An answer with an error at its top. `levels`: all that the answers have, by name."""
    response = _filled(api, levels[TOP], api.Response, kafkas.repeated(api, version, request), fault)
    below = levels.get(kafkas.REPEATED_BELOW.get(api))
    if below is not None:
        _, asked = take_out(request, below, lambda named: fault)
        put_back(api, response, below, asked or (), names)
    return response


def refuse_found(api, response, level, choose, names):
    """Put errors into an answer in place of what was found for all who did not say what they ask for."""
    _replace(api, response, level, 0, {}, choose, names)


def _replace(api, parent, level, depth, named, choose, names):
    node = level.path[depth]
    answers = list(getattr(parent, node.field) or ())
    for place, answer in enumerate(answers):
        here = {**named, node.kind: node.identify(answer)}
        if depth + 1 < len(level.path):
            _replace(api, answer, level, depth + 1, here, choose, names)
        elif not getattr(answer, level.error) and (fault := choose(here)) is not None:
            if level.is_main:
                answers[place] = refusal(api, level, Asked(node, answer, fault), names)
            else:
                for field, value in {**kafkas.values_of_errors(api, level.name), level.error: fault.error}.items():
                    setattr(answer, field, value)
    setattr(parent, node.field, answers)
