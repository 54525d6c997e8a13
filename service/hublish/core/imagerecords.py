"""What is kept of repositories of images: who owns them, what was delivered, where tags point; and its store, as a port."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRecord:
    """An image that was delivered once: what a later pull request compares with.

    Attributes:
        digest: of the manifest.
        size_bytes: compressed.
        packages: `(name, version)`, sorted.
        commit: source commit, or None.
    """

    digest: str
    size_bytes: int
    packages: tuple[tuple[str, str], ...]
    commit: str | None


class ImageRecords(Protocol):
    """Who owns an image repository, what was delivered under it, and where its tags point."""

    def find_owner(self, name: str) -> int | None:
        """Source repository id that owns `registry/repository`; None when nobody does."""

    def claim_owner(self, name: str, repo_id: int, *, at: datetime) -> int:
        """Claim a repository of images for a source repository; returns the owner, who may be another."""

    def record_image(self, name: str, image: ImageRecord, *, at: datetime) -> None:
        """Remember a delivered image."""

    def find_image(self, name: str, digest: str) -> ImageRecord | None:
        """A delivered image by its digest."""

    def hold_repository(self, name: str) -> AbstractContextManager[None]:
        """Keep every other run from moving tags of a repository of images; DatabaseFailed, transient, after minutes."""

    def find_release(self, name: str, tag: str) -> str | None:
        """The release a floating tag was last moved to by us."""

    def record_release(self, name: str, tag: str, release: str, *, at: datetime) -> None:
        """Remember which release a floating tag points at."""
