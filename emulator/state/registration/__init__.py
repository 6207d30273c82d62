"""What brokers keep in ZooKeeper, as Kafka 3.9.1 did: the last release that could.

znodes.py has the paths and what stands there, mirror.py makes writes of the cluster's changes, restore.py the reverse:
metadata of what an earlier run has left there.
"""
