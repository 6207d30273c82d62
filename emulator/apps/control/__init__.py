"""The control socket that every server opens: HTTP and JSON over a Unix socket of mode 0600.

places.py has where it lies and how it is found, server.py (and, once somebody
connects, http.py) the server's end, api.py what it answers, client.py the other end.
"""
