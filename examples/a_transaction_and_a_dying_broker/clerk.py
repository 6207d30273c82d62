"""Books transfers of money: a debit and a credit each, both or neither, and each once. Uses confluent-kafka."""

import json

from confluent_kafka import KafkaException, Producer


class Clerk:
    def __init__(self, bootstrap, name="clerk-1"):
        self._producer = Producer({
            "bootstrap.servers": bootstrap, "transactional.id": name, "transaction.timeout.ms": 10_000, "log_level": 0,
        })  # fmt: skip
        self._producer.init_transactions(30)

    def book(self, transfers):
        """Returns once all of them are booked, in one transaction; begins again as often as it must. KafkaException: none of them is."""
        while not self._booked(transfers):
            pass

    def _booked(self, transfers):
        self._producer.begin_transaction()
        try:
            for transfer in transfers:
                self._write(transfer)
            again(self._producer.commit_transaction, 10)
            return True
        except KafkaException as error:
            if not error.args[0].txn_requires_abort():
                raise
            again(self._producer.abort_transaction, 10)
            return False

    def _write(self, transfer):
        number, giver, taker, amount = transfer
        self._producer.produce("debits", json.dumps({"transfer": number, "amount": amount}), giver)
        self._producer.produce("credits", json.dumps({"transfer": number, "amount": amount}), taker)


def again(call, *arguments, times=5):
    """What the client says may be called again, is."""
    for attempt in range(times):
        try:
            return call(*arguments)
        except KafkaException as error:
            if not error.args[0].retriable() or attempt == times - 1:
                raise
