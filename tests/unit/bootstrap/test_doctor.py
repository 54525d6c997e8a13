"""What `hublish doctor` looks at."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from hublish.adapters.registry import RegistryClient
from hublish.bootstrap import doctor
from hublish.bootstrap.doctor import Check, check_environment, check_settings
from hublish.bootstrap.storage import open_storage
from hublish.errors import RegistryFailed
from hublish.settings import parse_settings


class FakeRegistry:
    """Registries of which one does not answer."""

    def ping(self, host: str) -> None:
        if host != "good.example.org":
            raise RegistryFailed(f"{host} did not answer", hint="is it up?")


def check(cache: Path, *, index_url: str | None = None, hosts: tuple[str, ...] = ()) -> dict[str, Check]:
    checks = check_environment(
        cache=cache, index_url=index_url, registry=cast(RegistryClient, FakeRegistry()), hosts=hosts
    )
    return {item.name: item for item in checks}


def test_registries_of_the_settings_are_asked(tmp_path: Path) -> None:
    """Each on its own: one that is away does not hide the others."""
    checks = check(tmp_path, hosts=("bad.example.org", "good.example.org"))
    bad = Check(name="registry bad.example.org", ok=False, detail="bad.example.org did not answer", hint="is it up?")

    assert checks["registry bad.example.org"] == bad
    assert checks["registry good.example.org"] == Check(name="registry good.example.org", ok=True, detail="answers")


def test_index_is_shown_without_its_login(tmp_path: Path) -> None:
    """pip's configuration may hold a password; its host is all that is shown."""
    checks = check(tmp_path, index_url="https://user:secret@index.example.com:8443/simple")

    assert checks["package index"].detail == "pip uses index.example.com:8443"
    assert "not installed" in check(tmp_path)["package index"].detail


@pytest.mark.parametrize(("free", "ok"), [(4_000_000_000, True), (3_999_999_999, False)])
def test_cache_with_little_room_is_named_before_a_build_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, *, ok: bool
) -> None:
    """4 GB are comfortable."""
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _path: SimpleNamespace(free=free))
    found = check(tmp_path / "new")["cache"]

    assert (found.ok, found.detail) == (ok, f"{tmp_path / 'new'}, 4.0 GB free")
    assert (found.hint == "") is ok


def test_cache_that_cannot_be_made_is_named_with_the_reason(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "file").touch()
    found = check(tmp_path / "file" / "cache")["cache"]
    expected = Check(
        name="cache",
        ok=False,
        detail=f"{tmp_path / 'file' / 'cache'}: Not a directory",
        hint="choose another with --cache",
    )

    assert found == expected


def test_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found before a build, not in its middle."""
    monkeypatch.setattr(doctor.os, "access", lambda _path, _mode: False)

    assert check(tmp_path)["cache"].detail == f"{tmp_path} is not writable"


def test_settings_are_followed_to_what_they_name(tmp_path: Path) -> None:
    """Every file, base and database that cannot be used is told at once, each with its key."""
    (tmp_path / "secret").write_text("s3cret")
    (tmp_path / "empty").write_text("\n")
    document = {
        "github": {
            "api": "https://github.example.invalid/api/v3",
            "app_id": 1,
            "private_key_file": "missing.pem",
            "webhook_secret_files": ["secret", "empty"],
        },
        "public_url": "https://hublish.example.org",
        "data": "data",
        "database": f"sqlite:///{tmp_path}/nowhere/hublish.sqlite",
        "bases": {"3.11": ":::"},
        "registries": {"registry.example.org": {"auth_file": "secret"}},
    }
    settings = parse_settings(json.dumps(document).encode(), path=tmp_path / "settings.yaml")
    checks = {item.name: item for item in check_settings(settings)}

    assert {name: item.ok for name, item in checks.items()} == {
        "github.private_key_file": False,
        "github.webhook_secret_files[0]": True,
        "github.webhook_secret_files[1]": False,
        "registries.registry.example.org.auth_file": True,
        "bases": False,
        "database": False,
        "GitHub App": False,
    }
    assert checks["github.private_key_file"].detail == f"{tmp_path / 'missing.pem'}: No such file or directory"
    assert checks["GitHub App"].detail == "not asked: the private key cannot be read"
    assert "s3cret" not in str(checks)


@pytest.mark.parametrize("place", ["hublish.sqlite", "data/hublish.sqlite"])
def test_database_of_a_service_that_never_started_is_not_made(tmp_path: Path, place: str) -> None:
    """Nor the folder `data`: root may look first, and what root made the service could not write."""
    text = f"""\
github: {{app_id: 1, private_key_file: missing.pem, webhook_secret_files: [secret]}}
public_url: https://hublish.example.org
data: data
database: sqlite:///{tmp_path}/{place}
"""
    settings = parse_settings(text.encode(), path=tmp_path / "settings.yaml")
    before = {item.name: item for item in check_settings(settings)}["database"]
    left = list(tmp_path.iterdir())
    open_storage(settings, make=True).dispose()
    after = {item.name: item for item in check_settings(settings)}["database"]

    assert before == Check(
        name="database", ok=True, detail=f"SQLite; there is none at {tmp_path}/{place} yet, the service makes it"
    )
    assert left == []
    assert after == Check(name="database", ok=True, detail="SQLite opens; it serves one process")
