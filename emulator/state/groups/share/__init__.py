"""Share groups (KIP-932) at their coordinator: who is in them, what they are assigned, where they began.

`member` one member, `group` a group and its heartbeats, `assignor` who gets which partitions, `groups` all of them,
`offsets` the offsets that administrators see and move, `records` what of this lasts.
"""
