"""What pull requests of hublish to a repository's own config and lock say alike."""

from __future__ import annotations

from hublish.core.answers.markdown import link
from hublish.core.answers.report import SHORT_SHA

TITLE_LIMIT_CHARACTERS = 120
REFERENCE_LIMIT = 512


def render_commit(repository_url: str, commit: str) -> str:
    """Render a commit as a link; `repository_url` has no final slash."""
    return link(commit[:SHORT_SHA], f"{repository_url}/commit/{commit}")


def render_merged(branch: str, *, rebuilt: bool, otherwise: str) -> str:
    """Render what merging does: whether a push to `branch`, which is Markdown, is built, or what comes `otherwise`."""
    unbuilt = f"nothing is built, as `triggers.push` does not list {branch}; {otherwise}"
    return "**Once merged:** " + (f"`triggers.push` lists {branch}, so it is built." if rebuilt else unbuilt)
