"""Groups: who is in them, what they agreed on, and the offsets that they committed.

`coordinator` is the one door to all of them. Each protocol has a folder, whose `groups` is its door (`protocol` the
base) and whose `group` is one group: `classic/`, `consumer/` (with `assignors/`, who gets which partitions), `share/`,
`streams/`; `modern` is what the groups of the last three share. `offsets/` is of all; `table` holds all groups,
`replay` reads them again, `timers` are their members' deadlines, `topics` what they know of topics.
"""
