"""How far a mirror is: one line that changes on a terminal, a plain line now and then elsewhere."""

import shutil

_EVERY_S = {True: 0.5, False: 10.0}  # by whether it is a terminal


class Progress:
    """`stream`: where to; `clock()`: seconds."""

    def __init__(self, stream, clock):
        self._stream = stream
        self._clock = clock
        self._terminal = stream.isatty()
        self._looked = clock()
        self._seen = (0, 0)
        self._shown = 0

    def __call__(self, mirror, is_last=False):
        now = self._clock()
        passed = now - self._looked
        if passed < _EVERY_S[self._terminal] and not is_last:
            return
        partitions = list(mirror.partitions.values())
        records, size = sum(one.records for one in partitions), sum(one.bytes for one in partitions)
        rate, byte_rate = ((now_ - before) / max(passed, 0.001) for now_, before in zip((records, size), self._seen))
        self._looked, self._seen = now, (records, size)
        text = (f"{len({one.topic for one in partitions})} topics, {len(partitions)} partitions: {records} records copied, "
                f"{rate:.0f}/s, {byte_rate / 1e6:.1f} MB/s, {sum(one.lag for one in partitions)} behind, {mirror.room.used / 1e6:.1f} MB queued")
        if failed := sum(bool(one.failed) for one in partitions):
            text += f", {failed} partitions FAILED"
        if self._terminal:
            text = text[: shutil.get_terminal_size().columns - 1]
            self._stream.write("\r" + text.ljust(self._shown) + ("\n" if is_last else ""))
            self._shown = len(text)
        else:
            self._stream.write(text + "\n")
        self._stream.flush()
