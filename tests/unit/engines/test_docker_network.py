"""Which rules keep Docker's bridge apart, and what is said when they are there, are missing, or cannot be seen."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from hublish.engines.docker.network import PRIVATE, look_at_reach

BRIDGE = "br-0123456789ab"
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

    assert look_at_reach(BRIDGE, run=run, interfaces={"lo", BRIDGE}).closed is closed


@pytest.mark.parametrize("status", [None, 4])
def test_rules_that_cannot_be_read_are_not_known(status: int | None) -> None:
    """No iptables here, or not root."""
    assert look_at_reach(BRIDGE, run=lambda _: status, interfaces={BRIDGE}).closed is None


def test_bridge_of_another_machine_is_not_known() -> None:
    """The rules here are none of its; nothing is asked."""
    asked: list[Sequence[str]] = []
    reach = look_at_reach(BRIDGE, run=asked.append, interfaces={"lo"})

    assert (reach.closed, asked) == (None, [])


def test_command_makes_the_rules_that_are_looked_for() -> None:
    """One line for a root's shell."""
    assert look_at_reach(BRIDGE, run=lambda _: 1, interfaces={BRIDGE}).command == (
        "iptables -I INPUT -i br-0123456789ab -j DROP; "
        "for net in 10.0.0.0/8 100.64.0.0/10 169.254.0.0/16 172.16.0.0/12 192.168.0.0/16; "
        "do iptables -I DOCKER-USER -i br-0123456789ab -d $net -j DROP; done"
    )
