"""What a test puts into an Emulator and finds there without a client: topics, records, groups."""

from __future__ import annotations

from datetime import datetime, timedelta
from time import monotonic
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Callable, Mapping, Sequence, Union

from emulator.apps.embedded import groups, writing
from emulator.apps.embedded.expecting import Expected, listing
from emulator.apps.embedded.groups import Group
from emulator.apps.embedded.reading import Reading
from emulator.apps.embedded.record import Headers, Record, bytes_of, header_pairs
from emulator.apps.times import as_ms, as_seconds

if TYPE_CHECKING:
    from emulator.runtime.server import Server

Bytes = Union[bytes, str, None]
Wanted = Union[bytes, str, dict, list, Callable[[Union[bytes, None]], Any], EllipsisType, None]
WantedHeaders = Union[Headers, Callable[[Sequence[tuple[str, Union[bytes, None]]]], Any], EllipsisType]
Duration = Union[float, timedelta, str]  # seconds, or "500ms"


class Data:
    """The half of Emulator that is about data. `within` is real time, whatever clock there is: seconds, a timedelta, or text such as "500ms"."""

    if TYPE_CHECKING:
        server: Server

        def call(self, function: Callable[..., Any], *arguments: Any) -> Any: ...

    _writer: writing.Writer

    def create_topic(
        self,
        name: str,
        partitions: int | None = None,
        *,
        replication_factor: int | None = None,
        configs: Mapping[str, Any] | None = None,
    ) -> None:
        """Returns once the topic is there. What is left out is as the brokers' defaults say. Raises ValueError."""
        self.call(writing.create_topic, self.server, name, partitions, replication_factor, configs)

    def produce(
        self,
        topic: str,
        value: Bytes,
        key: Bytes = None,
        *,
        headers: Headers = (),
        partition: int | None = None,
        timestamp: int | datetime | None = None,
    ) -> Record:
        """Append a record as it will be found there; text is UTF-8, None a tombstone.

        Of partitions a key chooses as clients' default partitioner does; without one they take turns from the first on.
        `timestamp`: of the record, milliseconds or a datetime, now by the server's clock. Returns once all replicas in sync
        have it. A topic that is not there is made where auto.create.topics.enable lets clients do so.
        Raises ValueError for what the topic does not take, LookupError, RuntimeError when nobody leads.
        """
        stamp = as_ms(timestamp) if isinstance(timestamp, datetime) else timestamp
        return self.call(
            self._writer.produce, self.server, topic, partition, stamp, bytes_of(key, "key"), bytes_of(value, "value"), header_pairs(headers)
        )

    def records(self, topic: str, partition: int | None = None, *, uncommitted: bool = False) -> list[Record]:
        """All records of a topic, or of one partition, partition by partition: what a consumer with read_committed gets.

        `uncommitted`: also those of transactions that are open or were aborted. Raises LookupError.
        """
        reading = Reading(topic, not uncommitted)
        fetched = self.call(reading.fetch, self.server, 0, partition)
        known = self.server.cluster.topics.get(topic)
        if known is None:
            raise LookupError(self._no_topic(topic))
        if partition is not None and not 0 <= partition < len(known.partitions):
            raise LookupError(f"{topic} has partitions 0 to {len(known.partitions) - 1}, and no {partition}")
        return list(reading.records(fetched))

    def assert_produced(
        self,
        topic: str,
        *,
        key: Wanted = ...,
        value: Wanted = ...,
        headers: WantedHeaders = ...,
        partition: int | EllipsisType = ...,
        within: Duration = 5.0,
    ) -> Record:
        """The first record such as this, committed, that is there or comes within that time. AssertionError shows what there was.

        Text and bytes stand for themselves, None for none, a dict or list for the same as JSON; a function is given the bytes
        and decides. Of `headers` all must be there, among others. What is left out may be anything.
        """
        __tracebackhide__ = True
        expected, reading = Expected(key, value, headers, partition), Reading(topic)
        seconds = as_seconds(within, "within")
        end, left = monotonic() + seconds, seconds
        seen: list[Record] = []
        while True:
            fetched = self.call(reading.fetch, self.server, left)
            if reading.renewed:
                seen = []
            for record in reading.records(fetched):
                if expected.matches(record):
                    return record
                seen.append(record)
            left = end - monotonic()
            if left <= 0:
                break
        if not self.call(reading.exists, self.server):
            raise AssertionError(f"no record {expected} came to {topic} within {seconds:g} s: {self._no_topic(topic)}")
        there = f"there were {len(seen)}:{listing(seen)}" if seen else "there were none"
        raise AssertionError(f"no record {expected} came to {topic} within {seconds:g} s; {there}")

    def groups(self) -> list[Group]:
        """All groups, of every protocol."""
        return self.call(groups.all_groups, self.server)

    def wait_for_group(
        self, group: str, *, state: str | None = None, members: int | None = None, within: Duration = 10.0
    ) -> Group:
        """The group, once it is there, in this state ("Stable", "Empty" ...) and with so many members. AssertionError shows what there was."""
        __tracebackhide__ = True
        wanted, seconds = None if state is None else groups.state_named(state), as_seconds(within, "within")
        came, there = self.call(groups.wait_for, self.server, group, wanted, members, seconds)
        found = next((one for one in there if one.id == group), None)
        if came and found is not None:
            return found
        asked = " ".join(filter(None, [wanted, None if members is None else f"with {members} members"])) or "there"
        others = ", ".join(one.id for one in there) or "none"
        raise AssertionError(f"group {group} was not {asked} within {seconds:g} s: {found or f'there is no such group; there are: {others}'}")

    def _no_topic(self, topic):
        names = sorted(name for name, one in self.server.cluster.topics.items() if not one.internal)
        return f"there is no topic {topic}; there are: {', '.join(names) or 'none'}"
