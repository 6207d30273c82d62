"""The states of a transactional id, and the tables of what may follow and what EndTxn is answered.

Source: org.apache.kafka.coordinator.transaction.TransactionState, kafka.coordinator.transaction.TransactionCoordinator
of 4.3.1. Kafka's PrepareEpochFence lasts no time here: to fence a producer and to abort its transaction is one step.
"""

from wire import errors

EMPTY, ONGOING = "Empty", "Ongoing"
PREPARE_COMMIT, PREPARE_ABORT = "PrepareCommit", "PrepareAbort"
COMPLETE_COMMIT, COMPLETE_ABORT = "CompleteCommit", "CompleteAbort"
DEAD, PREPARE_EPOCH_FENCE = "Dead", "PrepareEpochFence"

# As a record of __transaction_state numbers them.
BY_ID = (EMPTY, ONGOING, PREPARE_COMMIT, PREPARE_ABORT, COMPLETE_COMMIT, COMPLETE_ABORT, DEAD, PREPARE_EPOCH_FENCE)
IDS = {state: number for number, state in enumerate(BY_ID)}

NEXT = {
    EMPTY: {EMPTY, ONGOING, PREPARE_ABORT, DEAD},
    ONGOING: {ONGOING, PREPARE_COMMIT, PREPARE_ABORT},
    PREPARE_COMMIT: {COMPLETE_COMMIT},
    PREPARE_ABORT: {COMPLETE_ABORT},
    COMPLETE_COMMIT: {EMPTY, ONGOING, PREPARE_ABORT, DEAD},
    COMPLETE_ABORT: {EMPTY, ONGOING, PREPARE_ABORT, DEAD},
    DEAD: set(),
}
ENDING = {PREPARE_COMMIT: COMPLETE_COMMIT, PREPARE_ABORT: COMPLETE_ABORT}
RESTING = (EMPTY, COMPLETE_COMMIT, COMPLETE_ABORT)  # may expire

# What EndTxn does, by the state it finds: an error code is the answer (NONE: it had been done before), a state the
# next one. Version 1 of transactions knows no more than that:
_COMMIT = {
    ONGOING: PREPARE_COMMIT,
    PREPARE_COMMIT: errors.CONCURRENT_TRANSACTIONS,
    COMPLETE_COMMIT: errors.NONE,
}
_ABORT = {
    ONGOING: PREPARE_ABORT,
    PREPARE_ABORT: errors.CONCURRENT_TRANSACTIONS,
    COMPLETE_ABORT: errors.NONE,
}
END_V1 = {True: _COMMIT, False: _ABORT}
# Version 2 (KIP-890) tells by the epoch whether the request comes again; and it may abort what has no partition yet.
END_V2_AGAIN = {True: _COMMIT, False: _ABORT}
END_V2 = {
    True: {**_COMMIT, COMPLETE_COMMIT: errors.INVALID_TXN_STATE},
    False: {**_ABORT, EMPTY: PREPARE_ABORT, COMPLETE_COMMIT: PREPARE_ABORT, COMPLETE_ABORT: PREPARE_ABORT},
}
