"""dataDir/version-2 in memory: what is appended is on disk when `turn` is called."""


class MemoryDirectory:
    def __init__(self, files=()):
        self.files = dict(files)
        self._later = []

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

    def turn(self):
        while self._later:
            later, self._later = self._later, []
            for name, octets, done in later:
                if octets:
                    self.files[name] += octets
                done()
