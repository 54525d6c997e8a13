"""`hublish app create`: a new GitHub App by GitHub's manifest flow, its key and secret in files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from hublish.cli.house import AppRequest, House
from hublish.cli.screen import JSONOption, open_screen
from hublish.core.address import is_loopback
from hublish.errors import clip

HELP = """Create the GitHub App that the service is."""
CREATE_HELP = """Create a GitHub App by GitHub's manifest flow, with the permissions and events that hublish needs.

A page on this machine leads to GitHub, which asks to confirm and leads back. The private key and the webhook secret are
written to the folder with mode 0600, never shown and never over another file. A GitHub Enterprise host is taken from
`github.api` and `github.web` of the settings that HUBLISH_SETTINGS names, if any; nothing else needs to be in them yet.

\b
Examples:
  hublish app create --public-url https://hublish.example.org --organization my-org --folder secrets
  hublish app create --public-url https://hublish.example.org --dry-run
"""
DEFAULT_NAME = "hublish"
_LOGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,33}")
_URL = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(?:/[A-Za-z0-9._~/-]*)?")
commands = typer.Typer(name="app", help=HELP, no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@commands.callback()
def _group() -> None:
    """Keeps `create` a command of its own."""


@commands.command("create", help=CREATE_HELP)
def create(
    context: typer.Context,
    *,
    public_url: Annotated[str, typer.Option(metavar="URL", help="Root of the service as GitHub reaches it, by https.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="Of the App; nobody else's on GitHub.")] = DEFAULT_NAME,
    organization: Annotated[
        str | None, typer.Option(metavar="LOGIN", help="Organization that owns it; without one, you.")
    ] = None,
    folder: Annotated[Path, typer.Option(metavar="FOLDER", help="Where key and secret are written.")] = Path("secrets"),
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65535, help="Of the local page; 0 takes a free one.")
    ] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the manifest that GitHub would get, and do nothing.")
    ] = False,
    as_json: JSONOption = False,
) -> None:
    """Create the App; see CREATE_HELP."""
    house: House = context.obj
    with open_screen("app create", as_json=as_json) as screen:
        request = AppRequest(
            name=_require(name, _NAME, "--name", "letters, digits, spaces, dots and dashes, at most 34"),
            public_url=_require_reachable(_require(public_url.rstrip("/"), _URL, "--public-url", "https://host")),
            organization=None if organization is None else _require(organization, _LOGIN, "--organization", "a login"),
            folder=folder,
            port=port,
        )
        if dry_run:
            manifest = house.preview_app(request)
            screen.result = manifest
            screen.say(json.dumps(manifest, indent=2))
            return
        app = house.create_app(request, say=screen.remark)
        screen.result = make_app_document(app.id, app.slug, app.page, folder)
        screen.say(f"Created the App {clip(app.slug)}. Its settings:")
        screen.say("")
        screen.say("github:")
        screen.say(f"  app_id: {app.id}")
        screen.say(f"  private_key_file: {folder / 'app.pem'}")
        screen.say(f"  webhook_secret_files: [{folder / 'webhook-secret'}]")
        screen.say("")
        screen.say(f"Install it on the repositories at {clip(app.page, limit=1024)}/installations/new")


def _require(text: str, pattern: re.Pattern[str], option: str, expected: str) -> str:
    if not pattern.fullmatch(text):
        raise typer.BadParameter(f"expected {expected}, but got {clip(text)!r}", param_hint=option)
    return text


def _require_reachable(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError as error:
        raise typer.BadParameter(f"expected https://host, but got {clip(url)!r}", param_hint="--public-url") from error
    if parts.scheme != "https" and not is_loopback(host):
        # Webhooks and the links in comments go there over the internet; over http anybody on the way reads them.
        raise typer.BadParameter(
            f"expected https://{clip(host)}, but got {clip(url)!r}; put a proxy that ends TLS before the service "
            "(http is taken for localhost only)",
            param_hint="--public-url",
        )
    return url


def make_app_document(app_id: int, slug: str, page: str, folder: Path) -> Mapping[str, object]:
    """Make the JSON object of a new App; no secret is in it."""
    return {
        "app_id": app_id,
        "slug": slug,
        "page": page,
        "private_key_file": str(folder / "app.pem"),
        "webhook_secret_file": str(folder / "webhook-secret"),
    }
