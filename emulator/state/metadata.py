"""What the cluster itself remembers (Kafka's metadata log, as tables): topics, configs, quotas, ACLs, producer id blocks ...

A room keeps what must outlive a restart in tables of its own and reads them when it is made:

    table = metadata.table("client_quotas")
    with metadata:                       # one change: all of it is there after a crash, or none of it
        table.put("user=alice", {"producer_byte_rate": 1024.0})

Keys are text, values are what JSON has. Where they are written to is the journal's business. A change that it
cannot keep is undone, and raises: so tables change first, and what is made of them after that.
"""


class Table:
    """A read-only mapping of text to JSON values, in the order of their first `put`, changed by `put` and `remove`."""

    def __init__(self, name, metadata):
        self._name = name
        self._metadata = metadata
        self._values = {}

    def __len__(self):
        return len(self._values)

    def __iter__(self):
        return iter(self._values)

    def __contains__(self, key):
        return key in self._values

    def __getitem__(self, key):
        return self._values[key]

    def get(self, key, default=None):
        return self._values.get(key, default)

    def items(self):
        return self._values.items()

    def put(self, key, value):
        """Set `key`; `value`, which is not None, must not be changed afterwards."""
        self._metadata.permit(self._name)
        before = self._values.get(key)
        self._values[key] = value
        self._metadata.changed(self._name, key, value, before)

    def remove(self, key):
        """Forget `key`, which need not be there."""
        if key in self._values:
            self._metadata.permit(self._name)
            before = self._values.pop(key)
            self._metadata.changed(self._name, key, None, before)

    def take(self, key, value):
        """Set or (None) forget `key` without a word to the journal."""
        if value is None:
            self._values.pop(key, None)
        else:
            self._values[key] = value


class Metadata:
    """All tables. `journal(changes)` is called after each change with its [(table name, key, value or None)].

    What it raises (KafkaError KAFKA_STORAGE_ERROR, say) comes out of the change, which then has not been.
    `offset` counts changed entries, as the end of Kafka's metadata log does. `permit(table name)` is called before a change, and
    may refuse it by what it raises; the hooks in `on_written` after one that the journal has, with the same list.
    """

    def __init__(self, journal=None):
        self.offset = 0
        self.permit = lambda table: None
        self.on_written = []
        self._journal = journal
        self._tables = {}
        self._depth = 0
        self._changes = []
        self._before = []

    def table(self, name):
        """The Table called `name`, made when first asked for."""
        found = self._tables.get(name)
        if found is None:
            found = self._tables[name] = Table(name, self)
        return found

    def __enter__(self):
        self._depth += 1

    def __exit__(self, *raised):
        self._depth -= 1
        if not self._depth:
            self._write()

    def changed(self, table, key, value, before):
        self.offset += 1
        if self._journal is not None or self.on_written:
            self._changes.append((table, key, value))
            self._before.append((table, key, before))
            if not self._depth:
                self._write()

    def _write(self):
        if self._changes:
            changes, self._changes = self._changes, []
            before, self._before = self._before, []
            try:
                if self._journal is not None:
                    self._journal(changes)
            except BaseException:
                for name, key, value in reversed(before):
                    self._tables[name].take(key, value)
                raise
            for written in self.on_written:
                written(changes)

    def copy(self):
        """Another of the same tables, without a journal: neither sees what becomes of the other."""
        other = Metadata()
        other.offset = self.offset
        for name, table in self._tables.items():
            other.table(name)._values = dict(table._values)
        return other

    def load(self, changes):
        """Take over (table name, key, value or None), oldest first, as journals were given them; none is given them again."""
        for name, key, value in changes:
            self.offset += 1
            self.table(name).take(key, value)

    def entries(self):
        """(table name, key, value) of all there is: what a journal must hold to be complete."""
        for name, table in self._tables.items():
            for key, value in table.items():
                yield name, key, value
