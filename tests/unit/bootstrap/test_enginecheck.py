"""What `hublish doctor` says of the engines that settings name."""

from __future__ import annotations

from pathlib import Path

import pytest

from hublish.bootstrap import enginecheck
from hublish.bootstrap.doctor import Check
from hublish.bootstrap.enginecheck import check_chosen_engines
from hublish.engines.buildah import NetworkMode
from hublish.enginesettings import BuildahSettings, EngineSettings


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
