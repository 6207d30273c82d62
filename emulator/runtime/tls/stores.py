"""Key stores and trust stores: PEM as text or file, PKCS#12 files (DefaultSslEngineFactory)."""

import os
import re
from collections import namedtuple
from ssl import PEM_cert_to_DER_cert

from emulator.runtime.tls.names import alternative_names, subject_of
from emulator.state.configs.definition import ConfigError
from emulator.state.configs.dynamic import STORES

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s+(.*?)-----END \1-----", re.S)
_JKS = b"\xfe\xed\xfe\xed"
_INVALID = "org.apache.kafka.common.errors.InvalidConfigurationException"
_ALIAS = "kafka"  # that Kafka gives to what comes from PEM


class Keys(namedtuple("Keys", "pem password entries")):
    """`pem`: a private key and the chain of its certificates, in bytes; `entries`: (alias, certificate as DER) of all that there is in the store."""

    __slots__ = ()

    def __repr__(self):
        return f"Keys of {[alias for alias, _ in self.entries]}"


class StoreError(ConfigError):
    """A store that cannot be; the text says why. `told`: all that Kafka says of it to clients, its exception's class first; `why`: what else is known."""

    def __init__(self, told, key=None, why=None):
        said = told.partition(": ")[2]
        super().__init__(": ".join(filter(None, (said, key, why))))
        self.told = told
        self.why = why or said


def said_of_stores(configs):
    """{name: value} of what a listener's configs say of its stores."""
    return {name: configs.value(name) for name in STORES}


def stamps(said):
    """Of each file when it was changed; None where there is none."""
    return [_stamp(said[f"ssl.{store}.location"]) for store in ("keystore", "truststore")]


def unreadable(said, store, why):
    """The StoreError of a keystore or truststore that cannot be read."""
    location, kind = said[f"ssl.{store}.location"], said[f"ssl.{store}.type"]
    if location is None:
        return StoreError(f"{_INVALID}: Invalid PEM {store} configs", None, why)
    key = f"ssl.{store}.location"
    if kind == "PEM":
        return StoreError(f"{_INVALID}: Failed to load PEM SSL keystore {location}", key, why)
    return StoreError(f"org.apache.kafka.common.KafkaException: Failed to load SSL keystore {location} of type {kind}", key, why)


def read_keys(said):
    """The Keys, None where there are none. Raises ConfigError."""
    kind, location, password = said["ssl.keystore.type"], said["ssl.keystore.location"], said["ssl.keystore.password"]
    key, chain = said["ssl.keystore.key"], said["ssl.keystore.certificate.chain"]
    if key is not None:
        _expect(kind == "PEM", f"SSL private key can be specified only for PEM, but key store type is {kind}.")
        _expect(chain is not None, "SSL private key is specified, but certificate chain is not specified.")
        _expect(location is None, "Both SSL key store location and separate private key are specified.")
        _expect(password is None, "SSL key store password cannot be specified with PEM format, only key password may be specified.")
        return _pem_keys(said, f"{key}\n{chain}")
    _expect(chain is None, "SSL certificate chain is specified, but private key is not specified")
    if kind == "PEM" and location is not None:
        _expect(password is None, "SSL key store password cannot be specified with PEM format, only key password may be specified")
        return _pem_keys(said, _read(said, "keystore").decode("utf-8", "replace"))
    _expect(location is not None or password is None, "SSL key store is not specified, but key store password is specified.")
    _expect(location is None or password is not None, "SSL key store is specified, but key store password is not specified.")
    return None if location is None else _pkcs12_keys(said)


def read_trusted(said):
    """Certificates as PEM, None where there is no trust store. Raises ConfigError."""
    kind, location, password = said["ssl.truststore.type"], said["ssl.truststore.location"], said["ssl.truststore.password"]
    certificates = said["ssl.truststore.certificates"]
    if certificates is not None:
        _expect(kind == "PEM", f"SSL trust store certs can be specified only for PEM, but trust store type is {kind}.")
        _expect(location is None, "Both SSL trust store location and separate trust certificates are specified.")
        _expect(password is None, "SSL trust store password cannot be specified for PEM format.")
        return _pem_certificates(said, certificates)
    if kind == "PEM" and location is not None:
        _expect(password is None, "SSL trust store password cannot be specified for PEM format.")
        return _pem_certificates(said, _read(said, "truststore").decode("utf-8", "replace"))
    _expect(location is not None or password is None, "SSL trust store is not specified, but trust store password is specified.")
    return None if location is None else _pkcs12_certificates(said)


def _expect(so, otherwise):
    if not so:
        raise StoreError(f"{_INVALID}: {otherwise}")


# -- PEM ---------------------------------------------------------------------------------------


def _pem_keys(said, text):
    keys, chain = _blocks(text, "PRIVATE KEY"), _blocks(text, "CERTIFICATE")
    password = said["ssl.key.password"]
    if len(keys) != 1:
        raise unreadable(said, "keystore", f"{len(keys)} private keys in it, and there should be one")
    if not chain:
        raise unreadable(said, "keystore", "no certificate in it")
    is_encrypted = "ENCRYPTED" in keys[0]
    if is_encrypted != (password is not None):
        raise unreadable(said, "keystore", "the key is encrypted, and there is no ssl.key.password" if is_encrypted else "the key is not encrypted, and there is an ssl.key.password")
    try:
        own = PEM_cert_to_DER_cert(chain[0])
        subject_of(own), alternative_names(own)
    except (ValueError, LookupError):
        raise unreadable(said, "keystore", "its certificate is none") from None
    return Keys("".join(keys + chain).encode(), password, [(_ALIAS, own)])


def _pem_certificates(said, text):
    found = _blocks(text, "CERTIFICATE")
    if not found:
        raise unreadable(said, "truststore", "no certificate in it")
    return "".join(found)


def _blocks(text, kind):
    """Those of this kind, each in lines as OpenSSL wants them: in a config they may have become one long one."""
    found = []
    for label, inner in _BLOCK.findall(text):
        if label.endswith(kind):
            if ":" not in inner:  # no headers, which are lines
                inner = "\n".join(re.findall(".{1,64}", "".join(inner.split()))) + "\n"
            found.append(f"-----BEGIN {label}-----\n{inner}-----END {label}-----\n")
    return found


# -- PKCS#12 -----------------------------------------------------------------------------------


def _pkcs12_keys(said):
    pkcs12, serialization = _cryptography()
    found = _open_pkcs12(pkcs12, said, "keystore")
    if found.key is None or found.cert is None:
        raise unreadable(said, "keystore", "no private key with its certificate in it")
    if said["ssl.key.password"] not in (None, said["ssl.keystore.password"]):
        raise StoreError("org.apache.kafka.common.KafkaException: java.security.UnrecoverableKeyException: Get Key failed: ssl.key.password is not ssl.keystore.password")
    others = [(one.friendly_name, one.certificate) for one in found.additional_certs]
    key = found.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    chain = _chain(found.cert.certificate, [certificate for _, certificate in others])
    # Java names what belongs to another's chain after its subject, OpenSSL not at all.
    own = [(name, one) for name, one in others if name and name.decode("utf-8", "replace") != one.subject.rfc4514_string()]
    entries = [((name or b"1").decode("utf-8", "replace").lower(), one.public_bytes(serialization.Encoding.DER)) for name, one in [(found.cert.friendly_name, chain[0]), *own]]
    return Keys(b"".join([key, *(one.public_bytes(serialization.Encoding.PEM) for one in chain)]), None, entries)


def _chain(certificate, others):
    """Each followed by its issuer, in whatever order they are."""
    chain = [certificate]
    while (issuer := next((one for one in others if one.subject == chain[-1].issuer), None)) is not None and issuer not in chain:
        chain.append(issuer)
    return chain


def _pkcs12_certificates(said):
    pkcs12, serialization = _cryptography()
    found = _open_pkcs12(pkcs12, said, "truststore")
    certificates = [one.certificate for one in (*([found.cert] if found.cert else ()), *found.additional_certs)]
    if not certificates:
        raise unreadable(said, "truststore", "no certificate in it")
    return "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in certificates)


def _open_pkcs12(pkcs12, said, store):
    """Java takes PKCS12 for JKS and the other way round; what it is the file says."""
    kind, password = said[f"ssl.{store}.type"], said[f"ssl.{store}.password"]
    if kind.upper() not in ("PKCS12", "JKS"):
        raise unreadable(said, store, f"ssl.{store}.type should be PEM, PKCS12, or JKS where the file is PKCS12")
    data = _read(said, store)
    if data.startswith(_JKS):
        raise unreadable(said, store, "Java's own format, JKS, cannot be read here; `keytool -importkeystore -srckeystore FILE -destkeystore FILE.p12 -deststoretype PKCS12` makes PKCS12 of it")
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return pkcs12.load_pkcs12(data, None if password is None else password.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise unreadable(said, store, f"not PKCS12, or ssl.{store}.password is not its password") from None


def _cryptography():
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.serialization import pkcs12
    except ImportError:
        raise ConfigError("a PKCS12 store needs the package cryptography: install kafka-wire-emulator[security]") from None
    return pkcs12, serialization


# -- files -------------------------------------------------------------------------------------


def _read(said, store):
    try:
        with open(said[f"ssl.{store}.location"], "rb") as file:
            return file.read()
    except (OSError, ValueError) as error:
        raise unreadable(said, store, getattr(error, "strerror", None) or str(error)) from None


def _stamp(path):
    try:
        found = os.stat(path) if path else None
    except (OSError, ValueError):
        return None
    return found and (found.st_mtime_ns, found.st_size, found.st_ino)
