"""`hublish app create`: what is asked for, what is printed, and that no secret is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hublish.cli.house import AppRequest
from hublish.errors import SettingsInvalid
from tests.unit.cli.conftest import Run
from tests.unit.cli.fakes import FakeHouse

URL = "https://hublish.example.org"
CREATED = """\
Created the App hublish. Its settings:

github:
  app_id: 7
  private_key_file: secrets/app.pem
  webhook_secret_files: [secrets/webhook-secret]

Install it on the repositories at https://github.com/apps/hublish/installations/new
"""


def test_app_is_created_and_its_settings_are_printed(run: Run, house: FakeHouse) -> None:
    """Ready to be copied into the settings file; neither key nor secret is shown."""
    result = run("app", "create", "--public-url", f"{URL}/", "--organization", "my-org")
    document = json.loads(run("app", "create", "--public-url", URL, "--json").stdout)["result"]

    assert result.stdout == CREATED
    assert result.stderr == "Open http://127.0.0.1:1/ in a browser on this machine.\n"
    assert document == {
        "app_id": 7,
        "slug": "hublish",
        "page": "https://github.com/apps/hublish",
        "private_key_file": "secrets/app.pem",
        "webhook_secret_file": "secrets/webhook-secret",
    }
    assert house.apps[0] == AppRequest(
        name="hublish", public_url=URL, organization="my-org", folder=Path("secrets"), port=0
    )


def test_dry_run_prints_the_manifest(run: Run) -> None:
    """Nothing is opened or asked for."""
    assert json.loads(run("app", "create", "--public-url", URL, "--dry-run").stdout) == {"name": "hublish"}


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("--public-url", "ftp://x"), "--public-url"),
        (("--public-url", "https://x/?q"), "--public-url"),
        (("--public-url", URL, "--organization", "../admin"), "--organization"),
        (("--public-url", URL, "--name", "<b>"), "--name"),
    ],
)
def test_option_that_cannot_be_is_refused(run: Run, house: FakeHouse, arguments: tuple[str, ...], option: str) -> None:
    """Before anything is started; the option is named."""
    result = run("app", "create", *arguments)

    assert result.stderr.startswith(f"error[ValueInvalid]: {option}: expected ")
    assert house.apps == []


def test_file_that_is_there_already_ends_the_command(run: Run, house: FakeHouse) -> None:
    """With what to do."""
    house.error = SettingsInvalid("secrets/app.pem is there already", hint="name another folder with --folder")
    result = run("app", "create", "--public-url", URL)

    assert (result.exit_code, result.stdout) == (3, "")
