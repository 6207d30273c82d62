"""What the handshakes of a listener go by, from its `ssl.` configs (SslEngineFactory, DefaultSslEngineFactory)."""

import re
import ssl
import tempfile

from emulator.runtime.tls.stores import unreadable
from emulator.state.configs.definition import ConfigError

_AUTH = {"none": ssl.CERT_NONE, "requested": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}
_VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1, "TLSv1.1": ssl.TLSVersion.TLSv1_1, "TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}  # fmt: skip
_HOLES = {"TLSv1.1": ssl.OP_NO_TLSv1_1, "TLSv1.2": ssl.OP_NO_TLSv1_2}
_SUITES_OF_1_3 = {"TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"}
# What Java knows by these names: which of it is taken makes no difference to a client.
_JAVAS_OWN = {
    "ssl.protocol": ("TLS", "SSL", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"),
    "ssl.provider": ("SunJSSE",),
    "ssl.keymanager.algorithm": ("SunX509", "NewSunX509", "PKIX"),
    "ssl.trustmanager.algorithm": ("PKIX", "SunPKIX", "SunX509", "X509"),
    "ssl.secure.random.implementation": ("DRBG", "SHA1PRNG", "NativePRNG", "NativePRNGBlocking", "NativePRNGNonBlocking"),
}


def make_context(configs, stores, client_auth):
    """The ssl.SSLContext of a listener's ListenerConfigs and Stores; `client_auth`: none, requested or required. Raises ConfigError."""
    if stores.keys is None:
        raise ConfigError("No configuration ssl.keystore.location: a server needs a key and a certificate (`kafka-emulator certs` makes some)")
    context = _bare_context(configs)
    load_keys(context, stores.said, stores.keys)
    if stores.trusted is not None:
        load_trusted(context, stores.said, stores.trusted)
    elif client_auth != "none":
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
    context.verify_mode = _AUTH[client_auth]
    return context


def check_configs(configs):
    """Raise ConfigError where no context can be made of what ListenerConfigs say beside the stores."""
    _bare_context(configs)


def _bare_context(configs):
    for name, known in _JAVAS_OWN.items():
        value = configs.value(name)
        if value is not None and value.lower() not in map(str.lower, known):
            raise ConfigError(f"Invalid value {value} for configuration {name}: expected {' or '.join(known)}; no other can be loaded here")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # to Java whatever is in a trust store is trusted, an authority or not
    _choose_versions(context, configs)
    return context


def _choose_versions(context, configs):
    names = configs.value("ssl.enabled.protocols") or ("TLSv1.2", "TLSv1.3")  # Java's own
    suites = configs.value("ssl.cipher.suites")
    for name in names:
        if name not in _VERSIONS:
            raise ConfigError(f"Invalid value {name} for configuration ssl.enabled.protocols: expected some of {', '.join(_VERSIONS)}")
    if suites:
        of_1_3 = _SUITES_OF_1_3 & set(suites)
        if of_1_3 and of_1_3 != _SUITES_OF_1_3 and "TLSv1.3" in names:
            raise ConfigError(
                f"Invalid value {','.join(suites)} for configuration ssl.cipher.suites: of TLS 1.3 all suites can be had or none:"
                f" {', '.join(sorted(_SUITES_OF_1_3))}"
            )
        if not of_1_3:
            names = [name for name in names if name != "TLSv1.3"]
        if older := [suite for suite in suites if suite not in _SUITES_OF_1_3]:
            _choose_suites(context, older)
        else:
            names = [name for name in names if name == "TLSv1.3"]
    chosen = [name for name in _VERSIONS if name in names]
    if not chosen:
        raise ConfigError(f"Invalid value {','.join(suites)} for configuration ssl.cipher.suites: none of them is of ssl.enabled.protocols")
    context.minimum_version, context.maximum_version = _VERSIONS[chosen[0]], _VERSIONS[chosen[-1]]
    for name, hole in _HOLES.items():
        if name not in chosen and chosen[0] < name < chosen[-1]:
            context.options |= hole


def _choose_suites(context, suites):
    known = {one["name"] for one in _all_suites()}
    for suite in suites:
        if openssl_name(suite) not in known:
            raise ConfigError(f"Invalid value {suite} for configuration ssl.cipher.suites: there is no such suite here")
    context.set_ciphers(":".join(map(openssl_name, suites)))


def _all_suites():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    return context.get_ciphers()


def openssl_name(suite):
    """What OpenSSL calls TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: ECDHE-RSA-AES256-GCM-SHA384."""
    keys, found, cipher = re.sub("^(TLS|SSL)_", "", suite).partition("_WITH_")
    if not found:
        return suite
    cipher = re.sub(r"AES_(\d+)_", r"AES\1_", cipher)
    cipher = cipher.replace("_CBC_", "_").replace("CHACHA20_POLY1305_SHA256", "CHACHA20_POLY1305")
    keys = "" if keys == "RSA" else keys.replace("_", "-") + "-"
    return keys + cipher.replace("_", "-")


def load_keys(context, said, keys):
    """`said` is what the configs say of the stores, `keys` the Keys that were read. Raises StoreError."""
    # OpenSSL reads them from a file only: one that nobody else may read, and that is gone at once.
    with tempfile.NamedTemporaryFile() as file:
        file.write(keys.pem)
        file.flush()
        try:
            context.load_cert_chain(file.name, password=lambda: keys.password or "")
        except ssl.SSLError as error:
            why = "the key does not go with the certificate" if error.reason == "KEY_VALUES_MISMATCH" else f"OpenSSL cannot read it ({error.reason or 'a wrong password?'})"
            raise unreadable(said, "keystore", why) from None


def load_trusted(context, said, trusted):
    """`trusted`: certificates as PEM. Raises StoreError."""
    try:
        context.load_verify_locations(cadata=trusted)
    except ssl.SSLError as error:
        raise unreadable(said, "truststore", f"OpenSSL cannot read it ({error.reason})") from None
