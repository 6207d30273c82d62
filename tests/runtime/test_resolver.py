"""Addresses of hosts: what is an address already needs nobody's answer."""

import pytest

from emulator.runtime.resolver import Resolver


@pytest.mark.parametrize("host, address", [("10.1.2.3", "10.1.2.3"), ("::1", "::1"), ("0:0::1", "::1")])
def test_addresses_are_read(host, address):
    resolver = Resolver()
    assert resolver.resolve(host) == address
    assert resolver._pool is None


def test_names_are_looked_up():
    assert Resolver().resolve("localhost") in ("127.0.0.1", "::1")


@pytest.mark.parametrize("host", ["not a host", "x" * 300, "a..b", "\0"])
def test_what_is_no_name(host):
    assert Resolver().resolve(host) is None
