"""Which addresses and names are on the public internet, and which belong to this machine or a private network.

Repositories, locks, indexes and registries all name hosts; whoever follows them must not reach the service's own network
for a stranger. This room judges what is given; it resolves no name and opens no connection.

Source: the IANA special-purpose address registries; RFC 6761, RFC 6762 and RFC 8375 on names.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from hublish.errors import NotAllowed, clip

# Named one by one rather than by `is_global`: its answers change with the patch version of Python, and it refuses the
# documentation ranges, behind which closed networks do put the whole internet.
_REFUSED = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4",
        "::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    )
)  # fmt: skip
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Whoever resolves such a name, a proxy for one, finds it in its own network.
_LOCAL_ENDINGS = (".localhost", ".local", ".internal", ".home.arpa")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def is_private_address(address: str) -> bool:
    """Tell whether an IP address belongs to this machine or a private network, also when wrapped in IPv6.

    Args:
        address: IPv4 or IPv6 text, a scope ("%eth0") allowed.
    """
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        parsed = parsed.ipv4_mapped or parsed.sixtofour or _strip_nat64(parsed)
    return any(parsed in network for network in _REFUSED if network.version == parsed.version)


def is_private_name(host: str) -> bool:
    """Tell whether a host can only be on a private network, by its name alone; for names that somebody else resolves.

    Args:
        host: name or address, an IPv6 address with or without brackets. An address in another spelling (`127.1`,
            `0x7f000001`), which some resolvers take for one, counts as private whatever it means.
    """
    address = find_address(host)
    if address is not None:
        return is_private_address(address)
    name = host.lower().rstrip(".")
    _, dot, last = name.rpartition(".")
    return not dot or name.endswith(_LOCAL_ENDINGS) or _NUMBER.fullmatch(last) is not None


def is_loopback(host: str) -> bool:
    """Tell whether a host, by its name alone, is this machine: `localhost`, names below it, 127.0.0.0/8, ::1."""
    address = find_address(host)
    if address is not None:
        return ipaddress.ip_address(address).is_loopback
    name = host.lower().rstrip(".")
    return name == "localhost" or name.endswith(".localhost")


def find_address(host: str) -> str | None:
    """Find the address that a host is written as, without brackets and scope; None for a name."""
    try:
        return str(ipaddress.ip_address(host.strip("[]").partition("%")[0]))
    except ValueError:
        return None


def verify_public(host: str, addresses: Iterable[str], *, hint: str) -> None:
    """Refuse a host any of whose addresses is private.

    Args:
        host: name, for the message.
        addresses: what it resolves to.
        hint: how the operator would allow it.

    Raises:
        NotAllowed: one is; the message names the host, not the address, which is none of a stranger's business.
    """
    if any(is_private_address(address) for address in addresses):
        raise _make_refusal(host, hint)


def verify_public_name(host: str, *, hint: str) -> None:
    """Refuse a host that can only be on a private network (see `is_private_name`). Raises as `verify_public`."""
    if is_private_name(host):
        raise _make_refusal(host, hint)


def _make_refusal(host: str, hint: str) -> NotAllowed:
    message = f"{clip(host)} has a private address, and only hosts that are listed may be on a private network"
    return NotAllowed(message, hint=hint)


def _strip_nat64(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address
