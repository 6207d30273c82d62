"""Producer ids: each is given once in the life of a cluster."""

from wire.errors import COORDINATOR_LOAD_IN_PROGRESS, NOT_CONTROLLER, KafkaError

_BLOCK = 1000  # Kafka's ProducerIdsBlock.PRODUCER_ID_BLOCK_SIZE


class ProducerIds:
    """Ids from 0 on, as a new Kafka cluster gives them.

    They are taken from `metadata` in blocks; what a restart leaves of a block is never given out.
    """

    def __init__(self, metadata):
        self._table = metadata.table("producer_ids")
        self._next = self._end = 0

    @property
    def block(self):
        """(next, end) of those that are left of the block."""
        return self._next, self._end

    @block.setter
    def block(self, block):
        self._next, self._end = block

    def taken(self, producer_id):
        """This one came from elsewhere: neither it nor any below it is given out."""
        if producer_id >= self._table.get("next_block", 0):
            self._table.put("next_block", (producer_id // _BLOCK + 1) * _BLOCK)

    def next(self):
        if self._next == self._end:
            first = self._table.get("next_block", 0)
            try:
                self._table.put("next_block", first + _BLOCK)
            except KafkaError as refusal:
                if refusal.error == NOT_CONTROLLER:  # for now: whoever asks is to come again
                    raise KafkaError(COORDINATOR_LOAD_IN_PROGRESS) from None
                raise
            self._next, self._end = first, first + _BLOCK
        given = self._next
        self._next += 1
        return given
