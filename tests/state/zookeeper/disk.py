"""dataDir/version-2 in memory: what is appended is on disk when `turn` is called."""


from emulator.state.zookeeper.database import Abandoned


class MemoryDirectory:
    def __init__(self, files=()):
        self.files = dict(files)
        self._later = []
        self._pieces = []

    def names(self):
        return list(self.files)

    def load(self, name):
        return self.files.get(name)

    def replace(self, name, octets):
        self.files[name] = bytes(octets)

    def remove(self, name):
        del self.files[name]

    def truncate(self, name, size):
        self.files[name] = self.files[name][:size]

    def append(self, name, octets, done):
        self._later.append((name, octets, done))

    def write_in_turns(self, name, pieces, done):
        self._pieces.append((name, pieces, done, []))

    def piece(self):
        """One of each file that is being written."""
        for file in list(self._pieces):
            name, pieces, done, written = file
            try:
                written.append(next(pieces))
            except (StopIteration, Abandoned) as end:
                self._pieces.remove(file)
                if isinstance(end, StopIteration):
                    self.files[name] = b"".join(written)
                done()

    def turn(self):
        while self._pieces:
            self.piece()
        self.sync()

    def sync(self):
        while self._later:
            later, self._later = self._later, []
            for name, octets, done in later:
                if octets:
                    self.files[name] += octets
                done()
