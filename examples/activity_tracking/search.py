"""A search index that knows what people click: the same events, of another group, into SQLite's full-text search."""

import sqlite3


class SearchIndex:
    def __init__(self, path=":memory:"):
        self._database = sqlite3.connect(path)
        self._database.executescript("""
            CREATE VIRTUAL TABLE IF NOT EXISTS texts USING fts5(page UNINDEXED, title);
            CREATE TABLE IF NOT EXISTS clicks (page PRIMARY KEY, count NOT NULL);
        """)

    def add(self, event):
        page = event["page"]
        with self._database:
            if event["kind"] == "click":
                self._database.execute("INSERT INTO clicks VALUES (?, 1) ON CONFLICT DO UPDATE SET count = count + 1", [page])
            elif not self._database.execute("SELECT 1 FROM texts WHERE page = ?", [page]).fetchone():
                self._database.execute("INSERT INTO texts VALUES (?, ?)", [page, event["title"]])

    def find(self, words):
        """Titles that have all the words; what is clicked most comes first."""
        found = self._database.execute(
            "SELECT title, coalesce(count, 0) FROM texts LEFT JOIN clicks USING (page) WHERE texts MATCH ? ORDER BY 2 DESC, rank", [words])
        return found.fetchall()
