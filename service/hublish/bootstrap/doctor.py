"""What `hublish doctor` looks at: what a build needs here, what is missing, and how to get it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from hublish.adapters.github import GitHubApp, Patience
from hublish.adapters.registry import RegistryClient
from hublish.adapters.store import ReplicaStore, ensure_schema, find_file, open_database
from hublish.bootstrap.clients import make_bases, make_network
from hublish.bootstrap.queue import make_replica_name
from hublish.core.measures import render_bytes, render_seconds
from hublish.core.queue_records import Replica
from hublish.errors import HublishError, SettingsInvalid
from hublish.settings import Settings

ALIVE_SECONDS = 15
"""A replica says every second that it lives; clocks of machines differ a little."""
MINIMUM_FREE_BYTES = 4_000_000_000
"""A notebook image's wheels and layers take about 1 GB each; twice that is room for the next release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of `hublish doctor`.

    Attributes:
        name: what was looked at.
        ok: False when something is missing.
        detail: what was found.
        hint: how to get what is missing; "" when nothing is.
    """

    name: str
    ok: bool
    detail: str
    hint: str = ""


def check_environment(
    *, cache: Path, index_url: str | None, registry: RegistryClient, hosts: tuple[str, ...]
) -> tuple[Check, ...]:
    """Check this machine, its engines apart.

    Args:
        cache: folder for wheels and layers.
        index_url: the package index pip is configured for, or None.
        registry: client for `hosts`.
        hosts: registries of the operator's settings.
    """
    return (
        _check_cache(cache),
        _check_index(index_url),
        *(_check_registry(registry, host) for host in hosts),
    )


def check_settings(settings: Settings) -> tuple[Check, ...]:
    """Check what the settings name: every file, every base, the database, and that GitHub knows the App."""
    files = {
        "github.private_key_file": settings.github.private_key_file,
        **{f"github.webhook_secret_files[{i}]": path for i, path in enumerate(settings.github.webhook_secret_files)},
        **{f"registries.{host}.auth_file": item.auth_file for host, item in settings.registries.items()},
        **{f"indexes.{host}.auth_file": item.auth_file for host, item in settings.indexes.items()},
        "ca_file": settings.ca_file,
        "proxy.auth_file": settings.proxy.auth_file,
    }
    read = tuple(_check_file(key, path) for key, path in files.items() if path is not None)
    return (
        *read,
        _check_call("bases", lambda: f"{len(make_bases(settings.bases))} named"),
        _check_call("database", lambda: _open_database(settings)),
        _check_call("GitHub App", lambda: _ask_github(settings)),
    )


def _check_file(key: str, path: Path) -> Check:
    try:
        empty = not path.read_bytes().strip()
    except OSError as error:
        hint = "check the path, and that the service's user may read it"
        return Check(name=key, ok=False, detail=f"{path}: {error.strerror}", hint=hint)
    return Check(name=key, ok=not empty, detail=f"{path}: {'empty' if empty else 'readable'}")


def _check_call(name: str, call: Callable[[], str]) -> Check:
    try:
        return Check(name=name, ok=True, detail=call())
    except HublishError as error:
        return Check(name=name, ok=False, detail=error.message, hint=error.hint)


def _open_database(settings: Settings) -> str:
    file = find_file(settings.database)
    if file is not None and not os.path.lexists(file):
        return _foresee_file(file, data=settings.data)
    engine = open_database(settings.database)
    ensure_schema(engine)
    if engine.dialect.name != "postgresql":
        return "SQLite opens; it serves one process"
    replicas = ReplicaStore(engine, make_replica_name(settings)).list_replicas()
    now = datetime.now(UTC)
    named = ", ".join(f"{item.id} ({_describe_age(item, now)})" for item in replicas)
    version = ".".join(str(part) for part in engine.dialect.server_version_info or ())
    return f"PostgreSQL {version} opens; {named or 'no replica runs'}"


def _foresee_file(file: Path, *, data: Path) -> str:
    # Whoever makes it owns it, and this may be root. The service makes `data` with its parents, and no other folder.
    folders = (data, *data.parents) if file.parent == data else (file.parent,)
    nearest = next((folder for folder in folders if os.path.lexists(folder)), None)
    if nearest is None or not os.access(nearest, os.W_OK | os.X_OK):
        raise SettingsInvalid(
            f"there is no database at {file}, and none can be made there",
            hint="check `database` in the settings, and that the folder exists and is writable",
        )
    return f"SQLite; there is none at {file} yet, the service makes it"


def _describe_age(replica: Replica, now: datetime) -> str:
    seconds = (now - replica.seen_at).total_seconds()
    return "alive" if seconds < ALIVE_SECONDS else f"not seen for {render_seconds(seconds)}"


def _ask_github(settings: Settings) -> str:
    try:
        key = settings.github.private_key_file.read_bytes()
    except OSError as error:
        raise SettingsInvalid("not asked: the private key cannot be read") from error
    patience = Patience(attempts=1, timeout_seconds=10)
    app = GitHubApp(
        api_url=settings.github.api,
        app_id=settings.github.app_id,
        private_key_pem=key,
        patience=patience,
        network=make_network(settings),
    )
    return f"{settings.github.api} knows it as {app.fetch_identity().slug}"


def _check_cache(cache: Path) -> Check:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(cache).free
    except OSError as error:
        return Check(name="cache", ok=False, detail=f"{cache}: {error.strerror}", hint="choose another with --cache")
    if not os.access(cache, os.W_OK):
        return Check(name="cache", ok=False, detail=f"{cache} is not writable", hint="choose another with --cache")
    ok = free >= MINIMUM_FREE_BYTES
    hint = "" if ok else f"free some space: {render_bytes(MINIMUM_FREE_BYTES)} are comfortable for one notebook image"
    return Check(name="cache", ok=ok, detail=f"{cache}, {render_bytes(free)} free", hint=hint)


def _check_index(index_url: str | None) -> Check:
    if index_url is None:
        return Check(
            name="package index",
            ok=True,
            detail="pip is not installed here; locks are read from the indexes they name",
        )
    host = urlsplit(index_url).netloc.rpartition("@")[2]
    return Check(name="package index", ok=True, detail=f"pip uses {host}")


def _check_registry(registry: RegistryClient, host: str) -> Check:
    try:
        registry.ping(host)
    except HublishError as error:
        return Check(name=f"registry {host}", ok=False, detail=error.message, hint=error.hint)
    return Check(name=f"registry {host}", ok=True, detail="answers")
