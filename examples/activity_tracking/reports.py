"""What visitors look at and click, page by page: a consumer with aiokafka."""

import asyncio
import json
import sys
from collections import Counter

from aiokafka import AIOKafkaConsumer


class Report:
    def __init__(self):
        self.views, self.clicks, self.visitors = Counter(), Counter(), {}

    @property
    def events(self):
        return self.views.total() + self.clicks.total()

    def add(self, event):
        page = event["page"]
        (self.views if event["kind"] == "view" else self.clicks)[page] += 1
        self.visitors.setdefault(page, set()).add(event["visitor"])

    def __str__(self):
        rows = [f"{'page':10}{'views':>6}{'visitors':>10}{'clicks':>8}{'a view':>8}"]
        for page, views in sorted(self.views.items(), key=lambda item: (-item[1], item[0])):
            clicks = self.clicks[page]
            rows.append(f"{page:10}{views:6}{len(self.visitors[page]):10}{clicks:8}{clicks / views:8.2f}")
        return "\n".join(rows)


async def follow(bootstrap, group, add):
    """Hands every event of the topic to `add`, those of the past first; goes on until it is cancelled."""
    async with AIOKafkaConsumer("activity", bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest") as consumer:
        async for message in consumer:
            add(json.loads(message.value))


if __name__ == "__main__":
    report = Report()
    try:
        asyncio.run(follow(sys.argv[1], "reports", report.add))
    except KeyboardInterrupt:
        print(report)
