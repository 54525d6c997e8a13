"""Connections that refuse private addresses: a lock's author may name any host, but not reach the service's own network.

The address is checked before connecting, so that nothing can be probed, and again on the connected socket, so that a name
that answers differently the second time (DNS rebinding) gains nothing: no byte is sent before the second check.
"""

from __future__ import annotations

import ipaddress
import socket

from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import NameResolutionError

from hublish.errors import NotAllowed, clip

# Named one by one rather than by `is_global`: that also refuses the documentation ranges, which closed networks do route.
_REFUSED = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4",
        "::/127", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    )
)  # fmt: skip
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_private_address(address: str) -> bool:
    """Tell whether an IP address belongs to this machine or a private network, also when wrapped in IPv6.

    Args:
        address: IPv4 or IPv6 text, a scope ("%eth0") allowed.
    """
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        parsed = parsed.ipv4_mapped or parsed.sixtofour or _strip_nat64(parsed)
    return any(parsed in network for network in _REFUSED if network.version == parsed.version)


def _strip_nat64(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address


def verify_public(host: str, addresses: list[str]) -> None:
    """Refuse a host any of whose addresses is private.

    Raises:
        NotAllowed: one is; the message names the host, not the address, which is none of the lock author's business.
    """
    if any(is_private_address(address) for address in addresses):
        raise NotAllowed(
            f"{clip(host)} has a private address, and only hosts that are listed may be on a private network",
            hint="Ask the operator to list the host under `indexes` in the settings; on the command line use --index-map.",
        )


def is_ip_literal(host: str) -> bool:
    """Tell whether a host is written as an address."""
    try:
        ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    return True


class _PublicHTTPSConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        try:
            found = socket.getaddrinfo(self.host.strip("[]"), self.port, type=socket.SOCK_STREAM)
        except socket.gaierror as exc:
            raise NameResolutionError(self.host, self, exc) from exc
        verify_public(self.host, [str(item[4][0]) for item in found])
        connected = super()._new_conn()
        try:
            verify_public(self.host, [str(connected.getpeername()[0])])
        except NotAllowed:
            connected.close()
            raise
        return connected


class PublicHTTPSConnectionPool(HTTPSConnectionPool):
    """A TLS pool whose connections reach public addresses only; plain http has none, it is for listed hosts."""

    ConnectionCls = _PublicHTTPSConnection
