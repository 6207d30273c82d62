import json
import sqlite3

import pytest
from publisher import TABLES, TOPIC, Publisher
from replica import Replica


@pytest.fixture
def bank():
    database = sqlite3.connect(":memory:")
    database.executescript(TABLES)
    yield database
    database.close()


@pytest.fixture
def replica(kafka, tmp_path):
    """replica(): one that begins, or goes on, with what is on its disk."""
    kafka.create_topic(TOPIC, 2, configs={"cleanup.policy": "compact"})
    every = []

    def start():
        every.append(Replica(kafka.bootstrap, tmp_path / "replica.db"))
        return every[-1]

    yield start
    for each in every:
        each.close()


def accounts(database):
    return database.execute("SELECT id, owner, balance FROM accounts ORDER BY id").fetchall()


def test_changes_are_published_under_their_keys(kafka, bank):
    with bank:
        bank.execute("INSERT INTO accounts VALUES (7, 'ann', 10)")
    with bank:
        bank.execute("DELETE FROM accounts WHERE id = 7")
    assert Publisher(kafka.bootstrap, bank).publish() == 2
    made, gone = kafka.records(TOPIC)
    assert made.json() == {"owner": "ann", "balance": 10}
    assert gone.key == made.key == b'{"id": 7}' and gone.value is None


def test_what_is_rolled_back_is_not_published(kafka, bank):
    bank.execute("INSERT INTO accounts VALUES (7, 'ann', 10)")
    bank.rollback()
    assert Publisher(kafka.bootstrap, bank).publish() == 0


def test_a_replica_goes_on_where_it_was(kafka, bank, replica):
    publisher = Publisher(kafka.bootstrap, bank)
    with bank:
        bank.execute("INSERT INTO accounts VALUES (1, 'ann', 10), (2, 'bob', 20)")
    publisher.publish()
    assert replica().catch_up() == 2
    with bank:
        bank.execute("UPDATE accounts SET balance = 11 WHERE id = 1")
        bank.execute("DELETE FROM accounts WHERE id = 2")
    publisher.publish()
    again = replica()
    assert again.catch_up() == 2
    assert accounts(again.database) == accounts(bank) == [(1, "ann", 11)]


def test_half_a_step_leaves_nothing(kafka, replica):
    one = replica()
    kafka.produce(TOPIC, json.dumps({"owner": "ann", "balance": 1}), key='{"id": 1}', partition=0)
    kafka.produce(TOPIC, "nonsense", key='{"id": 2}', partition=0)
    with pytest.raises(ValueError):
        one.catch_up()
    assert accounts(one.database) == []
