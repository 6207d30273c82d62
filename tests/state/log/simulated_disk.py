"""A directory that loses, when it crashes, what was not synced: as much of it as chance wants, and no order is kept."""


class PowerCut(BaseException):
    """The disk does no more."""


class _Inode:
    def __init__(self):
        self.data = bytearray()
        self.synced = b""

    def after_crash(self, random):
        """Of what was written since the last sync some is there, some is zeros, some never was."""
        data, synced = bytes(self.data), self.synced
        if data == synced or random.random() < 0.3:
            return synced
        if not data.startswith(synced):
            return random.choice((synced, data))  # it was truncated
        kept = bytearray(data[: random.randint(len(synced), len(data))])
        if len(kept) > len(synced) and random.random() < 0.5:
            begin = random.randrange(len(synced), len(kept))
            kept[begin:] = bytes(len(kept) - begin)
        return bytes(kept)


class SimulatedDisk:
    """The Files of one partition. `crash(random)` gives what a start finds afterwards."""

    lasting = True
    memory = None

    def __init__(self, contents=()):
        self._names = {}
        for name, data in dict(contents).items():
            inode = self._names[name] = _Inode()
            inode.data[:] = inode.synced = data
        self._synced_names = dict(self._names)
        self._changes = []  # of names, since the directory was synced
        self.syncs = 0
        self.broken = None  # the KafkaError that every write raises
        self.fuse = None  # so many writes until the PowerCut
        self.modified_ms = 1_700_000_000_000

    def check(self):
        if self.fuse is not None:
            if not self.fuse:
                raise PowerCut
            self.fuse -= 1
        if self.broken is not None:
            raise self.broken

    def change(self, action):
        self.check()
        action(self._names)
        self._changes.append(action)

    def crash(self, random):
        names = dict(self._synced_names)
        for action in self._changes[: random.randint(0, len(self._changes))]:
            action(names)
        return SimulatedDisk({name: inode.after_crash(random) for name, inode in names.items()})

    def copy(self):
        """As after a process was killed: the kernel still has all that was written."""
        return SimulatedDisk({name: bytes(inode.data) for name, inode in self._names.items()})

    def names(self):
        return list(self._names)

    def open(self, name):
        if name not in self._names:
            inode = _Inode()
            self.change(lambda names: names.__setitem__(name, inode))
        return _File(self, name)

    def load(self, name):
        inode = self._names.get(name)
        return None if inode is None else bytes(inode.data)

    def replace(self, name, data):
        inode = _Inode()
        inode.data[:] = inode.synced = data
        self.change(lambda names: names.__setitem__(name, inode))
        self.sync()

    def remove(self, name):
        if name in self._names:
            self.change(lambda names: names.pop(name, None))

    def rename(self, old, new):
        def move(names):
            if old in names:
                names[new] = names.pop(old)

        self.change(move)

    def sync(self, name=None):
        self.check()
        self.syncs += 1
        if name is not None:
            if name in self._names:
                self._names[name].synced = bytes(self._names[name].data)
            return
        self._synced_names = dict(self._names)
        self._changes.clear()

    def lowered(self):
        pass

    def delete(self):
        self._names.clear()


class _File:
    def __init__(self, disk, name):
        self._disk = disk
        self._name = name

    @property
    def _inode(self):
        return self._disk._names[self._name]

    @property
    def size(self):
        return len(self._inode.data)

    @property
    def modified_ms(self):
        return self._disk.modified_ms

    def append(self, prefix, data):
        self._disk.check()
        inode = self._inode
        position = len(inode.data)
        inode.data += prefix + bytes(data)[len(prefix) :]
        return position

    def read(self, position, size):
        return [bytes(self._inode.data[position : position + size])]

    def view(self, position, size):
        return bytes(self._inode.data[position : position + size]), 0

    def truncate(self, size):
        self._disk.check()
        del self._inode.data[size:]

    def sync(self):
        self._disk.sync(self._name)

    def close(self):
        pass

    def rename(self, name):
        self._disk.rename(self._name, name)
        self._name = name

    def remove(self):
        self._disk.remove(self._name)
