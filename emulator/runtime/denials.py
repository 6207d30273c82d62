"""What clients asked for and may not have, in the log (Kafka's kafka.authorizer.logger): each denial once in a while, and not too many."""

import logging

log = logging.getLogger(__name__)

_EVERY_MS = 10_000
_MOST = 100  # lines in that time: names are the clients'
_LONGEST = 249  # of a name that is shown


class Denials:
    """Of one broker; `patience`: a Clock. Who asks again and again is told of once in ten seconds."""

    def __init__(self, patience):
        self._patience = patience
        self._until = 0
        self._told = set()

    def tell(self, call, operation, resource_type, name):
        """The client of `call` may not do the operation on the resource of that name."""
        now = self._patience.now()
        if now >= self._until:
            self._until = now + _EVERY_MS
            self._told.clear()
        denied = str(call.principal)[:_LONGEST], call.client_host, operation, resource_type, name[:_LONGEST]
        if denied in self._told or len(self._told) > _MOST:
            return
        self._told.add(denied)
        if len(self._told) > _MOST:
            log.info("more is denied; at most %d lines in %d s say what", _MOST, _EVERY_MS // 1000)
        else:
            principal, host, *_, shown = denied
            log.info("denied: %r at %s may not %s the %s %r", principal, host, operation, resource_type, shown)
