"""Producer ids: each is given once in the life of a cluster."""

from itertools import count


class ProducerIds:
    """Ids from 0 on, as a new Kafka cluster gives them."""

    def __init__(self):
        self._ids = count()

    def next(self):
        return next(self._ids)
