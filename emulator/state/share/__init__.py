"""Share groups at the leaders of partitions (KIP-932): who works on which record, how often it was delivered.

`batch` is what is known of consecutive records, `partition` one partition as one group sees it, `partitions` all of
them, `sessions` what a member fetches, `persister` what lasts: records of __share_group_state, of which
`shard` makes the `state` of each share-partition again.
"""
