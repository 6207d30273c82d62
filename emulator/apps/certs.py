"""`kafka-emulator certs`: an authority for development, and certificates of it for servers and clients.

What is in the directory already is never written again: an authority that is there signs what is missing.
"""

import ipaddress
import os
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

from emulator.apps.errors import UsageError

_LONGEST_NAME = 64  # characters, in the subject of a certificate; alternative names may be longer
_NAME = re.compile(r"(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?")
_HOSTS = ("localhost", "127.0.0.1", "::1")


def make(options):
    """As the command line says; gives the exit status. Raises UsageError."""
    try:
        import cryptography  # noqa: F401
    except ImportError:
        raise UsageError("certs needs the package cryptography: pip install 'kafka-wire-emulator[security]'") from None
    if not 1 <= options.days <= 3650:
        raise UsageError(f"--days {options.days}: expected a number from 1 to 3650")
    if not options.password:
        raise UsageError("--password: expected one, as PKCS#12 files have")
    for name in options.clients:
        if not 1 <= len(name) <= _LONGEST_NAME or name.startswith(".") or any(one in name for one in "/\0"):
            raise UsageError(f"--client {name}: expected a name that can be a file's, of at most {_LONGEST_NAME} characters")
    hosts = [_host(one) for one in options.hosts or _HOSTS]
    directory = Path(options.directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        made = Certificates(directory, options.password, options.days)
        made.server(hosts)
        for name in options.clients:
            made.client(name)
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(str(error)) from None
    for line in made.said:
        print(line)
    print(_told(directory.resolve(), options.password, options.clients[0] if options.clients else None))
    return 0


def _host(text):
    """A name or an address as certificates have it; raises UsageError."""
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        pass
    try:
        name = text.encode("idna").decode()
    except UnicodeError:
        name = ""
    if not _NAME.fullmatch(name):
        raise UsageError(f"--host {text}: expected the name of a host, or an address")
    return name


class Certificates:
    """Of the directory `path`, a Path; PKCS#12 files have `password`. `said`: a line for each file. Raises OSError, ValueError."""

    def __init__(self, path, password="changeit", days=365):
        self._path = path
        self._password = password.encode()
        self._now = _now()
        self._end = self._now + timedelta(days=days)
        self.said = []
        self._key, self._certificate = self._authority()

    def server(self, hosts):
        """server.pem (key and certificates) and server.p12, for servers that clients reach by any of `hosts`."""
        common_name = next((host for host in hosts if len(host) <= _LONGEST_NAME), "server")
        self._leaf("server", common_name, hosts, for_server=True)

    def client(self, name):
        """client-NAME.pem and client-NAME.p12, whose principal is User:CN=NAME."""
        self._leaf(f"client-{name}", name, (), for_server=False)

    def _authority(self):
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.serialization import pkcs12

        key_file, file = self._path / "ca.key", self._path / "ca.pem"
        if key_file.exists() and file.exists():
            key, certificate = _authority_of(key_file, file)
            self.said.append(f"{file}: there already, and used again")
        else:
            for one in (key_file, file):
                if one.exists():
                    raise ValueError(f"{one}: there is this half of an authority and not the other; nothing was written")
            key, name = _new_key(), _name("kafka-emulator development CA")
            certificate = (
                self._builder(name, name, key, self._end)
                .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
                .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
                .sign(key, _digest())
            )
            self._write(key_file, _key_pem(key), secret=True)
            self._write(file, _pem(certificate))
        store = self._path / "truststore.p12"
        if not store.exists():
            trusted = [pkcs12.PKCS12Certificate(certificate, b"ca")]
            self._write(store, pkcs12.serialize_java_truststore(trusted, serialization.BestAvailableEncryption(self._password)))
        return key, certificate

    def _leaf(self, file_name, common_name, hosts, for_server):
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.serialization import pkcs12
        from cryptography.x509.oid import ExtendedKeyUsageOID

        files = self._path / f"{file_name}.pem", self._path / f"{file_name}.p12"
        if any(file.exists() for file in files):
            self.said.append(f"{next(file for file in files if file.exists())}: there already, and left as it is, whoever it is for")
            return
        key = _new_key()
        use = ExtendedKeyUsageOID.SERVER_AUTH if for_server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            self._builder(_name(common_name), self._certificate.subject, key, min(self._end, self._certificate.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName(list(map(_alternative, hosts))), critical=False)
        certificate = builder.sign(self._key, _digest())
        store = pkcs12.serialize_key_and_certificates(
            file_name.encode(), key, certificate, [self._certificate], serialization.BestAvailableEncryption(self._password)
        )
        self._write(files[0], _key_pem(key) + _pem(certificate) + _pem(self._certificate), secret=True)
        self._write(files[1], store, secret=True)

    def _builder(self, subject, issuer, key, end):
        from cryptography import x509

        return (
            x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(self._now - timedelta(hours=1)).not_valid_after(end)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )  # fmt: skip

    def _write(self, path, data, secret=False):
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if secret else 0o644), "wb") as file:
            file.write(data)
        self.said.append(f"{path}: written")


def _authority_of(key_file, file):
    """(key, certificate) in these files; raises ValueError."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    try:
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    except (ValueError, TypeError):
        raise ValueError(f"{key_file}: not a key in PEM, without a password") from None
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
    except ValueError:
        raise ValueError(f"{file}: not a certificate in PEM") from None
    if certificate.public_key() != key.public_key():
        raise ValueError(f"{file}: not the certificate of {key_file}")
    if certificate.not_valid_after_utc <= _now():
        raise ValueError(f"{file}: it has expired; take it away with all that it has signed")
    return key, certificate


def _now():
    return datetime.now(timezone.utc)


def _new_key():
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def _digest():
    from cryptography.hazmat.primitives import hashes

    return hashes.SHA256()


def _name(common_name):
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative(host):
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(**uses):
    from cryptography import x509

    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign",
             "encipher_only", "decipher_only")  # fmt: skip
    return x509.KeyUsage(**{**dict.fromkeys(names, False), **uses})


def _key_pem(key):
    from cryptography.hazmat.primitives import serialization

    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _pem(certificate):
    from cryptography.hazmat.primitives import serialization

    return certificate.public_bytes(serialization.Encoding.PEM)


def _told(directory, password, client):
    own = f"client-{client or 'NAME'}.pem"
    return f"""
in config.yaml:
  listeners: SSL://localhost:9093
  ssl.keystore.type: PEM
  ssl.keystore.location: {directory}/server.pem
  # and where clients are to have certificates, too:
  ssl.client.auth: required
  ssl.truststore.type: PEM
  ssl.truststore.location: {directory}/ca.pem
in a Java client's properties:
  security.protocol=SSL
  ssl.truststore.type=PEM
  ssl.truststore.location={directory}/ca.pem
  # with a certificate of its own, made with --client NAME:
  ssl.keystore.type=PEM
  ssl.keystore.location={directory}/{own}
in one of librdkafka (kcat, confluent-kafka):
  security.protocol=SSL
  ssl.ca.location={directory}/ca.pem
  ssl.certificate.location={directory}/{own}
  ssl.key.location={directory}/{own}
PKCS12 files are beside them; their password is {password}"""
