"""Which answer of a recording is that to a request: strictly the next one of its conversation, or whichever was asked the same."""

import json
from collections import deque

from emulator.apps.proxy.recording import to_json
from emulator.apps.proxy.together import TOGETHER
from emulator.pipeline import secrets
from wire.records.read import iter_records
from wire.records.walk import BadBatch

# What differs from run to run and says nothing: times that are now or left, ids that clients make up, how often they have asked, secrets,
# what a client is called by its makers.
_VOLATILE = {"commit_timestamp", "timeout_ms", "member_id", "share_session_epoch", "client_software_version", "metrics", *secrets.FIELDS}
_TIMES = {"timestamp"}  # where they are no words of the protocol (-1: the latest ...)
_POSITIONS = {"committed_offset", "committed_leader_epoch", "committed_metadata"}  # that a group happens to be at when it commits
_MOST_SHOWN = 4


class Differs(Exception):
    """A request that is not in the recording: in one line, how it differs from what is."""


def content(fields, request, version):
    """A request as it is compared: JSON without what is volatile, records as their keys, values and headers."""
    return None if request is None else _masked(to_json(fields, request, version))


def masked_json(request):
    return None if request is None else _masked(request)


def _masked(value, name=None):
    if name in _VOLATILE:
        return "..."
    if name in _TIMES and isinstance(value, int) and value > 0:
        return "..."
    if isinstance(value, dict):
        if name == "records" and len(value) == 1 and "base64" in value:
            return _records(value)
        return {key: _masked(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [_masked(one) for one in value]
    return value


def _records(value):
    import base64

    data = base64.b64decode(value["base64"])
    try:
        return [[_text(one.key), _text(one.value), [[key, _text(header)] for key, header in one.headers]] for one in iter_records(data, control=True)]
    except BadBatch:
        return value


def _text(data):
    if data is None:
        return None
    data = bytes(data)
    return data.decode() if data.isascii() else data.hex()


def differences(recorded, asked, where=""):
    """["topics[0].name: 'b' instead of 'a'", ...] of two contents."""
    if isinstance(recorded, dict) and isinstance(asked, dict):
        for key in [*recorded, *(one for one in asked if one not in recorded)]:
            yield from differences(recorded.get(key, "its default"), asked.get(key, "its default"), f"{where}.{key}" if where else key)
    elif isinstance(recorded, list) and isinstance(asked, list) and len(recorded) == len(asked):
        for index, (one, other) in enumerate(zip(recorded, asked)):
            yield from differences(one, other, f"{where}[{index}]")
    elif recorded != asked:
        yield f"{where}: {_short(asked)} instead of {_short(recorded)}"


def _short(value):
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."


def _told(recorded, asked):
    found = list(differences(recorded, asked))
    more = f" and {len(found) - _MOST_SHOWN} more" if len(found) > _MOST_SHOWN else ""
    return "; ".join(found[:_MOST_SHOWN]) + more


class Strict:
    """Each connection is one of the recording's, of the same client at the same node, and says the same in the same order."""

    def __init__(self, exchanges):
        conversations = {}
        for one in exchanges:
            conversations.setdefault(one.connection, deque()).append(one)
        self._waiting = list(conversations.values())
        self._under_way = {}

    def find(self, connection, node, client_id, api, version, asked):
        """The Exchange that a request is. Raises Differs."""
        conversation = self._under_way.get(connection)
        if conversation is None:
            conversation = self._begin(node, client_id, api, version, asked)
            self._under_way[connection] = conversation
            connection.on_close.append(lambda ended: self._under_way.pop(ended, None))
        if not conversation:
            raise Differs(f"{client_id} asks for {api.name} v{version}, and nothing more of it is recorded")
        exchange = conversation[0]
        if why := _unlike(exchange, api, version, asked):
            raise Differs(why)
        return conversation.popleft()

    def _begin(self, node, client_id, api, version, asked):
        able = [one for one in self._waiting if one[0].node == node and one[0].client_id == client_id]
        chosen = next((one for one in able if not _unlike(one[0], api, version, asked)), None)
        if chosen is None:
            if able:
                raise Differs(_unlike(able[0][0], api, version, asked))
            raise Differs(f"no other connection of {client_id} to {node or 'the bootstrap address'} is recorded; it asks for {api.name} v{version}")
        self._waiting.remove(chosen)
        return chosen

    def left(self):
        """[Exchange] that nobody has asked for: the first of each conversation."""
        return sorted((one[0] for one in (*self._waiting, *self._under_way.values()) if one), key=lambda one: one.line)


def _unlike(exchange, api, version, asked):
    """How a request differs from a recorded one; None where it does not."""
    if api is not exchange.api or version != exchange.version:
        return f"line {exchange.line}: {api.name} v{version} instead of {exchange.api.name} v{exchange.version}"
    recorded = masked_json(exchange.request)
    return None if recorded == asked else f"line {exchange.line}: {api.name} v{version}: {_told(recorded, asked)}"


class Lenient:
    """What was asked the same is answered the same, whoever asks: in the order of the recording, the last one again and again.

    In any order of topics and partitions, that is, whatever offset is committed; what was never asked so is put together of what was
    answered (together.py).
    """

    def __init__(self, exchanges):
        self._by_content, self._by_api = {}, {}
        self._together = {api: kind((one, masked_json(one.request)) for one in exchanges if one.api is api and one.answer_json) for api, kind in TOGETHER.items()}
        for one in sorted(exchanges, key=lambda one: one.is_closed):  # what was answered is more to the point than that somebody left
            found = self._by_content.setdefault(self._key(one.api, one.version, masked_json(one.request)), deque())
            if not (one.is_closed and found):
                found.append(one)
            self._by_api.setdefault(one.api, []).append(one)

    @staticmethod
    def _key(api, version, asked):
        return api.key, version, json.dumps(_in_order(asked), sort_keys=True)

    def find(self, connection, node, client_id, api, version, asked):
        found = self._by_content.get(self._key(api, version, asked))
        if found is None:
            others = self._by_api.get(api)
            if not others:
                raise Differs(f"{client_id} asks for {api.name} v{version}, which is not in the recording")
            if api in self._together and (exchange := self._together[api].find(version, asked)) is not None:
                return exchange
            likest = min(others, key=lambda one: (one.version != version, len(list(differences(masked_json(one.request), asked)))))
            raise Differs(_unlike(likest, api, version, asked))
        return found.popleft() if len(found) > 1 else found[0]

    def left(self):
        return []


def _in_order(value):
    """Without positions; lists of structures in an order of their own: clients have theirs from tables, another one each time."""
    if isinstance(value, dict):
        return {key: "..." if key in _POSITIONS else _in_order(one) for key, one in value.items()}
    if isinstance(value, list):
        found = [_in_order(one) for one in value]
        return sorted(found, key=lambda one: json.dumps(one, sort_keys=True)) if found and isinstance(found[0], dict) else found
    return value
