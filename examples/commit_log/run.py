"""A database's changes in a compacted topic, and replicas that are made of it.

Needs `pip install confluent-kafka kafka-python`; the cluster is started here, in memory, with a clock that is advanced by hand.
"""

import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from publisher import TABLES, TOPIC, Publisher
from replica import Replica

from emulator import Emulator

HOUR = 3_600_000
CONFIGS = {"cleanup.policy": "compact", "segment.ms": HOUR, "message.timestamp.type": "LogAppendTime", "min.cleanable.dirty.ratio": 0.01}
TOUCHED = 20


def main():
    with tempfile.TemporaryDirectory() as folder, Emulator(clock="virtual") as kafka:
        kafka.create_topic(TOPIC, 2, configs=CONFIGS)
        bank = sqlite3.connect(":memory:")
        bank.executescript(TABLES)
        story(kafka, bank, Path(folder))
        bank.close()


def story(kafka, bank, folder):
    publisher, chance = Publisher(kafka.bootstrap, bank), random.Random(1)

    print("1. A bank of 100 accounts")
    with bank:
        bank.executemany("INSERT INTO accounts VALUES (?, ?, ?)", [(number, f"customer {number}", 1000) for number in range(100)])
    print(f"   {publisher.publish()} changes are published")
    replica = Replica(kafka.bootstrap, folder / "replica.db")
    print(f"   a replica applies {replica.catch_up()}, and {compared(bank, replica)}")
    replica.close()

    print("\n2. Thousands of payments; the replica is killed (kill -9) while it follows")
    following = subprocess.Popen([sys.executable, Path(__file__).parent / "replica.py", kafka.bootstrap, folder / "replica.db"])
    published = 0
    while published < 10_000:
        published += pay(bank, chance, 1000, publisher)
    until(lambda: position(folder) > 1000)
    following.kill()
    following.wait()
    replica = Replica(kafka.bootstrap, folder / "replica.db")
    left = replica.catch_up()
    print(f"   {published} changes were published; started again, the replica goes on where it was: {replica.begun_at + left} in all")
    print(f"   none twice and none left out: it {compared(bank, replica)}")

    print("\n3. Half of the accounts are closed, and the topic is compacted")
    with bank:
        bank.execute("DELETE FROM accounts WHERE id % 2")
    publisher.publish()
    replica.catch_up()
    before = len(kafka.records(TOPIC))
    later(kafka, bank, publisher, hours=2)
    print(f"   of {before} records {len(kafka.records(TOPIC))} are left: the last one of each account, or that it is closed, and {TOUCHED} of today")
    later(kafka, bank, publisher, days=2)
    print(f"   after delete.retention.ms it need not be said any more that some are closed: {len(kafka.records(TOPIC))}")

    print("\n4. The replica's disk is lost")
    replica.catch_up()
    replica.close()
    replica = Replica(kafka.bootstrap, folder / "another.db")
    print(f"   a new one is made of {replica.catch_up()} records, and {compared(bank, replica)}")
    replica.close()


def pay(bank, chance, payments, publisher):
    """Each from one account to another, in one transaction; gives how many changes were published."""
    for _ in range(payments):
        giver, taker = chance.sample(range(100), 2)
        with bank:
            bank.execute("UPDATE accounts SET balance = balance - 1 WHERE id = ?", [giver])
            bank.execute("UPDATE accounts SET balance = balance + 1 WHERE id = ?", [taker])
    return publisher.publish()


def later(kafka, bank, publisher, **time):
    """Some accounts change then, for the newest segment is never compacted."""
    kafka.clock.advance(**time)
    with bank:
        bank.execute("UPDATE accounts SET balance = balance WHERE id < ?", [2 * TOUCHED])
    publisher.publish()
    kafka.cleaner.run()


def compared(bank, replica):
    query = "SELECT count(*), total(balance) FROM accounts"
    same = bank.execute("SELECT * FROM accounts ORDER BY id").fetchall() == replica.database.execute("SELECT * FROM accounts ORDER BY id").fetchall()
    count, money = replica.database.execute(query).fetchone()
    return f"has {count} accounts with {money:.0f} in all, {'the same as the bank' if same else 'OTHERS THAN THE BANK'}"


def position(folder):
    replica = sqlite3.connect(folder / "replica.db")
    [[applied]] = replica.execute("SELECT total(next_offset) FROM positions")
    replica.close()
    return applied


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not come true within 20 s")
        time.sleep(0.01)


if __name__ == "__main__":
    main()
