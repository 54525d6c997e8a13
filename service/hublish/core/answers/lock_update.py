"""What is said of a lock that was made anew: the answer to `/lock`, and the pull request with the new lock.

Values in, text out. Names and versions come from a resolver that ran foreign code: they go through
`hublish.core.answers.markdown` like every text from outside.
"""

from __future__ import annotations

from dataclasses import dataclass

from hublish.core.answers.markdown import cell, code_span, escape_inline, link, no_mention
from hublish.core.answers.proposal import REFERENCE_LIMIT, TITLE_LIMIT_CHARACTERS, render_commit, render_merged
from hublish.core.answers.report import SHORT_SHA, Failure, make_marker, render_failure
from hublish.core.locks.renewal import PackageChange
from hublish.core.reference import Reference

SHOWN_PACKAGES = 100
"""Rows of the table; a hundred fill a few screens, and the diff has them all."""
DEFAULT_GROUP = "default"
_FOLDED_ROWS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class LockUpdate:
    """A lock that was made anew and differs from the one that stands.

    Attributes:
        run_id: the run that made it.
        run_url: its page.
        repository_url: page of the repository, without a final slash.
        path: of the lock.
        branch: whose lock it is.
        commit: 40 hex digits, where the branch was.
        actor: login of who asked.
        comment_url: the comment that asked.
        base: image in which the resolver ran.
        changes: packages that the new lock holds otherwise.
        rebuilt: True when a push to the branch is built.
    """

    run_id: str
    run_url: str
    repository_url: str
    path: str
    branch: str
    commit: str
    actor: str
    comment_url: str
    base: Reference
    changes: tuple[PackageChange, ...]
    rebuilt: bool


def render_lock_title(update: LockUpdate) -> str:
    """Render the title of the pull request, and the first line of its commit."""
    return no_mention(f"Update {update.path} of {update.branch}", limit=TITLE_LIMIT_CHARACTERS)


def render_lock_message(update: LockUpdate) -> str:
    """Render the commit's message, without a sign-off."""
    made = f"Made by pipenv from the Pipfile at {update.commit}, in {update.base}."
    return f"{render_lock_title(update)}\n\n{no_mention(made, limit=REFERENCE_LIMIT)}\nRun: {update.run_id}\n"


def render_lock_body(update: LockUpdate) -> str:
    """Render the body of the pull request: what changed, what merging it does, how to undo it."""
    commit = render_commit(update.repository_url, update.commit)
    branch = code_span(update.branch)
    merged = render_merged(branch, rebuilt=update.rebuilt, otherwise="a release or `/build` takes the new lock.")
    made = (
        f"pipenv made {code_span(update.path)} anew from the Pipfile of {branch} at {commit}, in a container of "
        f"{code_span(str(update.base), limit=REFERENCE_LIMIT)}. No other file changes."
    )
    lines = [
        f"{code_span(update.actor)} asked for it: {link('/lock', update.comment_url)}.",
        "",
        made,
        "",
        *_render_changes(update.changes),
        "",
        merged,
        "",
        "**To undo:** close this pull request; once it is merged, revert it.",
        "",
        link("Steps", update.run_url),
        "",
        make_marker(update.run_id, "lock"),
    ]
    return "\n".join(lines)


def render_lock_ordered(branch: str) -> tuple[str, ...]:
    """Render what stands until the lock is made, and all that a rehearsal can say."""
    return (f"**To be locked:** {code_span(branch)}. pipenv makes the lock in a container; a pull request brings it.",)


def render_lock_proposed(update: LockUpdate, *, number: int, url: str) -> tuple[str, ...]:
    """Render the answer where a pull request stands."""
    what = f"updates {code_span(update.path)}; {_count(update.changes)}"
    branch = f"{code_span(update.branch)} at {update.commit[:SHORT_SHA]}"
    return (f"**Locked:** {branch}: [pull request #{number}]({url}) {what}.",)


def render_lock_current(branch: str, *, commit: str, path: str) -> tuple[str, ...]:
    """Render the answer where the lock that stands is the one that would be made."""
    at = f"{code_span(branch)} at {commit[:SHORT_SHA]}"
    return (f"**The lock is current already:** a new {code_span(path)} of {at} would be the same.",)


def render_lock_failed(branch: str, *, commit: str | None, failure: Failure) -> tuple[str, ...]:
    """Render the answer where no lock came of it; `commit` is None when the branch was not found."""
    at = "" if commit is None else f" at {commit[:SHORT_SHA]}"
    return (f"**Not locked:** {code_span(branch)}{at}", "", *render_failure(failure))


def _render_changes(changes: tuple[PackageChange, ...]) -> list[str]:
    shown = changes[:SHOWN_PACKAGES]
    rows = [f"| {_name(change)} | {_version(change.old)} | {_version(change.new)} |" for change in shown]
    table = ["| package | before | now |", "| --- | --- | --- |", *rows]
    if len(shown) < len(changes):
        table += ["", f"{len(changes) - len(shown)} more are in the diff."]
    if len(rows) > _FOLDED_ROWS:
        table = ["<details><summary>Show them</summary>", "", *table, "", "</details>"]
    return [f"**Packages:** {_count(changes)}.", *(["", *table] if rows else [])]


def _count(changes: tuple[PackageChange, ...]) -> str:
    added = sum(change.old is None for change in changes)
    removed = sum(change.new is None for change in changes)
    counts = (("changed", len(changes) - added - removed), ("added", added), ("removed", removed))
    return (
        ", ".join(f"{count} {word}" for word, count in counts if count) or "all versions stay, hashes or markers change"
    )


def _name(change: PackageChange) -> str:
    return (
        cell(change.name) if change.group == DEFAULT_GROUP else f"{cell(change.name)} ({escape_inline(change.group)})"
    )


def _version(version: str | None) -> str:
    return "" if version is None else cell(version)
