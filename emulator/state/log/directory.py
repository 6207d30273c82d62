"""How the segments of a log come into its directory, change places there and leave it.

At every moment a start finds either what was there before or what is to be there. Where nothing outlives the process
(`files.lasting`) most of it comes to nothing.
"""

from functools import partial

from emulator.state.log.formats import (
    CLEANED, DELETED, LEADER_EPOCHS, PARTITION_METADATA, SEGMENT_FILES, SNAPSHOT, SWAP,
    file_name, pack_leader_epochs, pack_partition_metadata, parse_name,
)  # fmt: skip
from emulator.state.log.segment import Segment
from wire.errors import KafkaError


class Directory:
    def __init__(self, files, time):
        self.files = files
        self.new_names = True  # whether there are files that the directory on disk does not know yet
        self.new_epochs = True
        self._time = time
        self._removals = {}  # segment that is no longer part of the log -> Deadline of the end of its files

    def identify(self, topic_id):
        """Write down whose partition it is, unless that is there already."""
        if topic_id is not None and self.files.load(PARTITION_METADATA) is None:
            self.files.replace(PARTITION_METADATA, pack_partition_metadata(topic_id))

    def new_segment(self, base_offset):
        self.new_names = True
        return Segment(self.files, base_offset, self._time.now())

    def new_cleaned(self, base_offset, created_ms):
        """A segment to compact into, which a start would throw away."""
        if self.files.lasting:
            for kind in SEGMENT_FILES:
                self.files.remove(file_name(base_offset, kind, CLEANED))  # of a round that came to nothing
        return Segment(self.files, base_offset, created_ms, CLEANED)

    def write_snapshot(self, offset, producers):
        """What is known of producers when the log ends at `offset`, from which it can be rebuilt."""
        file = self.files.open(file_name(offset, SNAPSHOT))
        file.truncate(0)
        file.append(b"", producers.pack())
        file.close()

    def drop_snapshots(self, end):
        """The log has been cut at `end`: what was written down of producers beyond it never was. Raises KafkaError."""
        for name in self.files.names():
            parsed = parse_name(name)
            if parsed and parsed[1] == SNAPSHOT and parsed[0] > end:
                self.files.remove(name)

    def swap_in(self, old, new, delay_ms):
        """The cleaned segment `new` takes the place of `old`: renamed in Kafka's order."""
        if not self.files.lasting:
            return
        new.rename(SWAP)
        for segment in old:
            if segment.base_offset != new.base_offset:
                self.files.remove(file_name(segment.base_offset, SNAPSHOT))
            self._retire(segment, delay_ms)
        new.rename("")

    def drop(self, segment, delay_ms):
        """Out of the way at once, gone after `delay_ms`. What the disk refuses it finds again at the next start."""
        if not self.files.lasting:
            return
        try:
            self.files.remove(file_name(segment.base_offset, SNAPSHOT))
            self._retire(segment, delay_ms)
        except KafkaError:
            pass  # who looks after the disk has been told

    def _retire(self, segment, delay_ms):
        segment.rename(DELETED)
        segment.close()
        self._removals[segment] = self._time.after(delay_ms, lambda: self._remove(segment))

    def _remove(self, segment):
        del self._removals[segment]
        try:
            segment.remove()
        except KafkaError:
            pass  # who looks after the disk has been told

    def syncs(self, segments, recovery_point, epochs):
        """Functions that bring to disk all that is not there yet; they block, and may run in another thread."""
        files, syncs = self.files, []
        for segment in reversed(segments):
            if segment.next_offset <= recovery_point and syncs:
                break
            syncs += segment.syncs(sealed=segment is not segments[-1])
            if segment.base_offset > recovery_point:
                syncs.append(partial(files.sync, file_name(segment.base_offset, SNAPSHOT)))
        if self.new_epochs:
            syncs.append(partial(files.replace, LEADER_EPOCHS, pack_leader_epochs(epochs)))
        if self.new_names:
            syncs.append(files.sync)
        self.new_epochs = self.new_names = False
        return syncs

    def close(self):
        """Whatever waits to be removed goes with the directory, or when it is opened again."""
        for removal in self._removals.values():
            removal.cancel()
        self._removals.clear()
