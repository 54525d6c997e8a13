"""Packages from commits of other repositories in the service: from its own GitHub, and with no more rights than the build has.

The token is that of the repository that is built, narrowed to it: it reads that one and what is public, so that nobody's
private repository comes into another owner's image. Other hosts are refused: nothing is asked that the operator did not name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from hublish.core.ports import Source, SourceFetcher
from hublish.core.repository import RefKind, Repository, ResolvedRef
from hublish.errors import NotAllowed, clip

_PATH = re.compile(r"/([A-Za-z0-9_-][A-Za-z0-9._-]*)/([A-Za-z0-9_-][A-Za-z0-9._-]*?)(?:\.git)?/?")


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryCommits:
    """`hublish.core.ports.CommitFetcher` for one build.

    Attributes:
        sources: brings trees of commits here.
        repository: that is built.
        web_url: root of GitHub's pages, whose host is the one that may be named.
    """

    sources: SourceFetcher
    repository: Repository
    web_url: str

    def fetch_commit(self, url: str, commit: str) -> Source:
        """See CommitFetcher."""
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2].lower()
        found = _PATH.fullmatch(parts.path)
        if host != urlsplit(self.web_url).netloc.lower() or found is None:
            raise NotAllowed(
                f"a package comes from the repository {clip(url)}, which is not on this service's GitHub",
                hint="Publish its wheel to a package index and lock again, or commit the wheel.",
            )
        other = replace(self.repository, owner=found[1], name=found[2])
        return self.sources.fetch_source(other, ResolvedRef(name=commit, kind=RefKind.SHA, sha=commit))
