"""The sockets of a proxy: to the cluster behind it (dial.py, sasl.py, exchange.py), and from one client to it and back.

A client's connection has one of its own to a broker behind it (pair.py). What nobody has to look into goes from socket to
socket in callbacks of the event loop (flow.py; requests.py and answers.py, one direction each), without a greenlet.
"""
