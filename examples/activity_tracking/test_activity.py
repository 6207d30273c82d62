"""The consumers alone: a test writes what the site would."""

import asyncio
import json
import time

from reports import Report, follow
from search import SearchIndex


def tell(kafka, kind, visitor, page, **more):
    kafka.produce("activity", json.dumps({"kind": kind, "visitor": visitor, "page": page, **more}), key=visitor)


async def take(kafka, group, add, done):
    following = asyncio.create_task(follow(kafka.bootstrap, group, add))
    deadline = time.monotonic() + 10
    while not done() and time.monotonic() < deadline and not following.done():
        await asyncio.sleep(0.01)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


def test_views_and_clicks_are_counted(kafka):
    for visitor in ("ann", "bob", "ann"):
        tell(kafka, "view", visitor, "/cup", title="A cup")
    tell(kafka, "click", "ann", "/cup", link="buy")
    report = Report()
    asyncio.run(take(kafka, "reports", report.add, lambda: report.events == 4))
    assert (report.views["/cup"], report.clicks["/cup"], len(report.visitors["/cup"])) == (3, 1, 2)


def test_what_is_clicked_is_found_first(kafka):
    for page, title in (("/pot", "A pot of iron"), ("/pan", "A pan of iron")):
        tell(kafka, "view", "ann", page, title=title)
    tell(kafka, "click", "ann", "/pan", link="buy")
    index = SearchIndex()
    asyncio.run(take(kafka, "search", index.add, lambda: index.find("iron")[:1] == [("A pan of iron", 1)]))
    assert index.find("iron") == [("A pan of iron", 1), ("A pot of iron", 0)]
