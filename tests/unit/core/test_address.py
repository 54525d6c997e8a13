"""Private addresses and names, also in disguise."""

from __future__ import annotations

import pytest

from hublish.core.address import (
    find_address,
    is_loopback,
    is_private_address,
    is_private_name,
    verify_public,
    verify_public_name,
)
from hublish.errors import NotAllowed

REFUSAL = "{} has a private address, and only hosts that are listed may be on a private network"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "224.0.0.251", "255.255.255.255", "::1", "::", "::7f00:1", "fe80::1%eth0", "fd00::1", "fc00::1",
        "fec0::1", "ff02::1", "2001::1", "64:ff9b:1::a00:1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
    ],
)  # fmt: skip
def test_private_address_is_known(address: str) -> None:
    """Loopback, private, link-local and reserved addresses are private, also inside an IPv6 address."""
    assert is_private_address(address) is True


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "203.0.113.80", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]
)
def test_public_address_is_known(address: str) -> None:
    """What the internet routes is public, and IPv4 inside IPv6 is judged as the IPv4 it is."""
    assert is_private_address(address) is False


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.1", "[::1]", "localhost", "a.localhost", "registry", "metadata.google.internal", "printer.local.",
        "router.home.arpa", "127.1", "2130706433", "0x7f000001", "1.2.3.0x4", "",
    ],
)  # fmt: skip
def test_name_that_only_a_private_network_knows_is_private(host: str) -> None:
    """Single labels, endings that are nobody's on the internet, and addresses in spellings that resolvers take."""
    assert is_private_name(host) is True
    with pytest.raises(NotAllowed) as caught:
        verify_public_name(host, hint="List it.")

    assert (caught.value.message, caught.value.hint) == (REFUSAL.format(host), "List it.")


@pytest.mark.parametrize("host", ["registry.example.org", "8.8.8.8", "[2606:4700::1111]", "0xcafe.example.org"])
def test_name_that_the_internet_may_know_is_not_private(host: str) -> None:
    """Whoever resolves it decides where it is."""
    verify_public_name(host, hint="")

    assert is_private_name(host) is False


@pytest.mark.parametrize(
    ("expected", "host"),
    [
        (True, "127.0.0.1"), (True, "127.8.8.8"), (True, "[::1]"), (True, "LOCALHOST."), (True, "a.localhost"),
        (False, "10.0.0.1"), (False, "localhost.example.org"),
    ],
)  # fmt: skip
def test_this_machine_is_known(expected: bool, host: str) -> None:
    """By its addresses and by its name."""
    assert is_loopback(host) is expected


def test_one_private_address_is_enough() -> None:
    """A name with a public and a private address is refused, and the address is not told."""
    verify_public("good.example.com", ["8.8.8.8"], hint="")
    with pytest.raises(NotAllowed) as caught:
        verify_public("evil.example.com", ["8.8.8.8", "10.0.0.1"], hint="List it.")

    assert (caught.value.message, caught.value.hint) == (REFUSAL.format("evil.example.com"), "List it.")


@pytest.mark.parametrize(
    ("expected", "host"),
    [("10.0.0.1", "10.0.0.1"), ("::1", "[::1]"), ("fe80::1", "fe80::1%eth0"), (None, "example.com")],
)
def test_address_is_told_from_a_name(expected: str | None, host: str) -> None:
    """An address written as such needs no resolver."""
    assert find_address(host) == expected
