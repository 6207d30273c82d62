"""An authority, a server's certificate and a client's, as `kafka-emulator certs` makes them; made once for all tests of a process."""

import ssl
import tempfile
from functools import cache
from pathlib import Path

from emulator.apps.certs import Certificates


@cache
def _directory():
    return tempfile.TemporaryDirectory(prefix="certificates-")


def certificates(name="a"):
    """The directory of an authority called so."""
    return _made(name)


@cache
def _made(name):
    path = Path(_directory().name, name)
    path.mkdir()
    made = Certificates(path)
    made.server(["127.0.0.1", "localhost"])
    made.client("alice")
    return path


def server_configs(name="a", **more):
    """Configs of a broker with its certificate, by Kafka's names."""
    path = certificates(name)
    return {"ssl.keystore.type": "PEM", "ssl.keystore.location": str(path / "server.pem"), "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(path / "ca.pem"), **{key.replace("_", "."): value for key, value in more.items()}}  # fmt: skip


def client_context(name="a", client=None):
    """The ssl.SSLContext of a client that trusts the authority, with the certificate of `client`."""
    context = ssl.create_default_context(cafile=certificates(name) / "ca.pem")
    if client is not None:
        context.load_cert_chain(certificates(name) / f"client-{client}.pem")
    return context
