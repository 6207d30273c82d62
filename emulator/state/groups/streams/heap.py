"""Java's PriorityQueue and HashMap as far as their order shows: which of two equals comes first.

Source: java.util.{PriorityQueue, HashMap}.
"""


class Heap:
    """A binary heap by `key`; between equals it decides as Java's does (heapq would not)."""

    __slots__ = ("_key", "_items")

    def __init__(self, key):
        self._key = key
        self._items = []

    def __len__(self):
        return len(self._items)

    def push(self, item):
        items, key = self._items, self._key(item)
        items.append(item)
        at = len(items) - 1
        while at:
            parent = at - 1 >> 1
            if key >= self._key(items[parent]):
                break
            items[at] = items[parent]
            at = parent
        items[at] = item

    def pop(self):
        items = self._items
        top, item = items[0], items.pop()
        if not items:
            return top
        key, at = self._key(item), 0
        while at < len(items) >> 1:
            child = 2 * at + 1
            if child + 1 < len(items) and self._key(items[child]) > self._key(items[child + 1]):
                child += 1
            if key <= self._key(items[child]):
                break
            items[at] = items[child]
            at = child
        items[at] = item
        return top


def map_order(elements, hash_of, capacity=16):
    """[element] in the order of a HashMap that was made with a capacity and filled one by one."""
    elements = list(elements)
    size = 1
    while size < capacity:
        size *= 2
    while len(elements) > int(size * 0.75):
        size *= 2

    def bucket(element):
        value = hash_of(element) & 0xFFFFFFFF
        return (value ^ value >> 16) & size - 1

    return sorted(elements, key=bucket)
