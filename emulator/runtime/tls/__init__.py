"""TLS at a listener: `context.py` makes of its configs what handshakes go by, `socket.py` is the socket of a connection over it.

`door.py` has the handshake of a connection and who the client is by its certificate; `stores.py` reads keys and certificates, `reload.py`
says which may stand in place of others, `names.py` what certificates say.
"""
