"""Groups of the classic protocol: members rebalance together, one of them leads and assigns.

`group` is one group as a state machine, `members` its members and `sessions` their deadlines, `records` what of it
lasts, `groups` the door.
"""
