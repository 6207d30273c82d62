"""Transactions: the coordinator that every transactional id has, and the markers that end them in partitions.

    states        what may follow what            coordinator   requests and clocks, to transitions
    transaction   one transactional id's state    store         __transaction_state, where it all is kept
    markers       COMMIT and ABORT into partitions
"""
