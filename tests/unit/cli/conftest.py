"""Running the command line in this process, with fakes behind its doors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hublish.cli.app import app
from tests.unit.cli.fakes import FakeHouse

Run = Callable[..., Result]


@pytest.fixture
def house() -> FakeHouse:
    """The doors behind the commands."""
    return FakeHouse()


@pytest.fixture
def run(house: FakeHouse) -> Run:
    """Run `hublish` with arguments; the result holds stdout, stderr and exit_code."""

    def run_command(*arguments: str | Path) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], obj=house)

    return run_command


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A folder called "ts" with a config."""
    folder = tmp_path / "ts"
    folder.mkdir()
    (folder / ".hublish.yaml").write_text("version: 1\nimage: {name: registry.example.org/team/ts}\n")
    return folder
