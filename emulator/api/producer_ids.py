"""InitProducerId for idempotent producers; transactional ids are refused until there are transactions."""

from emulator.api.registry import handles
from wire import errors
from wire.apis.transactions import InitProducerId


# Version 6 is unstable in 4.3.1: its broker advertises, and serves, up to 5.
@handles(InitProducerId, versions=(0, 5))
def init_producer_id(request, call, producer_ids):
    if request.transactional_id is not None:
        # Not a retriable error: a client must not wait for what cannot come.
        return InitProducerId.reply(error_code=errors.INVALID_REQUEST, producer_id=-1, producer_epoch=-1)
    return InitProducerId.reply(producer_id=producer_ids.next(), producer_epoch=0)
