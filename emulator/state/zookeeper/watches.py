"""Who wants to know of which path. One-shot watches of data and of children, and persistent ones (addWatch)."""

from wire.zookeeper.client import NODE_CHILDREN_CHANGED, NODE_CREATED, NODE_DATA_CHANGED, NODE_DELETED

PERSISTENT, RECURSIVE = 0, 1


class Watches:
    """A watcher has `event(type, path)`."""

    def __init__(self):
        self.data = {}  # {path: {watcher: None}}, in the order in which they came
        self.children = {}
        self.persistent = {}
        self.recursive = {}
        self._of = {}  # {watcher: {(table, path)}}

    def add(self, table, path, watcher):
        table.setdefault(path, {})[watcher] = None
        self._of.setdefault(watcher, {})[id(table), path] = table

    def forget(self, watcher):
        """A connection has ended."""
        for (_, path), table in self._of.pop(watcher, {}).items():
            self._drop(table, path, watcher)

    def remove(self, table, path, watcher):
        """Whether there was one."""
        if watcher not in table.get(path, ()):
            return False
        self._drop(table, path, watcher)
        self._of[watcher].pop((id(table), path), None)
        return True

    @staticmethod
    def _drop(table, path, watcher):
        watchers = table.get(path)
        if watchers is not None:
            watchers.pop(watcher, None)
            if not watchers:
                del table[path]

    def _take(self, table, path):
        watchers = table.pop(path, {})
        for watcher in watchers:
            self._of[watcher].pop((id(table), path), None)
        return watchers

    def _fire(self, type_, path, *tables):
        told = {}
        for table in tables:
            told.update(self._take(table, path))
        told.update(self.persistent.get(path, {}))
        if self.recursive and type_ != NODE_CHILDREN_CHANGED:
            above = path
            while True:
                told.update(self.recursive.get(above, {}))
                if above == "/":
                    break
                above = above[:above.rfind("/")] or "/"
        for watcher in told:
            watcher.event(type_, path)

    def created(self, path, parent):
        self._fire(NODE_CREATED, path, self.data)
        self._fire(NODE_CHILDREN_CHANGED, parent, self.children)

    def deleted(self, path, parent):
        self._fire(NODE_DELETED, path, self.data, self.children)
        self._fire(NODE_CHILDREN_CHANGED, parent, self.children)

    def changed(self, path):
        self._fire(NODE_DATA_CHANGED, path, self.data)
