"""Quotas: /zookeeper/quota/PATH/zookeeper_limits says how much there may be at PATH and below, .../zookeeper_stats how much there is.

The tree itself keeps the stats, whoever wrote them; no version tells of it. Limits are looked at where `enforceQuota` is set
only, and hold where they are hard. Source: Quotas, StatsTrack, DataTree, ZooKeeperServer.checkQuota of 3.8.4.
"""

ROOT = "/zookeeper/quota"
_LIMITS, _STATS = "/zookeeper_limits", "/zookeeper_stats"


class Quotas:
    """`paths` that have one. `nodes` is the tree's {path: Node}."""

    def __init__(self):
        self.paths = set()
        self._nodes = {}

    def take_over(self, nodes):
        """All of another tree: what is there is counted anew."""
        self._nodes = nodes
        self.paths = {limited for path in nodes if (limited := _limited(path, _LIMITS)) and not nodes[path].children}
        for path in self.paths:
            self._count(path)

    def created(self, path, data):
        limited = _limited(path, _LIMITS)
        if limited:
            self.paths.add(limited)
        counted = _limited(path, _STATS)
        if counted:
            self._count(counted)
        self.changed(path, len(data or b""), 1)

    def deleted(self, path, data):
        self.paths.discard(_limited(path, _LIMITS))
        self.changed(path, -len(data or b""), -1)

    def changed(self, path, size, count=0):
        """So many bytes and nodes more at `path`."""
        if not self.paths:
            return
        stats = self._nodes.get(f"{ROOT}{self._above(path)}{_STATS}")
        if stats is not None:
            values = _parsed(stats.data)
            values["count"] = values.get("count", -1) + count
            values["bytes"] = values.get("bytes", -1) + size
            stats.data = _text(values)

    def refuses(self, path, size, count):
        """Whether so many bytes and nodes more at `path` would be above a hard limit."""
        above = self._above(path)
        limits, stats = (self._nodes.get(f"{ROOT}{above}{name}") for name in (_LIMITS, _STATS))
        if not above or limits is None or stats is None:
            return False
        limits, stats = _parsed(limits.data), _parsed(stats.data)
        return any(more and 0 <= limits.get(hard, -1) < stats.get(name, -1) + more
                   for name, hard, more in (("count", "countHardLimit", count), ("bytes", "byteHardLimit", size)))

    def _above(self, path):
        """The nearest path that has a quota, "" where there is none."""
        while path and path not in self.paths:
            path = path[:path.rfind("/")]
        return path

    def _count(self, path):
        stats = self._nodes.get(f"{ROOT}{path}{_STATS}")
        if stats is None:
            return
        count = size = 0
        waiting = [path]
        while waiting:
            at = waiting.pop()
            node = self._nodes.get(at)
            if node is not None:
                count += 1
                size += len(node.data or b"")
                waiting += [f"{at}/{child}" for child in node.children]
        stats.data = _text({"count": count, "bytes": size})


def _limited(path, name):
    """Whose limits or stats `path` is; "" if nobody's."""
    return path[len(ROOT):-len(name)] if path.startswith(ROOT + "/") and path.endswith(name) else ""


def _parsed(data):
    """{name: number} of `count=1,bytes=2=;countHardLimit=3`; what is no number is left out."""
    values = {}
    for pair in (data or b"").decode(errors="replace").replace(";", ",").split(","):
        name, _, number = pair.partition("=")
        number = number.partition("=")[0]
        if number.removeprefix("-").isdigit():
            values[name] = int(number)
    return values


def _text(values):
    others = sorted(name for name in values if name not in ("count", "bytes"))
    text = f"count={values.get('count', -1)},bytes={values.get('bytes', -1)}"
    return (text + ("=" if others else "") + "".join(f";{name}={values[name]}" for name in others)).encode()
