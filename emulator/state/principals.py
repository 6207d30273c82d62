"""Who a client is: what its listener has found out, an authorizer and quotas go by (KafkaPrincipal)."""

from typing import NamedTuple

USER = "User"
EVERY_USER = "User:*"  # of whom an ACL is that is for all


class Principal(NamedTuple):
    """`by_token`: it proved to be who it is with a delegation token, with which it may ask for no other (KIP-48)."""

    type: str
    name: str
    by_token: bool = False

    def __str__(self):
        return f"{self.type}:{self.name}"


ANONYMOUS = Principal(USER, "ANONYMOUS")  # everybody on a listener that asks nobody


def parse_principal(text):
    """The Principal of TYPE:NAME. Raises ValueError (SecurityUtils.parseKafkaPrincipal)."""
    kind, colon, name = (text or "").partition(":")
    if not (kind and colon and name):
        raise ValueError(f"expected a string in format principalType:principalName but got {text}")
    return Principal(kind, name)
