"""One pull request from a branch of hublish's own: the commit on it, then the pull request, each looked up before it is made.

A branch that a person pushed to is left alone.
"""

from __future__ import annotations

from hublish.core.github.ports import HubRepository, PullRequest
from hublish.core.repository import Repository
from hublish.errors import PullRequestTaken


def ensure_proposal(
    hub_repository: HubRepository,
    repository: Repository,
    *,
    branch: str,
    base: str,
    base_sha: str,
    files: dict[str, bytes],
    message: str,
    title: str,
    body: str,
    taken: PullRequestTaken,
) -> PullRequest:
    """Make the branch one commit on `base_sha` with `files` changed, and create or update its pull request into `base`.

    Raises:
        PullRequestTaken: `taken`, where a person pushed to the branch; the port's own, where somebody just did.
    """
    state = hub_repository.fetch_branch(repository, branch, base=base)
    if state is not None and not state.ours:
        raise taken
    hub_repository.ensure_commit(
        repository,
        branch=branch,
        base_sha=base_sha,
        files=files,
        message=message,
        expected_sha=None if state is None else state.sha,
    )
    return hub_repository.ensure_pull_request(repository, branch=branch, base=base, title=title, body=body)
