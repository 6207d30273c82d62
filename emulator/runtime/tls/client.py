"""TLS from a client's side: by the same ssl. configs of stores that a listener has (DefaultSslEngineFactory)."""

import ssl

from emulator.runtime.tls.context import load_keys, load_trusted
from emulator.runtime.tls.stores import read_keys, read_trusted
from emulator.state.configs.definition import ConfigError


def client_context(said, check_host):
    """An ssl.SSLContext. `said`: {name: value} of the stores; without a trust store this machine's certificates count.

    Raises ConfigError that begins with the key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = check_host
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # to Java whatever is in a trust store is trusted, an authority or not
    for store, read, load in (("keystore", read_keys, load_keys), ("truststore", read_trusted, load_trusted)):
        try:
            found = read(said)
            if found is not None:
                load(context, said, found)
        except ConfigError as error:
            named = " ".join(filter(None, (f"ssl.{store}.location", said[f"ssl.{store}.location"])))
            raise ConfigError(f"{named}: {getattr(error, 'why', error)}") from None
    if found is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    return context
