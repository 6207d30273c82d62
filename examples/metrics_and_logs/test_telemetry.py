import asyncio
import json
import logging

from alerts import LIMIT, WINDOW_MS, Rates, watch
from rollup import HOUR_MS, TOPIC, Rollup
from service import KafkaHandler, Telemetry


def test_logging_reaches_kafka(kafka):
    telemetry = Telemetry(kafka.bootstrap, "shop", "a")
    logger = logging.getLogger("shop")
    logger.addHandler(handler := KafkaHandler(telemetry))
    logger.error("no more tea")
    logger.removeHandler(handler)
    telemetry.flush()
    kafka.assert_produced("logs", key="shop", value={"service": "shop", "host": "a", "level": "ERROR", "text": "no more tea"})


def test_it_rings_once_for_many_errors_and_not_for_few():
    rates = Rates()
    told = [rates.add("shop", number * 1000) for number in range(LIMIT + 3)]
    assert [alert is not None for alert in told] == [number == LIMIT - 1 for number in range(LIMIT + 3)]
    assert not any(rates.add("slow", number * WINDOW_MS // (LIMIT - 1)) for number in range(20))


def test_an_alert_is_produced(kafka):
    kafka.create_topic("logs")
    for number in range(LIMIT):
        kafka.produce("logs", json.dumps({"service": "shop", "level": "ERROR"}), key="shop", timestamp=1000 * number)

    async def watched():
        watching = asyncio.create_task(watch(kafka.bootstrap))
        await asyncio.to_thread(kafka.assert_produced, "alerts", key="shop", value={"service": "shop", "errors": 5, "within_ms": 4000}, within=10)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    asyncio.run(watched())


def test_a_roll_up_goes_on_where_the_last_one_was(kafka):
    kafka.create_topic("metrics")
    kafka.create_topic(TOPIC, configs={"cleanup.policy": "compact"})
    for value in (1, 5, 3):
        kafka.produce("metrics", json.dumps({"service": "shop", "name": "ms", "value": value}), key="shop", timestamp=HOUR_MS + 7)
        rollup = Rollup(kafka.bootstrap)
        while not rollup.step():
            pass
        rollup.close()
    assert kafka.records(TOPIC)[-1].key == b'["shop", "ms", 1]'
    assert kafka.records(TOPIC)[-1].json() == [3, 9, 5]
