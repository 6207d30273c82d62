"""What replication is for: a topic on three brokers, one of which dies, and dies again.

Needs `pip install confluent-kafka`; the cluster is started here, in memory.
"""

import json
import time

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from emulator import Emulator

TOPIC = "orders"
CONFIG = {"replica.selector.class": "org.apache.kafka.common.replica.RackAwareReplicaSelector"}


def main():
    with Emulator(brokers=3, racks=["a", "b", "c"], config=CONFIG, seed=4) as kafka:
        print("Three brokers, in racks a, b and c; a topic with a replica on each:")
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
        new = NewTopic(TOPIC, 1, 3, config={"min.insync.replicas": "2"})
        admin.create_topics([new])[TOPIC].result(10)
        show(admin)

        print("\n1. Producers write to the leader")
        careful = producer_of(kafka, acks="all")
        acknowledged = produce(careful, range(100))
        print(f"   {len(acknowledged)} orders, acknowledged once all three brokers had them (acks=all)")

        print("\n2. Consumers may read from a follower that is nearer")
        orders, fetches = read(kafka, 100, rack="c")
        print(f"   a consumer in rack c got {len(orders)} orders; it read from broker {max(fetches, key=fetches.get)}")

        print("\n3. The leader dies")
        killed = time.monotonic()
        leader = partition(admin).leader
        kafka.brokers[leader].kill()
        acknowledged += produce(careful, [100])
        print(f"   killed, and the next order acknowledged {(time.monotonic() - killed) * 1000:.0f} ms later, by another leader:")
        show(admin)
        kafka.brokers[leader].start()
        until(lambda: len(partition(admin).isrs) == 3)
        print("   started again, it follows, and is in sync as soon as it has what it missed:")
        show(admin)

        print("\n4. acks=1: the leader's word alone")
        print("   its followers stand still, for less than replica.lag.time.max.ms: they count as in sync")
        leader = partition(admin).leader
        followers = [broker for broker in kafka.brokers.values() if broker.id != leader]
        for broker in followers:
            broker.pause_replication()
        lost = produce(producer_of(kafka, acks="1"), range(101, 111))
        print(f"   {len(lost)} more orders, acknowledged by the leader, broker {leader}; then it dies, and one of the others leads:")
        kafka.brokers[leader].kill()
        until(lambda: partition(admin).leader not in (-1, leader))
        show(admin)
        for broker in followers:
            broker.resume_replication()
        kafka.brokers[leader].start()
        until(lambda: len(partition(admin).isrs) == 3)
        there, _ = read(kafka)
        report(acknowledged + lost, there)

        print("\n5. acks=all: no promise that cannot be kept")
        leader = partition(admin).leader
        followers = [broker for broker in kafka.brokers.values() if broker.id != leader]
        for broker in followers:
            broker.pause_replication()
        kept = produce(careful, range(111, 121), seconds=0.5)
        print(f"   the followers stand still again: of 10 orders {len(kept)} are acknowledged; then the leader, broker {leader}, dies")
        kafka.brokers[leader].kill()
        for broker in followers:
            broker.resume_replication()
        careful.flush(20)
        print(f"   the producer sends them again, to the new leader by itself: {len(kept)} are acknowledged")
        there, _ = read(kafka)
        report(acknowledged + kept, there)


def producer_of(kafka, acks):
    return Producer({"bootstrap.servers": kafka.bootstrap, "acks": acks, "enable.idempotence": acks == "all", "log_level": 0})


def produce(producer, numbers, seconds=10):
    """The orders among `numbers` that are acknowledged so far, `seconds` later at the latest; more may come into the list."""
    acknowledged = []
    for number in numbers:
        producer.produce(TOPIC, str(number), callback=lambda error, message: acknowledged.append(int(message.value())) if not error else None)
    producer.flush(seconds)
    return acknowledged


def read(kafka, count=None, rack=""):
    """(`count` orders from the first on, or all that there are; {broker id: how many fetches it was sent})."""
    fetches = {}

    def counted(text):
        for broker in json.loads(text)["brokers"].values():
            if broker["nodeid"] > 0:
                fetches[broker["nodeid"]] = broker["req"]["Fetch"]

    consumer = Consumer({
        "bootstrap.servers": kafka.bootstrap, "group.id": "readers", "client.rack": rack, "log_level": 0, "fetch.wait.max.ms": 50,
        "statistics.interval.ms": 50, "stats_cb": counted,
    })  # fmt: skip
    consumer.assign([TopicPartition(TOPIC, 0, 0)])
    if count is None:
        _, count = consumer.get_watermark_offsets(TopicPartition(TOPIC, 0), timeout=10)
    orders = []
    until(lambda: orders.extend(consumer.consume(1000, 0.1)) or len(orders) >= count and fetches)
    # A few more fetches, so that they show where it has settled.
    until(lambda: consumer.consume(1, 0.1) or sum(fetches.values()) >= 10)
    consumer.close()
    return [int(order.value()) for order in orders], fetches


def partition(admin):
    return admin.list_topics(TOPIC, timeout=10).topics[TOPIC].partitions[0]


def show(admin):
    found = partition(admin)
    print(f"   leader {found.leader}, replicas {found.replicas}, in sync {sorted(found.isrs)}")


def report(promised, there):
    missing, twice = sorted(set(promised) - set(there)), len(there) - len(set(there))
    gone = f"{len(missing)} are gone: {missing[0]} to {missing[-1]}" if missing else "each is there"
    print(f"   of {len(promised)} orders that were acknowledged {gone}{', some twice' if twice else ', none twice'}")


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not come true within 20 s")
        time.sleep(0.01)


if __name__ == "__main__":
    main()
