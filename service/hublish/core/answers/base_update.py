"""What is said of a base that moved where the config pins it: the pull request that follows. Values in, text out."""

from __future__ import annotations

from dataclasses import dataclass

from hublish.core.answers.markdown import cell, code_span, escape_inline, link, no_mention
from hublish.core.answers.proposal import REFERENCE_LIMIT, TITLE_LIMIT_CHARACTERS, render_commit, render_merged
from hublish.core.answers.report import make_marker
from hublish.core.reference import Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseUpdate:
    """Newer tags or digests for the bases that a config pins.

    Attributes:
        run_id: the run that found them.
        run_url: its page.
        repository_url: page of the repository, without a final slash.
        path: of the config.
        branch: whose config it is.
        commit: 40 hex digits, where the branch was.
        changes: each base as it stands and as it shall stand; at least one.
        rebuilt: True when a push to the branch is built.
    """

    run_id: str
    run_url: str
    repository_url: str
    path: str
    branch: str
    commit: str
    changes: tuple[tuple[Reference, Reference], ...]
    rebuilt: bool


def render_base_title(update: BaseUpdate) -> str:
    """Render the title of the pull request, and the first line of its commit."""
    tags = dict.fromkeys(
        f"{old.repository}:{old.tag}" + ("" if old.tag == new.tag else f" to {new.tag}") for old, new in update.changes
    )
    what = next(iter(tags)) if len(tags) == 1 else f"{len(tags)} base images"
    return no_mention(f"Update {what} in {update.path}", limit=TITLE_LIMIT_CHARACTERS)


def render_base_message(update: BaseUpdate) -> str:
    """Render the commit's message, without a sign-off."""
    lines = [f"{old.name}: {_render(old)} -> {_render(new)}" for old, new in update.changes]
    return "\n".join([render_base_title(update), "", *lines, f"Run: {update.run_id}", ""])


def render_base_body(update: BaseUpdate) -> str:
    """Render the body of the pull request: what moved, what merging it does, how to undo it."""
    commit = render_commit(update.repository_url, update.commit)
    branch = code_span(update.branch)
    merged = render_merged(branch, rebuilt=update.rebuilt, otherwise="the next release takes the new base.")
    rows = [
        f"| {cell(old.name, limit=REFERENCE_LIMIT)} | {cell(_render(old))} | {cell(_render(new))} |"
        for old, new in update.changes
    ]
    moved = f"A base image that {escape_inline(update.path)} of {branch} at {commit} pins is there in a newer state."
    lines = [
        f"{moved} No other byte of the file changes, and no other file.",
        "",
        "| base | before | now |",
        "| --- | --- | --- |",
        *rows,
        "",
        merged,
        "",
        "**To undo:** close this pull request: the same images are not proposed again. Once it is merged, revert it.",
        "",
        "It is made because `triggers.schedule` is on.",
        "",
        link("Steps", update.run_url),
        "",
        make_marker(update.run_id, "base"),
    ]
    return "\n".join(lines)


def _render(base: Reference) -> str:
    return f"{base.tag}" if base.digest is None else f"{base.tag}, {base.digest}"


def render_base_proposed(update: BaseUpdate, *, number: int, url: str) -> tuple[str, ...]:
    """Render the answer where a pull request stands."""
    return (
        f"**Proposed:** [pull request #{number}]({url}) updates {code_span(update.path)} to where its base is now.",
    )


def render_base_current(branch: str) -> tuple[str, ...]:
    """Render the answer where the config names the newest digests already."""
    return (f"**Current already:** the config of {code_span(branch)} pins no base that has moved.",)
