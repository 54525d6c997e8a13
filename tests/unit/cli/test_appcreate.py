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
        (("--public-url", "https://[::1"), "--public-url"),
        (("--public-url", "http://10.0.0.1"), "--public-url"),
        (("--public-url", URL, "--organization", "../admin"), "--organization"),
        (("--public-url", URL, "--name", "<b>"), "--name"),
    ],
)
def test_option_that_cannot_be_is_refused(run: Run, house: FakeHouse, arguments: tuple[str, ...], option: str) -> None:
    """Before anything is started; the option is named."""
    result = run("app", "create", *arguments)

    assert f"\nError: Invalid value for {option}: expected " in result.stderr
    assert (result.exit_code, house.apps) == (2, [])


def test_service_that_is_reached_by_http_is_refused(run: Run, house: FakeHouse) -> None:
    """Webhooks would cross the internet for everybody to read; the sentence says how to mend it."""
    result = run("app", "create", "--public-url", "http://hublish.example.org:8080")
    expected = (
        "expected https://hublish.example.org, but got 'http://hublish.example.org:8080'; put a proxy that ends TLS "
        "before the service (http is taken for localhost only)"
    )

    assert result.stderr.endswith(f"Error: Invalid value for --public-url: {expected}\n")
    assert (result.exit_code, house.apps) == (2, [])


@pytest.mark.parametrize("url", ["http://localhost:8080", "http://127.0.0.1", "http://[::1]:8080"])
def test_service_on_this_machine_may_be_reached_by_http(run: Run, house: FakeHouse, url: str) -> None:
    """For who develops hublish, with a relay of webhooks."""
    result = run("app", "create", "--public-url", url, "--dry-run")

    assert (result.exit_code, [app.public_url for app in house.apps]) == (0, [url])


def test_file_that_is_there_already_ends_the_command(run: Run, house: FakeHouse) -> None:
    """With what to do."""
    house.error = SettingsInvalid("secrets/app.pem is there already", hint="name another folder with --folder")
    result = run("app", "create", "--public-url", URL)

    assert (result.exit_code, result.stdout) == (3, "")
