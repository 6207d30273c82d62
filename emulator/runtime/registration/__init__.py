"""Brokers in a ZooKeeper ensemble: `client.py` speaks to it, `registration.py` is one broker there, `registry.py` all of them."""
