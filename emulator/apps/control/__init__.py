"""The control API: HTTP and JSON over the Unix socket (mode 0600) that every server opens, and over a TCP port where one is configured.

routes.py names the families; each has a table of what may be asked (table.py), from which api.py answers, openapi.py describes, and
docs/control.md is written. places.py has where sockets lie and how they are found, server.py (and, once somebody
connects, http.py and guard.py) the server's end, client.py the other end.
"""
