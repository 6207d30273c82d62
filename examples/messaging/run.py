"""A shop has mails sent by workers: nobody waits for anybody, and nothing is lost when a worker dies.

Needs `pip install confluent-kafka kafka-python`; the cluster is started here, in memory.
"""

import multiprocessing
import os
import signal
import tempfile
from pathlib import Path

from mailer import Mailer, Sent
from shop import Shop

from emulator import Emulator

SESSION_MS = 1000  # who has died is missed soon
CONFIG = {"group.min.session.timeout.ms": SESSION_MS}


def main():
    with tempfile.TemporaryDirectory() as folder, Emulator(topics=["mails:4", "mails.replies", "mails.dead"], config=CONFIG) as kafka:
        story(kafka, Path(folder) / "sent.db", Path(folder) / "spool")


def story(kafka, database, spool):
    spool.touch()

    def hire():
        worker = Mailer(kafka.bootstrap, Post(spool), Sent(database), SESSION_MS)
        worker.start()
        return worker

    shop = Shop(kafka.bootstrap)
    print("1. The shop asks for six mails; no worker is up")
    for number, to in enumerate(["ann", "bob", "cem", "dee", "eve", "fay"], 1):
        shop.ask(mail(number, to), to)
    print(f"   {len(kafka.records('mails'))} requests wait, {len(out(spool))} mails are out")

    print("\n2. Two workers come, and share them")
    workers = [hire(), hire()]
    group = kafka.wait_for_group("mailers", state="Stable", members=2)
    print(f"   {len(group.members)} members of the group, for 4 partitions")
    print(f"   replies: {shop.replies(6)}")
    print(f"   mails are out to {', '.join(sorted(out(spool)))}")

    print("\n3. A request that makes no sense does not hold up the others")
    shop.ask({"id": 0}, "gus")
    shop.ask(mail(7, "gus"), "gus")
    print(f"   replies: {shop.replies(1)}")
    dead = kafka.assert_produced("mails.dead", key="gus")
    print(f"   mails.dead has {dead.text}, because of {dict(dead.headers)['reason'].decode()}")

    print("\n4. A worker dies (kill -9) when a mail is out and nobody has heard of it yet")
    for worker in workers:
        worker.stop()
    dying = multiprocessing.get_context("spawn").Process(target=work_and_die, args=(kafka.bootstrap, spool, database))
    dying.start()
    shop.ask(mail(8, "hal"), "hal")
    dying.join()
    print(f"   {out(spool).count('hal')} mail to hal is out; its offset is not committed, and there is no reply")
    worker = hire()
    print(f"   another worker gets it again, and looks before it sends: {shop.replies(1)}")
    print(f"   {out(spool).count('hal')} mail to hal is out")
    worker.stop()
    shop.close()


def mail(number, to):
    return {"id": number, "to": to, "text": f"Order {number} is on its way"}


class Post:
    """Where mails go: a file."""

    def __init__(self, spool):
        self._spool = spool

    def __call__(self, to, text):
        with self._spool.open("a") as file:
            file.write(f"{to}: {text}\n")


def out(spool):
    """To whom mails are out, in order."""
    return [line.split(":")[0] for line in spool.read_text().splitlines()]


def work_and_die(bootstrap, spool, database):
    class Fatal(Sent):
        def add(self, id):
            super().add(id)
            os.kill(os.getpid(), signal.SIGKILL)

    Mailer(bootstrap, Post(spool), Fatal(database), SESSION_MS).run()


if __name__ == "__main__":
    main()
