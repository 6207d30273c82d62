import json

import pytest
from mailer import Mailer, Sent


@pytest.fixture
def work(kafka, tmp_path):
    """work(): a worker, and the list of those who got mail."""
    kafka.create_topic("mails")
    workers, out = [], []

    def start():
        workers.append(Mailer(kafka.bootstrap, lambda to, text: out.append(to), Sent(tmp_path / "sent.db")))
        workers[-1].start()
        return out

    yield start
    for worker in workers:
        worker.stop()


def ask(kafka, id, to="ann"):
    kafka.produce("mails", json.dumps({"id": id, "to": to, "text": "hello"}), key=to, headers={"reply_to": "replies"})


def test_a_mail_is_sent_and_answered(kafka, work):
    out = work()
    ask(kafka, 1)
    kafka.assert_produced("replies", key="ann", value={"id": 1, "status": "sent"}, within=10)
    assert out == ["ann"]


def test_what_comes_twice_is_sent_once(kafka, work):
    ask(kafka, 1)
    ask(kafka, 1)
    out = work()
    kafka.assert_produced("replies", value={"id": 1, "status": "was out already"}, within=10)
    assert out == ["ann"]


def test_nonsense_is_set_aside_and_the_next_one_served(kafka, work):
    kafka.produce("mails", "{", key="ann")
    ask(kafka, 2)
    out = work()
    kafka.assert_produced("mails.dead", value="{", headers={"reason": "JSONDecodeError"}, within=10)
    kafka.assert_produced("replies", value={"id": 2, "status": "sent"}, within=10)
    assert out == ["ann"]
