"""The parts of webhook payloads that hublish relies on, as strict models; everything else in them is left unread.

Decides nothing. A payload that misses a field, or holds another type there, does not validate, and the event is
ignored with that reason. Lengths and characters are limited here, so that no later code meets a hostile name.

Source: GitHub's webhook schemas for `release`, `push`, `create`, `pull_request`, `issues`, `issue_comment`, `installation`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from hublish.core.gitref import is_ref_name
from hublish.core.repository import Repository


def _check_ref_name(text: str) -> str:
    if not is_ref_name(text):
        raise ValueError("not the name of a branch")
    return text


Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
Login = Annotated[str, Field(pattern=r"\A[A-Za-z0-9_-]{1,100}(\[bot\])?\z")]
RepositoryName = Annotated[str, Field(pattern=r"\A[A-Za-z0-9._-]{1,100}\z")]
BranchName = Annotated[str, AfterValidator(_check_ref_name)]
SHA = Annotated[str, Field(pattern=r"\A[0-9a-f]{40}\z")]
Time = Annotated[str, Field(pattern=r"\A[0-9TZ:.+-]{10,40}\z")]
Link = Annotated[str, Field(pattern=r"\Ahttps?://[!#-;=?-~]{1,2000}\z")]


FullName = Annotated[str, Field(pattern=r"\A[A-Za-z0-9_-]{1,100}/[A-Za-z0-9._-]{1,100}\z")]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class Account(_Part):
    """A user, organisation or bot."""

    login: Login
    type: str
    id: Id | None = None


class Installation(_Part):
    """The App's installation that a delivery belongs to."""

    id: Id


class RepositoryPart(_Part):
    """The repository an event happened in."""

    id: Id
    name: RepositoryName
    owner: Account
    default_branch: BranchName
    private: bool
    pushed_at: int | Time | None = None


class Release(_Part):
    """A release; `tag_name` is unchecked, because a release with an impossible tag still gets an answer.

    `created_at` is the date of the commit it stands for: it changes when the tag was moved and the release published anew.
    """

    id: Id
    tag_name: str
    draft: bool
    prerelease: bool
    published_at: Time | None
    created_at: Time | None = None
    html_url: Link


class Issue(_Part):
    """An issue or pull request; `pull_request` tells which."""

    id: Id
    number: Id
    title: str
    body: str | None = None
    updated_at: Time
    html_url: Link
    pull_request: dict[str, object] | None = None


class CommentPart(_Part):
    """A comment on an issue or pull request."""

    id: Id
    body: str
    html_url: Link


class HeadRepository(_Part):
    """The repository a pull request's head lies in."""

    id: Id


class PullRequestSide(_Part):
    """The head or base of a pull request; `repo` is None when a fork was deleted, `ref` is unchecked."""

    ref: str
    sha: SHA
    repo: HeadRepository | None = None


class PullRequestPart(_Part):
    """A pull request."""

    number: Id
    html_url: Link
    updated_at: Time | None = None
    head: PullRequestSide
    base: PullRequestSide


class Delivery(_Part):
    """What every handled event carries."""

    repository: RepositoryPart
    sender: Account
    installation: Installation

    def make_repository(self) -> Repository:
        """The repository as the rest of hublish knows it."""
        return Repository(
            id=self.repository.id,
            owner=self.repository.owner.login,
            name=self.repository.name,
            installation_id=self.installation.id,
            default_branch=self.repository.default_branch,
            private=self.repository.private,
            owner_id=self.repository.owner.id,
        )


class ReleaseDelivery(Delivery):
    """A `release` event."""

    release: Release


class HeadCommit(_Part):
    """The commit a pushed ref points at, through an annotated tag if need be."""

    id: SHA


class CreateDelivery(Delivery):
    """A `create` event; `ref` is the short name of a branch or tag, unchecked."""

    ref: str
    ref_type: str


class PushDelivery(Delivery):
    """A `push` event; `ref` is unchecked, because tags and notes are pushed too."""

    ref: str
    before: SHA | None = None
    after: SHA
    deleted: bool
    head_commit: HeadCommit | None = None


class PullRequestDelivery(Delivery):
    """A `pull_request` event."""

    pull_request: PullRequestPart


class Label(_Part):
    """A label that an issue got; `name` is unchecked."""

    name: str


class IssueDelivery(Delivery):
    """An `issues` event."""

    issue: Issue
    label: Label | None = None


class CheckRunPart(_Part):
    """A check run; `external_id` is whatever its App wrote."""

    id: Id
    head_sha: SHA
    external_id: str | None = None


class RequestedAction(_Part):
    """The button that was pressed."""

    identifier: str


class CheckRunDelivery(Delivery):
    """A `check_run` event."""

    check_run: CheckRunPart
    requested_action: RequestedAction | None = None


class CheckSuitePart(_Part):
    """All check runs of an App on a commit."""

    id: Id
    head_sha: SHA


class CheckSuiteDelivery(Delivery):
    """A `check_suite` event."""

    check_suite: CheckSuitePart


class CommentDelivery(Delivery):
    """An `issue_comment` event."""

    issue: Issue
    comment: CommentPart


class BriefRepository(_Part):
    """A repository as an installation lists it."""

    id: Id
    full_name: FullName


class InstallationDelivery(_Part):
    """An `installation` event."""

    installation: Installation
    repositories: list[BriefRepository] = []


class InstallationRepositoriesDelivery(_Part):
    """An `installation_repositories` event."""

    installation: Installation
    repositories_added: list[BriefRepository]
