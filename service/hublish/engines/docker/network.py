"""The bridge that builds are on: made when it is missing, and what keeps it apart from this machine and private networks.

A bridge reaches what its machine reaches. The Engine's interface knows containers that do not see each other, and networks
without any way out, which leave no package index either. What lies between is the firewall's, and a firewall is its
operator's: here its rules are named and looked for, never changed.

Source:
    Docker Engine API v1.41 (NetworkCreate, NetworkInspect); Docker, "Packet filtering and firewalls"; iptables(8);
    RFC 1918, RFC 3927 and RFC 6598 for addresses that are no public ones.
"""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import docker
import docker.errors
from docker.models.networks import Network

PRIVATE = ("10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16")
"""Addresses of machines nearby, and of the metadata services of clouds."""
_CALL_SECONDS = 60
_ABSENT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """The bridge that builds are on: its name for the engine's machine, and whether containers on it have IPv6, too."""

    interface: str
    has_ipv6: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeReach:
    """What a build on the bridge reaches beside the outside.

    Attributes:
        interface: the bridge, as the engine's machine names it.
        closed: False when it reaches the machine and private networks; None when that cannot be seen from here, as with IPv6.
        command: for a root's shell on the engine's machine: closes it until the next start of the firewall.
    """

    interface: str
    closed: bool | None
    command: str


def ensure_network(client: docker.DockerClient, name: str) -> Bridge:
    """Make the bridge unless it is there, containers on it apart from each other.

    Raises:
        docker.errors.APIError: the engine refused.
    """
    found = _find_network(client, name)
    if found is None:
        apart = {"com.docker.network.bridge.enable_icc": "false"}
        try:
            found = client.networks.create(name, driver="bridge", options=apart, check_duplicate=True)
        except docker.errors.APIError as exc:
            # Another build of this moment made it; the engine would let two have one name, and then refuse both.
            found = _find_network(client, name) if exc.status_code == HTTPStatus.CONFLICT else None
            if found is None:
                raise
    attributes = client.networks.get(str(found.id)).attrs
    options = attributes.get("Options") or {}
    return Bridge(
        interface=str(options.get("com.docker.network.bridge.name") or f"br-{attributes['Id'][:12]}"),
        has_ipv6=bool(attributes.get("EnableIPv6")),
    )


def _find_network(client: docker.DockerClient, name: str) -> Network | None:
    return next(iter(client.networks.list(names=[f"^{re.escape(name)}$"])), None)


def _run(command: Sequence[str]) -> int | None:
    try:
        done = subprocess.run(  # noqa: S603 -- fixed words and the name of an interface; no shell
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_CALL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.returncode


def look_at_reach(
    bridge: Bridge, *, run: Callable[[Sequence[str]], int | None] = _run, interfaces: Collection[str] | None = None
) -> BridgeReach:
    """Look whether the firewall's rules are there that keep a bridge apart.

    Args:
        bridge: from `ensure_network`.
        run: runs a command; returns its exit status, None when it cannot be run.
        interfaces: names of those that are seen here; None asks the kernel.
    """
    # A bridge that is not seen here is another machine's, or another network namespace's: so are its rules.
    interface = bridge.interface
    names = {name for _, name in socket.if_nameindex()} if interfaces is None else interfaces
    rules = _list_rules(interface) if interface in names else ()
    statuses = [run(("iptables", "-w", "-C", *rule)) for rule in rules]
    closed = None
    if statuses and all(status == 0 for status in statuses):
        # These rules are IPv4's. What keeps IPv6 apart differs with the engine's version, and is not looked for.
        closed = None if bridge.has_ipv6 else True
    elif _ABSENT in statuses:
        closed = False
    networks = " ".join(PRIVATE)
    command = (
        f"iptables -I INPUT -i {interface} -j DROP; "
        f"for net in {networks}; do iptables -I DOCKER-USER -i {interface} -d $net -j DROP; done"
    )
    return BridgeReach(interface=interface, closed=closed, command=command)


def _list_rules(interface: str) -> tuple[tuple[str, ...], ...]:
    """The machine itself is behind INPUT, whatever address it is called by; all else is forwarded."""
    forwarded = (("DOCKER-USER", "-i", interface, "-d", network, "-j", "DROP") for network in PRIVATE)
    return (("INPUT", "-i", interface, "-j", "DROP"), *forwarded)
