"""Packages from other repositories of the service's GitHub: asked with the rights of the build, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from hublish.core.repository import RefKind, Repository, ResolvedRef
from hublish.engines.commits import RepositoryCommits
from hublish.errors import NotAllowed
from tests.fakes import FakeSource

REPOSITORY = Repository(id=7, owner="octo", name="ts", installation_id=3, default_branch="main")
COMMIT = "a" * 40


@dataclass
class Sources:
    """A SourceFetcher that notes what it is asked."""

    asked: list[tuple[Repository, ResolvedRef]] = field(default_factory=list)

    def fetch_source(self, repository: Repository, ref: ResolvedRef) -> FakeSource:
        self.asked.append((repository, ref))
        return FakeSource({"setup.py": b""})


@pytest.mark.parametrize(
    "url",
    ["https://github.example.com/Lib/py.lib.git", "https://GitHub.example.com/Lib/py.lib", "ssh://git@github.example.com/Lib/py.lib.git"],
)  # fmt: skip
def test_commit_is_asked_with_the_identity_of_the_repository_that_is_built(url: str) -> None:
    """The token is minted for that id: what it cannot read, the build cannot have."""
    sources = Sources()
    RepositoryCommits(sources=sources, repository=REPOSITORY, web_url="https://github.example.com").fetch_commit(
        url, COMMIT
    )
    expected = Repository(id=7, owner="Lib", name="py.lib", installation_id=3, default_branch="main")

    assert sources.asked == [(expected, ResolvedRef(name=COMMIT, kind=RefKind.SHA, sha=COMMIT))]


@pytest.mark.parametrize(
    "url",
    [
        "https://gitlab.example.com/lib/py",
        "https://github.example.com.evil.example/lib/py",
        "https://github.example.com:8443/lib/py",
        "https://github.example.com/lib/py/extra",
        "https://github.example.com/lib/..",
        "https://github.example.com/lib",
    ],
)
def test_other_places_are_refused(url: str) -> None:
    """Another host, another port, a path that is no repository's: nothing is sent there."""
    sources = Sources()
    commits = RepositoryCommits(sources=sources, repository=REPOSITORY, web_url="https://github.example.com")

    with pytest.raises(NotAllowed, match="which is not on this service's GitHub"):
        commits.fetch_commit(url, COMMIT)
    assert sources.asked == []
