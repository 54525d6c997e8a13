"""What the tests of the package index client share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hublish.adapters.index import HTTPPackageIndex, IndexTiming
from hublish.core.locks.lock import IndexSource
from tests.sandbox.wheels import PLACEHOLDER_SOURCE

SOURCE = IndexSource(name="index", url=PLACEHOLDER_SOURCE, verify_ssl=True)
QUICK = IndexTiming(
    connect_seconds=120, read_seconds=120, page_seconds=240, file_seconds=240, attempts=3, backoff_seconds=0.01
)
"""Tries that follow each other at once. A busy machine takes its time for an answer, so that no limit is close."""

MakeIndex = Callable[..., HTTPPackageIndex]


def list_cached(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache").rglob("*") if path.is_file())
