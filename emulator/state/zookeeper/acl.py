"""Access control lists: schemes world, auth, digest, ip and super. Source: ZooKeeperServer.checkACL, PrepRequestProcessor.fixupACL."""

from base64 import b64encode
from hashlib import sha1
from ipaddress import ip_address, ip_network

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
    if scheme != "ip" or "/" not in wanted:
        return wanted == value
    return ip_address(value) in ip_network(wanted, strict=False)


def fixed(acl, ids):
    """The ACL to keep, with `auth` written out; None for one that cannot be."""
    found = []
    for entry in acl or ():
        scheme, value = entry.id.scheme, entry.id.id
        if scheme == "world" and value == "anyone":
            found.append(entry)
        elif scheme == "auth":
            own = [ACL(entry.perms, Id(*pair)) for pair in ids if pair[0] not in ("ip",)]
            if not own:
                return None
            found += own
        elif scheme == "digest" and value.count(":") == 1:
            found.append(entry)
        elif scheme == "ip" and _is_network(value):
            found.append(entry)
        else:
            return None
    return [entry for n, entry in enumerate(found) if entry not in found[:n]] or None


def _is_network(text):
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True
