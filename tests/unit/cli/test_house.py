"""The real doors, as far as they open without a network."""

from __future__ import annotations

from pathlib import Path

import pytest

from hublish.cli.house import RealHouse, WorkbenchChoice
from hublish.errors import SettingsInvalid


def test_service_and_records_need_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without HUBLISH_SETTINGS neither opens, and the error says so."""
    monkeypatch.delenv("HUBLISH_SETTINGS", raising=False)
    house = RealHouse()

    with pytest.raises(SettingsInvalid, match="HUBLISH_SETTINGS is not set"):
        house.run_service(host="127.0.0.1", port=0)
    with pytest.raises(SettingsInvalid, match="HUBLISH_SETTINGS is not set"):
        house.open_records()


def test_workbench_opens_without_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A user with a folder needs no settings; the tree of the folder can be read."""
    monkeypatch.delenv("HUBLISH_SETTINGS", raising=False)
    (tmp_path / "a.txt").write_text("a")
    workbench = RealHouse().open_workbench(WorkbenchChoice(cache=tmp_path.with_name("cache")))

    assert [file.path for file in workbench.open_folder(tmp_path).tree.files] == ["a.txt"]


def test_wrong_settings_stop_the_workbench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Settings that are named must be right, also on the command line."""
    monkeypatch.setenv("HUBLISH_SETTINGS", str(tmp_path / "gone.yaml"))

    with pytest.raises(SettingsInvalid, match="cannot be read"):
        RealHouse().open_workbench(WorkbenchChoice(cache=tmp_path))
