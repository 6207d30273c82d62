"""Answers to what was not asked just so, put together of those that were recorded: how many records are in a request, how far each
partition is when all are fetched at once, which topics are asked for together is different each time.

All is JSON as recording.py has it, requests as matching.py masks them.
"""

import base64

from wire.apis.data import Fetch, Produce
from wire.apis.metadata import Metadata
from wire.records import BadBatch, iter_batches, read_header


def _topic(told):
    return told.get("name") or told.get("topic") or told.get("topic_id")


def _named(topic, **more):
    return {**{key: topic[key] for key in ("name", "topic", "topic_id") if key in topic}, **more}


def _add(places, key, value):
    places.setdefault(key, []).append(value)


def _next(found):
    """The next in the order of the recording, the last one again and again."""
    return found.pop(0) if len(found) > 1 else found[0]


class Produced:
    """Where each record is that was produced. `exchanges`: (Exchange, its request) of each that was answered."""

    def __init__(self, exchanges):
        self._places = {}  # (version, transactional id, topic, partition, record) -> [(Exchange, what its partition was answered, offset)]
        for exchange, asked in exchanges:
            answers = {(_topic(topic), one.get("index", 0)): one for topic in exchange.answer_json["responses"] for one in topic["partition_responses"]}
            for topic in asked.get("topic_data", ()):
                for one in topic["partition_data"]:
                    if (answer := answers.get((_topic(topic), one.get("index", 0)))) is not None:
                        for number, key in enumerate(self._keys(exchange.version, asked, topic, one)):
                            _add(self._places, key, (exchange, answer, answer.get("base_offset", 0) + number))

    @staticmethod
    def _keys(version, asked, topic, partition):
        records = partition.get("records")
        first = version, asked.get("transactional_id"), _topic(topic), partition.get("index", 0)
        return [(*first, repr(one)) for one in records] if isinstance(records, list) else []

    def find(self, version, asked):
        """An Exchange whose answer is that to `asked`, None where a record is not known."""
        responses, like = [], None
        for topic in asked.get("topic_data", ()):
            told = []
            for one in topic["partition_data"]:
                keys = self._keys(version, asked, topic, one)
                if not keys or any(key not in self._places for key in keys):
                    return None
                like, answer, offset = [_next(self._places[key]) for key in keys][0]
                told.append({**answer, "base_offset": offset})
            responses.append(_named(topic, partition_responses=told))
        return like and like.answering({**like.answer_json, "responses": responses})


class Fetched:
    """What each partition has at which offset."""

    def __init__(self, exchanges):
        self._places = {}  # (version, isolation level, topic, partition) -> [(Exchange, what it was answered, the offsets of that)]
        for exchange, asked in exchanges:
            for topic in exchange.answer_json.get("responses", ()):
                for one in topic["partitions"]:
                    _add(self._places, self._key(exchange.version, asked, topic, one.get("partition_index", 0)), (exchange, one, _span(one)))

    @staticmethod
    def _key(version, asked, topic, index):
        return version, asked.get("isolation_level", 0), _topic(topic), index

    def find(self, version, asked):
        """An Exchange whose answer is that to `asked`, None where a partition is not known."""
        responses, like = [], None
        for topic in asked.get("topics", ()):
            told = []
            for one in topic["partitions"]:
                found = self._places.get(self._key(version, asked, topic, one.get("partition", 0)))
                if found is None:
                    return None
                offset = one.get("fetch_offset", 0)
                like, answer, offsets = next((each for each in found if offset in each[2]), found[-1])
                told.append(answer if offset in offsets else {**answer, "records": {"text": ""}, "aborted_transactions": None})
            responses.append(_named(topic, partitions=told))
        return like and like.answering({**like.answer_json, "responses": responses})


def _span(answer):
    """The offsets of its records."""
    records = answer.get("records") or {}
    try:
        headers = [read_header(one) for one in iter_batches(base64.b64decode(records.get("base64", "")))]
    except BadBatch:  # of no offset that could be told
        headers = ()
    return range(headers[0].base_offset, headers[-1].last_offset + 1) if headers else range(0)


class Told:
    """What is known of each topic."""

    def __init__(self, exchanges):
        self._topics = {}  # (version, topic) -> [(Exchange, what was told)]
        for exchange, _ in exchanges:
            for one in exchange.answer_json.get("topics", ()):
                _add(self._topics, (exchange.version, _topic(one)), (exchange, one))

    def find(self, version, asked):
        """An Exchange whose answer is that to `asked`, None where a topic is not known."""
        found = [self._topics.get((version, _topic(one))) for one in asked.get("topics") or ()]
        if not found or None in found:
            return None
        told = [_next(one) for one in found]
        return told[-1][0].answering({**told[-1][0].answer_json, "topics": [one for _, one in told]})


TOGETHER = {Produce: Produced, Fetch: Fetched, Metadata: Told}
