"""`kafka-emulator proxy`: a listener for each broker of a cluster behind, whose clients never learn another address.

routes.py says what becomes of a request, rewriting.py where addresses are, walk.py finds those of a Fetch answer while it passes;
front.py has the listeners, server.py the whole, settings.py and command.py what the user says. Sockets are runtime/upstream/.
"""
