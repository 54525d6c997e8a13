"""What `hublish doctor` looks at: what a build needs here, what is missing, and how to get it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from hublish.adapters.registry import RegistryClient
from hublish.core.measures import render_bytes
from hublish.errors import HublishError

MINIMUM_FREE_BYTES = 4_000_000_000
"""A notebook image's wheels and layers take about 1 GB each; twice that is room for the next release."""
# No fault of the machine: there is nothing a person could install to change it.
_NO_ENGINE = "none used: this version builds layered only; source and dockerfile end in an answer that says so"


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
    """Check this machine.

    Args:
        cache: folder for wheels and layers.
        index_url: the package index pip is configured for, or None.
        registry: client for `hosts`.
        hosts: registries of the operator's settings.
    """
    return (
        Check(name="layered builds", ok=True, detail="built in; no daemon, no container engine and no root needed"),
        Check(
            name="container engine",
            ok=True,
            detail=_NO_ENGINE,
            hint="set `strategy: layered` in the config of repositories that have a Pipfile.lock",
        ),
        _check_cache(cache),
        _check_index(index_url),
        *(_check_registry(registry, host) for host in hosts),
    )


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
