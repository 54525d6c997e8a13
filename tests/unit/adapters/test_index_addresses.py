"""Private addresses, also in disguise."""

from __future__ import annotations

import pytest

from hublish.adapters.index.addresses import is_ip_literal, is_private_address, verify_public
from hublish.errors import NotAllowed


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1%eth0", "fd00::1", "fec0::1", "ff02::1", "::ffff:10.0.0.1",
        "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::",
    ],
)  # fmt: skip
def test_private_address_is_known(address: str) -> None:
    """Loopback, private, link-local and reserved addresses are private, also inside an IPv6 address."""
    assert is_private_address(address) is True


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "203.0.113.80", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]
)
def test_public_address_is_known(address: str) -> None:
    """What the internet routes is public."""
    assert is_private_address(address) is False


def test_one_private_address_is_enough() -> None:
    """A name with a public and a private address is refused, and the address is not told."""
    with pytest.raises(NotAllowed) as caught:
        verify_public("evil.example.com", ["8.8.8.8", "10.0.0.1"])

    assert caught.value.message == (
        "evil.example.com has a private address, and only hosts that are listed may be on a private network"
    )


@pytest.mark.parametrize(("expected", "host"), [(True, "10.0.0.1"), (True, "[::1]"), (False, "example.com")])
def test_address_is_told_from_a_name(expected: bool, host: str) -> None:
    """An address written as such needs no resolver."""
    assert is_ip_literal(host) is expected
