"""Streams groups (KIP-1071): members bring a topology, the coordinator assigns its tasks.

`topology` says how many tasks there are and which internal topics are missing, `assignor` who gets which task,
`reconcile` a member's next step; `state` is what a group is and `records` how that is kept; `group` what heartbeats
do to it; `groups` is the door.
"""
