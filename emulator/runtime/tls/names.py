"""The names in a certificate, as Java reads them: whose it is (X500Principal) and what else that is called (SubjectAltNames).

A name is read from the DER itself: which type of string a part has says how Java writes it, and whether it is that of another.
Only what OpenSSL has taken for a certificate comes here.
"""

import re
import unicodedata

# What RFC 2253 has a word for.
_WORDS = {
    "2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "STREET", "2.5.4.10": "O", "2.5.4.11": "OU",
    "0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
}  # fmt: skip
_UTF8, _PRINTABLE, _T61, _IA5, _GENERAL, _BMP = 0x0C, 0x13, 0x14, 0x16, 0x1B, 0x1E
_WRITTEN = (_UTF8, _PRINTABLE, _T61, _IA5, _GENERAL, _BMP)  # as text, all of them as if they were UTF-8
_COMPARED = (_UTF8, _PRINTABLE)
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_SUBJECT_ALT_NAME = "2.5.29.17"


def subject_of(certificate):
    """The distinguished name of a certificate, as DER, in the words of X500Principal.getName(): RFC 2253, the last part first."""
    return ",".join(_written(part) for part in reversed(_subject(certificate)))


def is_same_subject(one, other):
    """Whether two certificates are of the same, whatever the case and the blanks (SslFactory.CertificateEntries)."""
    return _compared(one) == _compared(other) or subject_of(one).lower() == subject_of(other).lower()


def shown_subject(certificate):
    """As X500Principal.toString() writes it in messages."""
    return ", ".join(_written(part) for part in reversed(_subject(certificate)))


def alternative_names(certificate):
    """[(type of GeneralName, its contents)] of a certificate, as DER."""
    for tag, contents, _ in _fields(certificate):
        if tag == _EXTENSIONS:
            [(_, extensions, _)] = _elements(contents)
            for _, extension, _ in _elements(extensions):
                (_, oid, _), *_, (_, value, _) = _elements(extension)
                if _dotted(oid) == _SUBJECT_ALT_NAME:
                    [(_, names, _)] = _elements(value)
                    return [(tag & 0x1F, name) for tag, name, _ in _elements(names)]
    return []


def shown_alternatives(names):
    """As Java writes a set of them: [[2, localhost], [7, 127.0.0.1]]."""
    return "[" + ", ".join(f"[{kind}, {_shown_alternative(kind, name)}]" for kind, name in names) + "]"


def _shown_alternative(kind, name):
    if kind == 7:
        return ".".join(map(str, name)) if len(name) == 4 else ":".join(f"{high << 8 | low:x}" for high, low in zip(name[::2], name[1::2]))
    return name.decode("ascii", "replace") if kind in (1, 2, 6) else name.hex()


def _written(part):
    return "+".join(f"{_WORDS.get(oid, oid)}={_value(oid, tag, contents, der)}" for oid, tag, contents, der in part)


def _value(oid, tag, contents, der):
    if oid not in _WORDS or tag not in _WRITTEN:
        return "#" + der.hex()
    value = re.sub(r'[,=+<>#;"\\]', r"\\\g<0>", contents.decode("utf-8", "replace")).replace("\0", "\\00")
    return re.sub(r"^[ \r]+|[ \r]+$", lambda blanks: "".join("\\" + one for one in blanks[0]), value)


def _compared(certificate):
    return [sorted(_canonical(*attribute) for attribute in part) for part in _subject(certificate)]


def _canonical(oid, tag, contents, der):
    if oid not in _WORDS or tag not in _COMPARED:
        return oid, der.hex()
    text = " ".join(contents.decode("utf-8", "replace").split())
    return oid, unicodedata.normalize("NFKD", text.upper().lower())


def _subject(certificate):
    """The parts, first to last, each a list of (oid, tag, contents, DER of the value)."""
    _serial, _algorithm, _issuer, _validity, subject = [contents for tag, contents, _ in _fields(certificate) if tag != _VERSION][:5]
    return [[_attribute(attribute) for _, attribute, _ in _elements(part)] for _, part, _ in _elements(subject)]


def _attribute(attribute):
    (_, oid, _), (tag, contents, der) = _elements(attribute)
    return _dotted(oid), tag, contents, der


def _fields(certificate):
    """Those of its TBSCertificate (RFC 5280)."""
    (_, signed, _), *_ = _elements(certificate)
    return _elements(_elements(signed)[0][1])


def _elements(data):
    """[(tag, contents, the whole of it)] of DER, one after the other."""
    found, position = [], 0
    while position < len(data):
        size, start = data[position + 1], position + 2
        if size & 0x80:
            start += size & 0x7F
            size = int.from_bytes(data[position + 2 : start], "big")
        found.append((data[position], data[start : start + size], data[position : start + size]))
        position = start + size
    return found


def _dotted(oid):
    numbers, number = [], 0
    for byte in oid:
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(number)
            number = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))
