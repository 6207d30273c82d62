"""The two epochs that a server must not forget: they stand in `acceptedEpoch` and `currentEpoch` beside its snapshots."""

ACCEPTED = "acceptedEpoch"
CURRENT = "currentEpoch"


class DamagedEpoch(ValueError):
    """A file that holds no epoch, or epochs that no history can have; the message says which."""


class Epochs:
    """`accepted`: of the last leader whose LEADERINFO was answered; `current`: of the last whose history was taken over.

    `files` has load(name) -> bytes or None, and replace(name, bytes): all at once, and on disk when it returns.
    Where there are none both are the epoch of `last_zxid`, as after an upgrade. Source: QuorumPeer.loadDataBase.
    """

    def __init__(self, files, last_zxid=0):
        self._files = files
        epoch = last_zxid >> 32
        current, accepted = self._load(CURRENT), self._load(ACCEPTED)
        self._current = epoch if current is None else current
        self._accepted = epoch if accepted is None else accepted
        if current is None:
            self.current = epoch
        if accepted is None:
            self.accepted = max(epoch, self._current)
        if self._current < epoch <= self._accepted:
            self.current = epoch  # a leader's snapshot was taken over, all its history, and then came a crash
        if epoch > self._current:
            raise DamagedEpoch(f"the current epoch, {self._current:x}, is older than the last zxid, {last_zxid:x}")
        if self._accepted < self._current:
            raise DamagedEpoch(f"the accepted epoch, {self._accepted:x} is less than the current epoch, {self._current:x}")

    def _load(self, name):
        text = self._files.load(name)
        if text is None:
            return None
        try:
            return int(text)
        except ValueError:
            raise DamagedEpoch(f"{name} holds no number, but {bytes(text[:40])!r}") from None

    @property
    def accepted(self):
        return self._accepted

    @accepted.setter
    def accepted(self, epoch):
        self._files.replace(ACCEPTED, str(epoch).encode())
        self._accepted = epoch

    @property
    def current(self):
        return self._current

    @current.setter
    def current(self, epoch):
        self._files.replace(CURRENT, str(epoch).encode())
        self._current = epoch
