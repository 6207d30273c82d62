"""Names of certificates, as Java 17's X500Principal.getName() gave them for the same certificates."""

from datetime import datetime, timedelta, timezone
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import NameAttribute, NameOID, RelativeDistinguishedName
from cryptography.x509.name import _ASN1Type

from emulator.runtime.tls.names import alternative_names, is_same_subject, shown_alternatives, subject_of


def certificate(name, alternatives=()):
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return builder.not_valid_before(now).not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def one(oid, text, kind=None):
    return NameAttribute(getattr(NameOID, oid), text, kind)


@pytest.mark.parametrize("parts, name", [
    ([one("COUNTRY_NAME", "DE"), one("ORGANIZATION_NAME", 'A, "B" + C'), one("COMMON_NAME", "client"), one("EMAIL_ADDRESS", "a@b.c", _ASN1Type.IA5String)],
     r"1.2.840.113549.1.9.1=#16056140622e63,CN=client,O=A\, \"B\" \+ C,C=DE"),
    ([one("STATE_OR_PROVINCE_NAME", "CA"), one("LOCALITY_NAME", " x "), one("ORGANIZATION_NAME", "#a=b;c<d>e\\f"), one("COMMON_NAME", "münchen ü")],
     r"CN=münchen ü,O=\#a\=b\;c\<d\>e\\f,L=\ x\ ,ST=CA"),
    ([one("DOMAIN_COMPONENT", "com", _ASN1Type.IA5String), one("USER_ID", "uid7"), one("STREET_ADDRESS", "Main 1"), one("TITLE", "Dr"), one("COMMON_NAME", "  ")],
     r"CN=\ \ ,2.5.4.12=#0c024472,STREET=Main 1,UID=uid7,DC=com"),
    ([one("ORGANIZATION_NAME", "Org", _ASN1Type.BMPString), one("COMMON_NAME", "a\0b")], r"CN=a\00b,O=\00O\00r\00g"),
    ([one("ORGANIZATION_NAME", "Mün", _ASN1Type.T61String), one("COMMON_NAME", "Org", _ASN1Type.UniversalString)], "CN=#1c0c0000004f0000007200000067,O=Mün"),
    ([one("ORGANIZATION_NAME", "\r x\r"), one("COMMON_NAME", "Org", _ASN1Type.VisibleString)], "CN=#1a034f7267,O=\\\r\\ x\\\r"),
])  # fmt: skip
def test_the_last_part_comes_first(parts, name):
    assert subject_of(certificate(x509.Name(parts))) == name


def test_parts_of_several():
    name = x509.Name([RelativeDistinguishedName([one("COMMON_NAME", "b"), one("USER_ID", "a")]), RelativeDistinguishedName([one("ORGANIZATION_NAME", "o,p")])])
    assert subject_of(certificate(name)) == r"O=o\,p,CN=b+UID=a"


@pytest.mark.parametrize("text, kind, is_same", [
    ("Org", _ASN1Type.PrintableString, True), ("ORG", None, True), (" o  rg ", None, False), ("  oRg ", None, True), ("Org", _ASN1Type.T61String, True),
    ("Org", _ASN1Type.IA5String, True), ("Org", _ASN1Type.BMPString, False), ("Org", _ASN1Type.UniversalString, False), ("Other", None, False),
])  # fmt: skip
def test_who_is_the_same_to_kafka(text, kind, is_same):
    """As its brokers took a certificate for another's, or refused it."""
    first, second = (certificate(x509.Name([part, one("COMMON_NAME", "localhost")])) for part in (one("ORGANIZATION_NAME", "Org"), one("ORGANIZATION_NAME", text, kind)))
    assert is_same_subject(first, second) == is_same


def test_what_else_it_is_called():
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1")), x509.IPAddress(ip_address("fe80::1:2")), x509.UniformResourceIdentifier("spiffe://x/y")]
    found = alternative_names(certificate(x509.Name([one("COMMON_NAME", "b")]), names))
    assert found[0] == (2, b"localhost")
    assert shown_alternatives(found) == "[[2, localhost], [7, 127.0.0.1], [7, fe80:0:0:0:0:0:1:2], [6, spiffe://x/y]]"
    assert alternative_names(certificate(x509.Name([one("COMMON_NAME", "b")]))) == []
