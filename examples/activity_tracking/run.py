"""A shop's site, its visitors, a report and a search index; Kafka is between them.

Needs Node, `npm install kafkajs` and `pip install aiokafka`; the cluster is started here, in memory.
"""

import asyncio
import json
import subprocess
import time
import urllib.request
from pathlib import Path

from reports import Report, follow
from search import SearchIndex

from emulator import Emulator

VISITS = [  # who looks at what, and clicks on what there
    ("ann", "/teapot", ["buy"]), ("ann", "/cup", []), ("bob", "/teapot", ["teapot-in-red"]), ("bob", "/kettle", []),
    ("cem", "/cup", ["buy", "buy"]), ("cem", "/teapot", []), ("dee", "/cup", ["buy"]), ("dee", "/teapot", []),
]  # fmt: skip


def main():
    with Emulator(topics=["activity:3"]) as kafka:
        site = subprocess.Popen(["node", Path(__file__).parent / "site.js", kafka.bootstrap], stdout=subprocess.PIPE, text=True)
        try:
            url = site.stdout.readline().strip()
            asyncio.run(story(kafka, url))
        finally:
            site.terminate()
            site.wait()
            site.stdout.close()


async def story(kafka, url):
    report, index = Report(), SearchIndex()
    consumers = [asyncio.create_task(follow(kafka.bootstrap, group, add)) for group, add in (("reports", report.add), ("search", index.add))]

    events = await asyncio.to_thread(browse, url, VISITS)
    await until(lambda: report.events == events and len(index.find("iron OR kettle")) == 3)
    print(f"{events} events, and the report has them all:\n")
    print(report)

    print("\nSearching for iron; what is clicked comes first:\n")
    await until(lambda: sum(clicks for _, clicks in index.find("iron")) == report.clicks.total())
    for title, clicks in index.find("iron"):
        print(f"{clicks} clicks  {title}")

    print("\nA new report, begun after the fact, reads the same past:\n")
    again = Report()
    consumers.append(asyncio.create_task(follow(kafka.bootstrap, "reports-of-visitors", again.add)))
    await until(lambda: again.events == events)
    print(f"{len(set().union(*again.visitors.values()))} visitors")

    for consumer in consumers:
        consumer.cancel()
    await asyncio.gather(*consumers, return_exceptions=True)


def browse(url, visits):
    """Does what browsers would; gives how many events there are of it."""
    events = 0
    for visitor, page, links in visits:
        cookie = {"Cookie": f"visitor={visitor}"}
        urllib.request.urlopen(urllib.request.Request(url + page, headers=cookie), timeout=10).close()
        for link in links:
            click = json.dumps({"page": page, "link": link}).encode()
            urllib.request.urlopen(urllib.request.Request(f"{url}/clicks", click, cookie), timeout=10).close()
        events += 1 + len(links)
    return events


async def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not come true within 20 s")
        await asyncio.sleep(0.01)


if __name__ == "__main__":
    main()
