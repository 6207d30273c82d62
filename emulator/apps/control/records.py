"""Records: read as a consumer would get them, and written as a producer would."""

import base64
import binascii
from heapq import merge
from weakref import WeakKeyDictionary

from emulator.apps.control.decoded import decoded
from emulator.apps.control.schema import flag, many, number, or_null, text, thing
from emulator.apps.control.table import Conflict, NotThere, Route
from emulator.apps.control.topics import topic_named
from emulator.apps.embedded.writing import Writer
from emulator.apps.errors import UsageError
from emulator.runtime.turns import Turns
from emulator.runtime.watch import wait_until
from emulator.state.log.replica import batches_from
from wire.errors import KafkaError
from wire.records import iter_batch, payload_of

_MOST = 1000  # of one answer, or request
_MOST_BYTES = 4 * 1024 * 1024  # of keys and values in one answer; a single record may have more
_AT_ONCE = 256 * 1024  # bytes of batches that are looked at between two turns of others
_LONGEST_WAIT_MS = 30_000

_HEADER = thing(name=text("its name"), value=or_null(text("where it is text", default=None)), value_base64=text("where it is not", default=""))
_RECORD = thing(
    partition=number("where it is"),
    offset=number("in the partition"),
    timestamp=number("milliseconds since the epoch"),
    key=or_null(text("where it is UTF-8 text, null where there is none", default=None)),
    key_base64=text("where it is not text", default=""),
    value=or_null(text("where it is UTF-8 text, null for a tombstone", default=None)),
    value_base64=text("where it is not text", default=""),
    headers=many(_HEADER, "in order"),
    decoded={"type": ["object", "null"], "description": "of one of Kafka's own topics: its kind, and the fields of key and value; bytes in them are base64", "default": None},
)


# Reading ----------------------------------------------------------------------------------------


def read(server, asked):
    """A page of records. See ROUTES."""
    topic = topic_named(server, asked["topic"])
    partitions = topic.partitions
    if asked["partition"] is not None:
        if not 0 <= asked["partition"] < len(partitions):
            raise NotThere(f"{topic.name} has partitions 0 to {len(partitions) - 1}, and no {asked['partition']}")
        partitions = [partitions[asked["partition"]]]
    committed = not asked["uncommitted"]
    positions = _positions(asked["from"], partitions, committed)

    def any_there():
        return any(one.log.closed or positions[one.index] < _end(one.log, committed) for one in partitions)

    wait_until(any_there, asked["wait_ms"] / 1000)
    there = [one for one in partitions if positions[one.index] < _end(one.log, committed)]
    share = max(1, asked["limit"] // max(1, len(there)))
    turns, left, found = Turns(), _MOST_BYTES, []
    for partition in there[: asked["limit"]]:
        page = _Page(partition, positions[partition.index], committed, share, left)
        try:
            page.read(turns)
        except KafkaError as error:
            raise Conflict(f"{partition.log.name}: {error}") from None
        positions[partition.index] = page.position
        left = max(0, left - page.size)
        found.append(page.records)
    records = [record for _, record in merge(*map(_in_order, found), key=lambda pair: (pair[0], pair[1]["partition"]))]
    return {
        "records": records,
        "next": ",".join(f"{index}:{offset}" for index, offset in sorted(positions.items())),
        "more": any(positions[one.index] < _end(one.log, committed) for one in partitions),
    }


def _in_order(records):
    """(timestamp, record); within a partition the order of offsets is kept, whatever the timestamps are."""
    latest, pairs = -1, []
    for record in records:
        latest = max(latest, record["timestamp"])
        pairs.append((latest, record))
    return pairs


def _end(log, committed):
    return log.last_stable_offset if committed else log.high_watermark


def _positions(asked, partitions, committed):
    """{partition: offset} from where to read. Raises UsageError."""
    wanted = _parse(asked)
    positions = {}
    for one in partitions:
        start, end = one.log.log_start_offset, _end(one.log, committed)
        offset = wanted.get(one.index, 0) if isinstance(wanted, dict) else end if wanted == "latest" else wanted
        if offset < 0:
            offset += end
        # One beyond the end was of another topic of this name.
        positions[one.index] = max(start, offset if offset <= end or not isinstance(wanted, dict) else 0)
    return positions


def _parse(asked):
    """ "latest", an offset, or {partition: offset} """
    if asked == "latest":
        return asked
    if asked == "earliest":
        return 0
    try:
        if ":" not in asked:
            return _offset(asked)
        pairs = [part.split(":") for part in asked.split(",")]
        return {_offset(index): _offset(offset) for index, offset in pairs}
    except ValueError:
        raise UsageError(f"from {asked[:100]}: expected earliest, latest, an offset, -N for the newest N, or what was given as next") from None


def _offset(digits):
    if len(digits) > 19 or not digits.removeprefix("-").isascii() or not digits.removeprefix("-").isdigit():
        raise ValueError
    return int(digits)


class _Page:
    """What one partition has from `position` on: at most so many records, and as many bytes, the first however large."""

    def __init__(self, partition, position, committed, most, most_bytes):
        self.position = position
        self.records = []
        self.size = 0
        self._topic, self._index, self._log, self._committed = partition.topic, partition.index, partition.log, committed
        self._most, self._most_bytes = most, most_bytes

    def read(self, turns):
        log, end = self._log, _end(self._log, self._committed)
        aborted = _aborted(log) if self._committed else {}
        while self.position < end and not self._full:
            batches, _ = batches_from(log, max(self.position, log.log_start_offset), _AT_ONCE)
            if not batches:
                self.position = end
                return
            for header, data in batches:
                if header.base_offset >= end or self._full:
                    return
                if not (header.is_control or header.is_transactional and _was_aborted(header, aborted)):
                    self._take(header, data)
                if not self._full:
                    self.position = header.last_offset + 1
                turns.over()

    @property
    def _full(self):
        return len(self.records) >= self._most or self.size >= self._most_bytes

    def _take(self, header, data):
        for record in iter_batch(header, payload_of(header, data)):
            if record.offset >= self.position:
                if self._full:
                    return
                self.records.append(_shown(self._topic, self._index, record))
                self.size += len(record.key or b"") + len(record.value or b"")
                self.position = record.offset + 1


def _aborted(log):
    by_producer = {}
    for one in log.aborted:
        by_producer.setdefault(one.producer_id, []).append(one)
    return by_producer


def _was_aborted(header, aborted):
    return any(one.first_offset <= header.base_offset <= one.last_offset for one in aborted.get(header.producer_id, ()))


def _shown(topic, index, record):
    return {
        "partition": index,
        "offset": record.offset,
        "timestamp": record.timestamp,
        **_as_text("key", record.key),
        **_as_text("value", record.value),
        "headers": [{"name": name, **_as_text("value", value)} for name, value in record.headers],
        **({"decoded": decoded(topic.name, record.key, record.value)} if topic.internal else {}),
    }


def _as_text(name, data):
    """Text as it is; what is no text, or has characters that nobody could see, as base64."""
    if data is None:
        return {name: None}
    try:
        decoded = bytes(data).decode()
    except UnicodeDecodeError:
        decoded = "\0"
    if any(character < " " and character not in "\t\n\r" for character in decoded):
        return {f"{name}_base64": base64.b64encode(data).decode()}
    return {name: decoded}


# Writing ----------------------------------------------------------------------------------------

_writers = WeakKeyDictionary()  # of each server: partitions take turns


def write(server, asked):
    topic, writer, written = asked["topic"], _writers.setdefault(server, Writer()), []
    records = asked["records"]
    if len(records) > _MOST:
        raise UsageError(f"records: {len(records)} are more than {_MOST}")
    parsed = [_to_write(f"records[{number}]", one) for number, one in enumerate(records)]
    for number, one in enumerate(parsed):
        try:
            record = writer.produce(server, topic, *one)
        except (ValueError, LookupError, RuntimeError) as error:
            kind = UsageError if isinstance(error, ValueError) else NotThere if isinstance(error, LookupError) else Conflict
            raise kind(f"records[{number}]: {error}; the {number} before it are written") from None
        written.append({"partition": record.partition, "offset": record.offset, "timestamp": record.timestamp})
    return {"written": written}


def _to_write(what, one):
    """partition, timestamp, key, value, headers"""
    headers = tuple((header["name"], _bytes(f"{what}.headers", "value", header)) for header in one.get("headers", ()))
    return one.get("partition"), one.get("timestamp"), _bytes(what, "key", one), _bytes(what, "value", one), headers


def _bytes(what, name, one):
    encoded = one.get(f"{name}_base64")
    if encoded is None:
        given = one.get(name)
        return None if given is None else given.encode("utf-8", "surrogatepass")
    if one.get(name) is not None:
        raise UsageError(f"{what}: {name} and {name}_base64 are two ways to say it; give one")
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise UsageError(f"{what}.{name}_base64: that is no base64") from None


_TOPIC = text("its name")
_WRITTEN = thing(partition=number("where it is"), offset=number("in the partition"), timestamp=number("milliseconds since the epoch"))
_NEW = thing(
    key=or_null(text("UTF-8", default=None)),
    key_base64=text("for a key that is no text", default=""),
    value=or_null(text("UTF-8; null or left out: a tombstone", default=None)),
    value_base64=text("for a value that is no text", default=""),
    headers=many(_HEADER, "in order", default=[]),
    partition=or_null(number("as the key says, or in turns, where left out", default=None)),
    timestamp=or_null(number("milliseconds since the epoch; now where left out", default=None)),
)

ROUTES = (
    Route("GET", "/topics/{topic}/records", read, "records, in the order of their timestamps as far as their offsets allow", {
        "topic": _TOPIC,
        "partition": or_null(number("of one only", default=None)),
        "from": text("earliest, latest, an offset, -N for the newest N of each partition, or what was given as next", default="earliest"),
        "limit": number("how many at most", default=100, minimum=1, maximum=_MOST),
        "wait_ms": number("for there to be one", default=0, minimum=0, maximum=_LONGEST_WAIT_MS),
        "uncommitted": flag("also those of transactions that are open or were aborted", default=False),
    }, thing(
        records=many(_RECORD, "those that were found"),
        next=text("what to give as `from` to go on"),
        more=flag("whether there are more by now"),
    )),
    Route("POST", "/topics/{topic}/records", write, "writes records; answers when all replicas in sync have them", {
        "topic": _TOPIC,
        "records": many(_NEW, f"at most {_MOST}"),
    }, thing(written=many(_WRITTEN, "in the order in which they came"))),
)  # fmt: skip
