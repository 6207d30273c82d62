"""Who wants to know of which path: of its data, and of its children; once, always, or of all below too (addWatch).

Source: DataTree, WatchManager, WatcherModeManager of 3.8.4.
"""

from wire.zookeeper.client import NODE_CHILDREN_CHANGED, NODE_CREATED, NODE_DATA_CHANGED, NODE_DELETED

PERSISTENT, RECURSIVE = 0, 1


class Table:
    """Of data or of children. A watcher has one mode at a path: the last that it asked for (None: once)."""

    def __init__(self):
        self.paths = {}  # {path: {watcher: mode}}, in the order in which they came
        self._of = {}  # {watcher: {path}}
        self._recursive = 0

    def __len__(self):
        return sum(map(len, self.paths.values()))

    @property
    def watchers(self):
        """How many have asked, and are there still."""
        return len(self._of)

    def by_watcher(self):
        """(watcher, paths) of each."""
        return self._of.items()

    def add(self, path, watcher, mode=None):
        self._forget_mode(path, watcher)
        self.paths.setdefault(path, {})[watcher] = mode
        self._of.setdefault(watcher, {})[path] = None
        self._recursive += mode == RECURSIVE

    def contains(self, path, watcher):
        """As the real server has it: whoever watches, if it is this very path."""
        return bool(self.paths.get(path))

    def remove(self, path, watcher):
        """Whether there was one."""
        if watcher not in self.paths.get(path, ()):
            return False
        self._of[watcher].pop(path, None)
        self._drop(path, watcher)
        return True

    def forget(self, watcher):
        """A connection has ended."""
        for path in self._of.pop(watcher, ()):
            self._drop(path, watcher)

    def fire(self, type_, path, acl, but=()):
        """Tell who is to be told, but those in `but`; gives who was. `acl`: of the node, for who may not read it is not told."""
        here, below = self.paths.get(path, {}), type_ != NODE_CHILDREN_CHANGED
        told = {watcher: mode for watcher, mode in here.items() if below or mode != RECURSIVE}
        if self._recursive and below:
            above = path
            while above not in ("/", ""):
                above = above[: above.rfind("/")] or "/"
                told.update((watcher, mode) for watcher, mode in self.paths.get(above, {}).items() if mode == RECURSIVE)
        for watcher in [watcher for watcher, mode in here.items() if mode is None]:
            self.remove(path, watcher)
        for watcher in told:
            if watcher not in but:
                watcher.event(type_, path, acl)
        return told

    def _forget_mode(self, path, watcher):
        self._recursive -= self.paths.get(path, {}).get(watcher) == RECURSIVE

    def _drop(self, path, watcher):
        self._forget_mode(path, watcher)
        watchers = self.paths[path]
        del watchers[watcher]
        if not watchers:
            del self.paths[path]


class Watches:
    """A watcher has `event(type, path, acl of the node)`."""

    def __init__(self):
        self.data = Table()
        self.children = Table()

    def add_always(self, path, watcher, mode):
        self.data.add(path, watcher, mode)
        self.children.add(path, watcher, mode)

    def forget(self, watcher):
        """A connection has ended."""
        self.data.forget(watcher)
        self.children.forget(watcher)

    def created(self, path, acl, parent, parent_acl):
        self.data.fire(NODE_CREATED, path, acl)
        self.children.fire(NODE_CHILDREN_CHANGED, parent, parent_acl)

    def deleted(self, path, acl, parent, parent_acl):
        told = self.data.fire(NODE_DELETED, path, acl)
        self.children.fire(NODE_DELETED, path, acl, told)
        self.children.fire(NODE_CHILDREN_CHANGED, parent, parent_acl)

    def changed(self, path, acl):
        self.data.fire(NODE_DATA_CHANGED, path, acl)
