"""At least once: an idempotent producer for each partition, so that what is sent again is not there twice; marks follow once it is written."""

from emulator.apps.mirror import marks
from emulator.apps.mirror.cluster import Refusal
from wire.apis.transactions import InitProducerId

_NO_TRANSACTIONS_MS = 60_000  # is asked, and means nothing


class Producers:
    """The same as Transactions for whoever writes. `came_from`: {topic there: ids of clusters}."""

    transactional_id = None

    def __init__(self, target, group, came_from):
        self._target, self._group, self._came_from = target, group, came_from

    def admits(self, partition, connection):
        """Whether batches of it may be sent now. Raises Refusal, Lost, Unsupported."""
        if partition.producer is None:
            answer = connection.ask(InitProducerId, transactional_id=None, transaction_timeout_ms=_NO_TRANSACTIONS_MS)
            if answer.error_code:
                raise Refusal(f"{self._target.what}: no producer id", answer.error_code)
            partition.written_by((answer.producer_id, answer.producer_epoch))
        return True

    def commit(self, positions=(), partitions=()):
        """Keep marks: `positions` and how far `partitions` are. Raises Refusal, Lost."""
        found = [one.mark() for one in partitions]
        if positions or found:
            marks.commit(self._target, self._group, [*positions, *found], self._came_from)
        for one, mark in zip(partitions, found):
            one.keep(mark)

    def is_kept(self, partition):
        """Whether what was written of it is there to stay."""
        return True

    def is_free(self, partition):
        """Whether it is of no transaction."""
        return True

    def lost(self, partition, why):
        """The target knows the producer not as we do: another begins."""
        partition.again(anew=True)

    def progressed(self):
        pass
