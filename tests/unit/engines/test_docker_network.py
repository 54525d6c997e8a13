"""Which rules keep Docker's bridge apart, and what is said when they are there, are missing, or cannot be seen."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import docker.errors
import pytest

from hublish.engines.docker.network import PRIVATE, Bridge, ensure_network, look_at_reach

BRIDGE = "br-0123456789ab"
OWN = Bridge(interface=BRIDGE, has_ipv6=False)
INPUT = ("INPUT", "-i", BRIDGE, "-j", "DROP")
FORWARDED = [("DOCKER-USER", "-i", BRIDGE, "-d", network, "-j", "DROP") for network in PRIVATE]


@pytest.mark.parametrize(
    ("present", "closed"),
    [
        ([INPUT, *FORWARDED], True),
        ([INPUT, *FORWARDED[:-1]], False),
        (FORWARDED, False),
        ([], False),
    ],
)
def test_bridge_is_closed_by_all_rules_together(present: list[tuple[str, ...]], closed: bool) -> None:
    """The machine itself, and each private network."""

    def run(command: Sequence[str]) -> int:
        assert command[:3] == ("iptables", "-w", "-C")
        return 0 if tuple(command[3:]) in present else 1

    assert look_at_reach(OWN, run=run, interfaces={"lo", BRIDGE}).closed is closed


@pytest.mark.parametrize(("status", "closed"), [(0, None), (1, False)])
def test_bridge_with_ipv6_is_never_called_closed(status: int, closed: bool | None) -> None:
    """The rules are IPv4's: without them it is open, with them the other half is not known."""
    bridge = Bridge(interface=BRIDGE, has_ipv6=True)

    assert look_at_reach(bridge, run=lambda _: status, interfaces={BRIDGE}).closed is closed


@pytest.mark.parametrize("status", [None, 4])
def test_rules_that_cannot_be_read_are_not_known(status: int | None) -> None:
    """No iptables here, or not root."""
    assert look_at_reach(OWN, run=lambda _: status, interfaces={BRIDGE}).closed is None


def test_bridge_of_another_machine_is_not_known() -> None:
    """The rules here are none of its; nothing is asked."""
    asked: list[Sequence[str]] = []
    reach = look_at_reach(OWN, run=asked.append, interfaces={"lo"})

    assert (reach.closed, asked) == (None, [])


def test_command_makes_the_rules_that_are_looked_for() -> None:
    """One line for a root's shell."""
    assert look_at_reach(OWN, run=lambda _: 1, interfaces={BRIDGE}).command == (
        "iptables -I INPUT -i br-0123456789ab -j DROP; "
        "for net in 10.0.0.0/8 100.64.0.0/10 169.254.0.0/16 172.16.0.0/12 192.168.0.0/16; "
        "do iptables -I DOCKER-USER -i br-0123456789ab -d $net -j DROP; done"
    )


class Networks:
    """Those of an engine, where somebody else may make one in the moment before we do."""

    def __init__(self, *, raced: bool = False, status: int = 409) -> None:
        self.found: list[SimpleNamespace] = []
        self.asked: list[dict[str, object]] = []
        self.raced = raced
        self.status = status

    def list(self, *, names: list[str]) -> list[SimpleNamespace]:
        assert names == ["^hublish$"]
        return self.found

    def get(self, name: str) -> SimpleNamespace:
        return next(network for network in self.found if network.id == name)

    def create(self, name: str, **options: object) -> SimpleNamespace:
        self.asked.append({"name": name, **options})
        if self.raced:
            self.add({})
        if self.raced or self.status != 409:
            response = SimpleNamespace(status_code=self.status, reason="", url="")
            raise docker.errors.APIError("refused", response=response)
        return self.add({})

    def add(self, options: dict[str, str] | None) -> SimpleNamespace:
        number = "0123456789abcdef"
        self.found.append(SimpleNamespace(id=number, attrs={"Id": number, "Options": options}))
        return self.found[-1]


def test_bridge_is_made_once_and_its_containers_are_apart() -> None:
    """The engine is asked to refuse a second of that name."""
    networks = Networks()
    client = SimpleNamespace(networks=networks)

    assert [ensure_network(client, "hublish") for _ in range(2)] == [OWN, OWN]
    assert networks.asked == [
        {
            "name": "hublish",
            "driver": "bridge",
            "options": {"com.docker.network.bridge.enable_icc": "false"},
            "check_duplicate": True,
        }
    ]


def test_bridge_that_another_build_made_meanwhile_is_taken() -> None:
    """Two builds that begin at once are no fault of either."""
    assert ensure_network(SimpleNamespace(networks=Networks(raced=True)), "hublish") == OWN


def test_engine_that_refuses_a_network_is_told() -> None:
    """Any other answer is the caller's to tell."""
    with pytest.raises(docker.errors.APIError):
        ensure_network(SimpleNamespace(networks=Networks(status=500)), "hublish")


def test_network_with_ipv6_is_known_as_one() -> None:
    """By the engine's word; engines that do not speak of it have none."""
    networks = Networks()
    networks.add(None).attrs["EnableIPv6"] = True

    assert ensure_network(SimpleNamespace(networks=networks), "hublish") == Bridge(interface=BRIDGE, has_ipv6=True)


def test_interface_that_the_operator_named_counts() -> None:
    """By the bridge's own option."""
    networks = Networks()
    networks.add({"com.docker.network.bridge.name": "builds0"})

    assert ensure_network(SimpleNamespace(networks=networks), "hublish").interface == "builds0"
