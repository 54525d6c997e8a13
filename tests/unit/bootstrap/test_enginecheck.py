"""What `hublish doctor` says of the engines that settings name."""

from __future__ import annotations

from pathlib import Path

import pytest

from hublish.bootstrap import enginecheck
from hublish.bootstrap.doctor import Check
from hublish.bootstrap.enginecheck import check_chosen_engines
from hublish.engines.buildah import NetworkMode
from hublish.engines.docker import BridgeReach
from hublish.enginesettings import BuildahSettings, EngineSettings
from hublish.errors import EngineFailed

REACHED = "this machine, private networks and metadata services"


class Backend:
    """Works, and says so."""

    def describe(self) -> str:
        return "buildah version 1.28.2, store overlay"


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with buildah, without the tools for networks, and without control groups."""
    monkeypatch.setattr(enginecheck, "make_buildah", lambda *_, **__: Backend())
    monkeypatch.setattr(enginecheck, "find_network_mode", lambda: NetworkMode.NONE)
    monkeypatch.setattr(enginecheck, "describe_limits", lambda: "no limits")


def check(tmp_path: Path, **chosen: object) -> dict[str, Check]:
    settings = EngineSettings(use=["local", "buildah"], buildah=BuildahSettings(**chosen))
    return {item.name: item for item in check_chosen_engines(settings, data=tmp_path)}


@pytest.mark.usefixtures("here")
def test_buildah_that_builds_for_nobody_or_without_its_network_is_a_fault(tmp_path: Path) -> None:
    """An operator who chose it finds out here, not at the first release."""
    checks = check(tmp_path)

    assert checks["engines.buildah"].detail == "buildah version 1.28.2, store overlay; no limits"
    assert {name: item.ok for name, item in checks.items()} == {
        "engines.buildah": True,
        "engines.buildah.network": False,
        "engines.buildah.owners": False,
    }
    assert "slirp4netns" in checks["engines.buildah.network"].hint
    assert "engines.buildah.owners" in checks["engines.buildah.owners"].hint


@pytest.mark.usefixtures("here")
def test_buildah_with_owners_and_no_network_is_well(tmp_path: Path) -> None:
    """`none` needs no tools."""
    checks = check(tmp_path, owners=["org"], network="none")

    assert {name: item.ok for name, item in checks.items()} == {"engines.buildah": True}


def test_chosen_engine_that_is_missing_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    monkeypatch.setenv("PATH", "")
    found = check(tmp_path, owners=["org"], network="none")["engines.buildah"]

    assert (found.ok, found.detail) == (False, "the engine buildah is chosen, and buildah is not installed")
    assert "packages buildah and slirp4netns" in found.hint


def test_engines_that_are_not_chosen_are_not_looked_at(tmp_path: Path) -> None:
    """`local` needs nothing."""
    assert check_chosen_engines(EngineSettings(), data=tmp_path) == ()


class Docker:
    """A Docker Engine with a bridge, or one that went away."""

    def __init__(self, reach: BridgeReach | EngineFailed | None) -> None:
        self.reach = reach

    def describe(self) -> str:
        return "Docker Engine 20.10"

    def look_at_network(self) -> BridgeReach | None:
        if isinstance(self.reach, EngineFailed):
            raise self.reach
        return self.reach


def check_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reach: object) -> dict[str, Check]:
    monkeypatch.setattr(enginecheck, "make_docker", lambda *_: Docker(reach))
    return {item.name: item for item in check_chosen_engines(EngineSettings(use=["docker"]), data=tmp_path)}


@pytest.mark.parametrize(
    ("closed", "ok", "detail"),
    [
        (True, True, f"builds on br-1 are kept from {REACHED}"),
        (False, False, f"builds on br-1 reach {REACHED}"),
        (
            None,
            True,
            f"builds on br-1 reach {REACHED}, unless a firewall that is not seen from here keeps them away",
        ),
    ],
)
def test_network_of_docker_builds_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, closed: bool | None, ok: bool, detail: str
) -> None:
    """Open is a fault with the command that closes it; what cannot be seen is told."""
    reach = BridgeReach(interface="br-1", closed=closed, command="iptables -I INPUT")
    found = check_docker(tmp_path, monkeypatch, reach)["engines.docker.network"]

    assert (found.ok, found.detail) == (ok, detail)
    assert ("`iptables -I INPUT`" in found.hint) is (closed is not True)


def test_docker_without_a_network_has_none_to_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`none` reaches nothing."""
    assert set(check_docker(tmp_path, monkeypatch, None)) == {"engines.docker"}


def test_docker_that_goes_away_meanwhile_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the check of its network."""
    found = check_docker(tmp_path, monkeypatch, EngineFailed("gone"))["engines.docker.network"]

    assert (found.ok, found.detail) == (False, "gone")
