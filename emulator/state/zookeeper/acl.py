"""Access control lists: schemes world, auth, digest, ip and super. Source: ZooKeeperServer.checkACL, PrepRequestProcessor.fixupACL."""

from base64 import b64encode
from hashlib import sha1
from ipaddress import ip_address, ip_network

from wire.types import Malformed
from wire.zookeeper.client import ACL, Id


def digest_id(auth):
    """`user:password` as it stands in an ACL."""
    user = auth.split(b":", 1)[0].decode()
    return f"{user}:{b64encode(sha1(auth).digest()).decode()}"


def allowed(acl, permission, ids):
    """`ids`: ((scheme, id), ...) of who asks; an empty ACL allows all."""
    if not acl or any(scheme == "super" for scheme, _ in ids):
        return True
    for entry in acl:
        if entry.perms & permission:
            scheme, wanted = entry.id.scheme, entry.id.id
            if scheme == "world" and wanted == "anyone":
                return True
            if any(scheme == own and _matches(scheme, wanted, value) for own, value in ids):
                return True
    return False


def _matches(scheme, wanted, value):
    if scheme != "ip":
        return wanted == value
    network = _network(wanted)
    return network is not None and _is_ip4(value) and ip_address(value) in network


def fixed(acl, ids):
    """The ACL to keep, with `auth` written out; None for one that cannot be. Raises Malformed for one that says nothing."""
    found = []
    for number, entry in enumerate(acl or ()):
        if entry in acl[:number]:
            continue
        scheme, value = entry.id.scheme, entry.id.id
        if scheme is None:
            return None
        if value is None and scheme != "auth":
            raise Malformed("acl", 0, "an id is null")
        if scheme == "world" and value == "anyone":
            found.append(entry)
        elif scheme == "auth":
            own = [ACL(entry.perms, Id(*pair)) for pair in ids if pair[0] == "digest"]
            if not own:
                return None
            found += own
        elif scheme == "digest" and value.rstrip(":").count(":") == 1 or scheme == "ip" and _network(value) is not None:
            found.append(entry)
        else:
            return None
    return found or None


def _network(text):
    """Four numbers, perhaps with the bits that count; None for anything else."""
    address, slash, bits = text.partition("/")
    if not _is_ip4(address) or slash and not (bits.isascii() and bits.isdigit() and int(bits) <= 32):
        return None
    return ip_network(text, strict=False)


def _is_ip4(text):
    parts = text.split(".")
    return len(parts) == 4 and all(part.isascii() and part.isdigit() and int(part) <= 255 for part in parts)
