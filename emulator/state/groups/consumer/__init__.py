"""Consumer groups (KIP-848): the coordinator assigns, members follow.

`state` is what a group is and `records` how that is kept; `group` what heartbeats do to it, `reconcile` a member's next
step and `regex` subscriptions by expression; `classic_members` and `convert` the way from and to the classic protocol;
`groups` is the door.
"""
