"""The service's wiring, up to what would open a socket."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hublish.bootstrap.ports import make_services
from hublish.bootstrap.service import _make_schedule, make_service
from hublish.core.plan import Strategy
from hublish.errors import DatabaseFailed, SettingsInvalid
from hublish.settings import Settings, parse_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a service that is never started."""
    (tmp_path / "key.pem").write_text("read when the first token is asked for")
    (tmp_path / "secret").write_text("secret\n")
    text = """\
github: {app_id: 1, private_key_file: key.pem, webhook_secret_files: [secret]}
public_url: https://hublish.example.com/
data: data
database: sqlite:///data/hublish.sqlite
bases: {"3.11": registry.example.org/base/python:3.11}
hubs: {demo: {repo: org/apps, folder: images}}
limits: {build_seconds: 60, image_bytes: 1000}
"""
    return parse_settings(text.encode(), path=tmp_path / "settings.yaml")


def test_services_follow_the_settings(settings: Settings, tmp_path: Path) -> None:
    """The policy is the operator's, the folder is made, and run ids cannot be guessed."""
    services = make_services(settings)
    policy = services.policy
    ids = {services.make_run_id() for _ in range(100)}

    assert (policy.public_url, policy.web_url) == ("https://hublish.example.com", "https://github.com")
    assert (policy.build_seconds, policy.image_bytes) == (60, 1000)
    assert (list(policy.hubs), list(policy.bases), policy.namespaces) == (["demo"], ["3.11"], {})
    assert services.engine.strategies == frozenset({Strategy.LAYERED})
    assert (tmp_path / "data" / "hublish.sqlite").is_file()
    assert services.now().tzinfo is not None
    assert len(ids) == 100
    assert all(re.fullmatch(r"[0-9a-f]{32}", run_id) for run_id in ids)
    services.engine.close()


@pytest.mark.parametrize("name", ["key.pem", "secret"])
def test_secret_that_is_not_there_stops_the_service(settings: Settings, tmp_path: Path, name: str) -> None:
    """Named with the reason, before anything is started."""
    (tmp_path / name).unlink()
    with pytest.raises(SettingsInvalid) as caught:
        make_service(settings) if name == "secret" else make_services(settings)

    assert caught.value.message == f"the file {tmp_path / name} cannot be read: No such file or directory"


@pytest.mark.parametrize("text", ["", " \n"])
def test_empty_webhook_secret_stops_the_service(settings: Settings, tmp_path: Path, text: str) -> None:
    """With an empty secret everybody could sign."""
    (tmp_path / "secret").write_text(text)
    with pytest.raises(SettingsInvalid, match="is empty"):
        make_service(settings)


def test_database_that_cannot_be_opened_stops_the_service(settings: Settings, tmp_path: Path) -> None:
    """With what to check."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "hublish.sqlite").mkdir()
    with pytest.raises(DatabaseFailed, match="cannot be prepared"):
        make_services(settings)


@pytest.mark.parametrize(("seconds", "made"), [(60, True), (None, False)])
def test_schedule_can_be_switched_off(settings: Settings, seconds: int | None, *, made: bool) -> None:
    """The operator's word, whatever the configs of repositories say."""
    services = make_services(settings)
    chosen = settings.schedule.model_copy(update={"bases_seconds": seconds})
    schedule = _make_schedule(
        settings.model_copy(update={"schedule": chosen}), services, start_run=lambda _run_id: None
    )
    services.engine.close()

    assert (schedule is not None) is made
