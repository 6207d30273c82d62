"""Records out of a server's logs, as a consumer would get them.

What touches the server runs in its thread and gives batches as they are; they are taken apart in the thread that asked.
"""

from emulator.apps.embedded.record import Record
from emulator.runtime.turns import Turns
from emulator.runtime.watch import wait_until
from emulator.state.log.replica import batches_from
from wire.records import iter_batch, payload_of

_AT_ONCE = 1024 * 1024  # bytes of batches, before others have their turn


class Reading:
    """One topic from its beginning on: each `more` brings what has come since.

    `committed`: no records of transactions that are open or were aborted. `renewed` is set when what was read before is no
    longer there: the topic was deleted, say, and made again.
    """

    def __init__(self, topic, committed=True):
        self.topic = topic
        self.committed = committed
        self.renewed = False
        self._of = None  # the Topic that the positions are of
        self._positions = {}  # partition -> the next offset

    # -- in the server's thread -------------------------------------------------------------------

    def exists(self, server):
        return self.topic in server.cluster.topics

    def fetch(self, server, within_s=0, partition=None):
        """[(partition, from offset, [(BatchHeader, bytes)], {producer id: [Aborted]})], of one partition or of all.

        Waits at most `within_s` for there to be any; raises KafkaError for a log that cannot be read.
        """
        wait_until(lambda: self._has_news(server, partition), within_s)
        found = []
        topic = server.cluster.topics.get(self.topic)
        if topic is not self._of:
            self.renewed = self._of is not None
            self._of, self._positions = topic, {}
        turns = Turns()
        for one in () if topic is None else list(topic.partitions):
            if partition in (None, one.index):
                log, start = one.log, self._start(one)
                upto = self._end(log)
                batches = []
                if start < upto:
                    aborted = self._aborted(log)
                    while start < upto:
                        some, _ = batches_from(log, start, _AT_ONCE)
                        if not some:
                            break
                        batches += [(header, data) for header, data in some if header.base_offset < upto]
                        start = some[-1][0].last_offset + 1
                        turns.over()
                    found.append((one.index, self._start(one), batches, aborted))
                    self._positions[one.index] = upto
        return found

    def _has_news(self, server, partition):
        topic = server.cluster.topics.get(self.topic)
        if topic is None:
            return False
        if topic is not self._of:
            return any(self._end(one.log) > one.log.log_start_offset for one in topic.partitions)
        return any(self._start(one) < self._end(one.log) for one in topic.partitions if partition in (None, one.index))

    def _start(self, partition):
        return max(self._positions.get(partition.index, 0), partition.log.log_start_offset)

    def _end(self, log):
        return log.last_stable_offset if self.committed else log.high_watermark

    def _aborted(self, log):
        by_producer = {}
        for one in log.aborted if self.committed else ():
            by_producer.setdefault(one.producer_id, []).append(one)
        return by_producer

    # -- in any thread ----------------------------------------------------------------------------

    def records(self, fetched):
        """Each Record of what `fetch` gave."""
        for index, start, batches, aborted in fetched:
            for header, data in batches:
                if header.is_control or header.is_transactional and _was_aborted(header, aborted):
                    continue
                for record in iter_batch(header, payload_of(header, data)):
                    if record.offset >= start:
                        yield Record(
                            self.topic, index, record.offset, record.timestamp, record.key, record.value,
                            tuple((name, value) for name, value in record.headers),
                        )  # fmt: skip


def _was_aborted(header, aborted):
    return any(one.first_offset <= header.base_offset <= one.last_offset for one in aborted.get(header.producer_id, ()))
