"""The node's way to this machine and out of it: one veth pair and four iptables rules, all of them removed again."""

from __future__ import annotations

import json

from tests.cluster.commands import run, succeeds
from tests.cluster.places import HOST_ADDRESS, HOST_INTERFACE, NODE_ADDRESS, NODE_NETWORK

NODE_INTERFACE = "eth0"
_PREFIX = NODE_NETWORK.rsplit("/", 1)[1]
_LABEL = ("-m", "comment", "--comment", "hublish test cluster")
# Docker's rules drop what is forwarded and not named, so these come first.
_RULES = (
    ("nat", "POSTROUTING", ("-s", NODE_NETWORK, "!", "-o", HOST_INTERFACE, *_LABEL, "-j", "MASQUERADE")),
    ("filter", "FORWARD", ("-i", HOST_INTERFACE, *_LABEL, "-j", "ACCEPT")),
    ("filter", "FORWARD", ("-o", HOST_INTERFACE, *_LABEL, "-j", "ACCEPT")),
    ("filter", "INPUT", ("-i", HOST_INTERFACE, *_LABEL, "-j", "ACCEPT")),
)


def find_mtu() -> int:
    """Bytes that a packet on this machine's way out may have."""
    routes = json.loads(run("ip", "-json", "route", "show", "default"))
    links = {link["ifname"]: int(link["mtu"]) for link in json.loads(run("ip", "-json", "link"))}
    return min((links[route["dev"]] for route in routes if route.get("dev") in links), default=1500)


def connect_node(process: int, *, mtu: int) -> None:
    """Give the network namespace of a process its interface, and let it out through this machine.

    Args:
        process: id of the process whose network namespace it is.
        mtu: of the interface, in bytes.
    """
    peer = ("peer", "name", NODE_INTERFACE, "mtu", str(mtu), "netns", str(process))
    run("ip", "link", "add", HOST_INTERFACE, "mtu", str(mtu), "type", "veth", *peer)
    run("ip", "address", "add", f"{HOST_ADDRESS}/{_PREFIX}", "dev", HOST_INTERFACE)
    run("ip", "link", "set", HOST_INTERFACE, "up")
    for table, chain, rule in _RULES:
        run("iptables", "--wait", "-t", table, "-I", chain, *rule)
    # It stays on after the cluster: by then another program of the machine may rely on it.
    run("sysctl", "-qw", "net.ipv4.ip_forward=1")


def disconnect_node() -> None:
    """Remove what `connect_node` made, however much of it there is."""
    if succeeds("ip", "link", "show", HOST_INTERFACE):
        succeeds("ip", "link", "delete", HOST_INTERFACE)
    for table, chain, rule in _RULES:
        while succeeds("iptables", "--wait", "-t", table, "-C", chain, *rule):
            run("iptables", "--wait", "-t", table, "-D", chain, *rule)


def find_network() -> tuple[str, ...]:
    """What there is of the interface and the rules that `connect_node` makes, in words."""
    found = [f"interface {HOST_INTERFACE}"] if succeeds("ip", "link", "show", HOST_INTERFACE) else []
    for table, chain, rule in _RULES:
        if succeeds("iptables", "--wait", "-t", table, "-C", chain, *rule):
            found.append(f"iptables rule {' '.join(rule)} in {chain}")
    return tuple(found)


def configure_node() -> None:
    """Bring up the node's side; runs inside its namespace, once the interface is there."""
    run("ip", "link", "set", "lo", "up")
    run("ip", "address", "add", f"{NODE_ADDRESS}/{_PREFIX}", "dev", NODE_INTERFACE)
    run("ip", "link", "set", NODE_INTERFACE, "up")
    run("ip", "route", "add", "default", "via", HOST_ADDRESS)
    run("sysctl", "-qw", "net.ipv4.ip_forward=1")
