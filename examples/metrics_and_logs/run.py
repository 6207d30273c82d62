"""Twenty services send metrics and logs; somebody rings when errors pile up, and an hour becomes one figure.

Needs `pip install confluent-kafka aiokafka`; the cluster is started here, in memory, with a clock that is advanced by hand.
"""

import asyncio
import json
from datetime import datetime, timezone

from alerts import watch
from rollup import TOPIC, Rollup
from service import Telemetry

from emulator import Emulator

BEGIN = datetime(2030, 1, 1, 12, tzinfo=timezone.utc)
HOURS, SERVICES, HOSTS = 3, [f"service-{number}" for number in range(20)], "ab"
DAY_MS, HOUR_MS = 86_400_000, 3_600_000


def main():
    with Emulator(clock="virtual", clock_start=BEGIN) as kafka:
        kafka.create_topic("metrics", 4, configs={"retention.ms": DAY_MS, "segment.ms": HOUR_MS})
        kafka.create_topic("logs", 4, configs={"retention.ms": 7 * DAY_MS, "segment.ms": HOUR_MS})
        kafka.create_topic("alerts", configs={"message.timestamp.type": "LogAppendTime"})  # by the clock of 2030
        kafka.create_topic(TOPIC, configs={"cleanup.policy": "compact"})
        asyncio.run(story(kafka))


async def story(kafka):
    watching = asyncio.create_task(watch(kafka.bootstrap))
    try:
        print("1. Twenty services on two hosts each: a metric every ten seconds, a log line every minute, for three hours")
        telemetry = [Telemetry(kafka.bootstrap, service, host) for service in SERVICES for host in HOSTS]
        for hour in range(HOURS):
            await asyncio.to_thread(work, telemetry, kafka.clock.now_ms(), failing=hour == 1)
            kafka.clock.advance(hours=1)
        print(f"   {len(kafka.records('metrics'))} metrics, {len(kafka.records('logs'))} log lines by {kafka.clock.now():%H:%M}")

        print("\n2. One of them failed for some seconds; another one does now and then, which is nothing to ring for")
        await asyncio.to_thread(kafka.assert_produced, "alerts", within=20)
        for alert in kafka.records("alerts"):
            print(f"   alert: {alert.text}")
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    print("\n3. Metrics are rolled up; half-way the roll-up is stopped, and started again")
    values = len(kafka.records("metrics"))
    taken = roll_up(kafka, values // 2)
    taken += roll_up(kafka, values - taken)
    show(hourly(kafka))

    print("\n4. Two days later")
    kafka.clock.advance(days=2)
    kafka.retention.run()
    kafka.cleaner.run()
    print(f"   {len(kafka.records('metrics'))} metrics are left, {len(kafka.records('logs'))} log lines, {len(hourly(kafka))} figures of hours")


def work(telemetry, begin, failing):
    """An hour of all of them."""
    for second in range(0, 3600, 10):
        now = begin + second * 1000
        for number, each in enumerate(telemetry):
            each.count("latency_ms", 10 + (number + second) % 7 + 20 * failing, now)
            if second % 60 == 0:
                each.log("INFO", "all is well", now)
        if second % 900 == 0:
            telemetry[14].log("ERROR", "a customer has hung up", now)
    for second in range(10 if failing else 0):
        telemetry[6].log("ERROR", "the database is away", begin + 3_540_000 + second * 1000)
    for each in telemetry:
        each.flush()


def roll_up(kafka, enough):
    rollup, taken = Rollup(kafka.bootstrap), 0
    while taken < enough:
        taken += rollup.step()
    rollup.close()
    return taken


def hourly(kafka):
    """{(service, name, hour): (count, total, highest)}, the newest of each."""
    return {tuple(json.loads(record.key)): record.json() for record in kafka.records(TOPIC)}


def show(figures):
    print(f"   {sum(count for count, _, _ in figures.values())} values became {len(figures)} figures; of service-0:")
    for (service, name, hour), (count, total, highest) in sorted(figures.items()):
        if service == "service-0":
            print(f"   {hour % 24}:00  {name} {total / count:.2f} on average, {highest} at most, of {count}")


if __name__ == "__main__":
    main()
