"""Packages from commits of other repositories on a user's own machine: by git, with the user's own access, kept in the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hublish.adapters.git_checkout import ensure_checkout
from hublish.adapters.source_folder import FolderSource
from hublish.core.ports import Source
from hublish.errors import SourceInvalid

_NAME_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCommits:
    """`hublish.core.ports.CommitFetcher`.

    Attributes:
        folder: of the checkouts.
        environ: of the user, for git.
    """

    folder: Path
    environ: Mapping[str, str] = field(repr=False)

    def fetch_commit(self, url: str, commit: str) -> Source:
        """See the port."""
        place = self.folder / f"{hashlib.sha256(url.encode()).hexdigest()[:_NAME_DIGITS]}-{commit}"
        ensure_checkout(url, commit, place, environ=self.environ)
        source = FolderSource.load(place, environ=self.environ)
        if source.tree.commit != commit:
            raise SourceInvalid(
                f"{place} is not the commit {commit} any more", hint="Remove the folder, and it is fetched anew."
            )
        return source
