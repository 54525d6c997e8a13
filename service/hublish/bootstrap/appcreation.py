"""A new GitHub App: the manifest flow from its first page to key and secret in files that only their owner can read."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hublish.adapters.github.manifest import convert_code
from hublish.adapters.github.permissions import APP_EVENTS, APP_PERMISSIONS
from hublish.bootstrap.clients import make_network
from hublish.core.github.manifest import CREATED_PATH, CreatedApp, make_manifest
from hublish.errors import SettingsInvalid
from hublish.firstsettings import FirstSettings
from hublish.web.manifestflow import ManifestFlow

KEY_NAME = "app.pem"
SECRET_NAME = "webhook-secret"  # noqa: S105  # the name of the file
STATE_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class AppWish:
    """What is to be created.

    Attributes:
        name: of the App.
        public_url: root of the service, without a slash at the end.
        organization: that is to own it; None for the person at the browser.
        folder: where key and secret go.
        port: of the local page; 0 takes a free one.
        wait_seconds: how long the browser is waited for.
    """

    name: str
    public_url: str
    organization: str | None
    folder: Path
    port: int = 0
    wait_seconds: float = 3600.0


def preview_manifest(wish: AppWish) -> Mapping[str, object]:
    """The manifest as GitHub would get it, for people to look at."""
    return _make_manifest(wish, f"http://127.0.0.1:{wish.port or 'PORT'}{CREATED_PATH}")


def create_app(wish: AppWish, settings: FirstSettings, *, say: Callable[[str], None]) -> CreatedApp:
    """Lead a person through GitHub's manifest flow, and store what it gives.

    Args:
        wish: what is to be created.
        settings: where GitHub is, and the way out.
        say: told the address to open.

    Raises:
        SettingsInvalid: a file is there already, or the folder cannot be written; before anything is created.
        NotAllowed: nobody came back in time, or GitHub refused the code.
        GitHubFailed: GitHub failed.
    """
    _prepare_folder(wish.folder)
    web = settings.github.web.rstrip("/")
    owner = "" if wish.organization is None else f"/organizations/{wish.organization}"
    with ManifestFlow(
        form_url=f"{web}{owner}/settings/apps/new",
        state=secrets.token_urlsafe(STATE_BYTES),
        page=secrets.token_urlsafe(STATE_BYTES),
        make_manifest=partial(_make_manifest, wish),
        convert=lambda code: _store(
            wish.folder, convert_code(code, api_url=settings.github.api, network=make_network(settings))
        ),
        port=wish.port,
    ) as flow:
        say(f"Open {flow.form_url} in a browser on this machine.")
        return flow.wait(seconds=wish.wait_seconds)


def _make_manifest(wish: AppWish, redirect_url: str) -> Mapping[str, object]:
    return make_manifest(
        name=wish.name,
        public_url=wish.public_url,
        redirect_url=redirect_url,
        permissions=APP_PERMISSIONS,
        events=APP_EVENTS,
    )


def _prepare_folder(folder: Path) -> None:
    """Make sure that nothing stands in the way of the files: what GitHub hands over, it hands over once."""
    taken = [folder / name for name in (KEY_NAME, SECRET_NAME) if os.path.lexists(folder / name)]
    if taken:
        raise SettingsInvalid(f"{taken[0]} is there already", hint="name another folder with --folder")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise SettingsInvalid(
            f"{folder} cannot be made: {error.strerror}", hint="name another with --folder"
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SettingsInvalid(f"{folder} cannot be written", hint="name another folder with --folder")


def _store(folder: Path, app: CreatedApp) -> CreatedApp:
    try:
        _write_secret(folder / KEY_NAME, app.private_key)
        _write_secret(folder / SECRET_NAME, app.webhook_secret)
    except OSError as error:
        raise SettingsInvalid(
            f"{folder}: key and secret of the App {app.slug} could not be written: {error.strerror}",
            hint=f"delete the App at {app.page} and start again: GitHub hands them over once",
        ) from error
    return app


def _write_secret(path: Path, text: str) -> None:
    # Never over another file nor through a link, and readable for nobody else at any moment.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, 0o600)
        file.write(text if text.endswith("\n") else f"{text}\n")
        file.flush()
        os.fsync(descriptor)
