"""What is said of a new lock: the pull request and the answer, whole."""

from __future__ import annotations

import dataclasses

import pytest

from hublish.core.answers.lock_update import (
    LockUpdate,
    render_lock_body,
    render_lock_current,
    render_lock_failed,
    render_lock_message,
    render_lock_ordered,
    render_lock_proposed,
    render_lock_title,
)
from hublish.core.answers.report import Failure
from hublish.core.locks.renewal import PackageChange
from hublish.core.reference import Reference

SHA = "0123456789" * 4
BASE = Reference(registry="registry.example.org", repository="base/python", tag="3.11")
CHANGES = (
    PackageChange(group="default", name="numpy", old="1.0", new="2.0"),
    PackageChange(group="default", name="six", old=None, new="1.17.0"),
    PackageChange(group="develop", name="tool", old="3", new=None),
)
UPDATE = LockUpdate(
    run_id="r1",
    run_url="https://hublish.example.com/runs/r1",
    repository_url="https://github.com/octo/ts",
    path="Pipfile.lock",
    branch="main",
    commit=SHA,
    actor="octocat",
    comment_url="https://github.com/octo/ts/issues/5#issuecomment-50",
    base=BASE,
    changes=CHANGES,
    rebuilt=True,
)
BODY = f"""\
`octocat` asked for it: [/lock](<https://github.com/octo/ts/issues/5#issuecomment-50>).

pipenv made `Pipfile.lock` anew from the Pipfile of `main` at [0123456](<https://github.com/octo/ts/commit/{SHA}>), in a \
container of `registry.example.org/base/python:3.11`. No other file changes.

**Packages:** 1 changed, 1 added, 1 removed.

| package | before | now |
| --- | --- | --- |
| `numpy` | `1.0` | `2.0` |
| `six` |  | `1.17.0` |
| `tool` (develop) | `3` |  |

**Once merged:** `triggers.push` lists `main`, so it is built.

**To undo:** close this pull request; once it is merged, revert it.

[Steps](<https://hublish.example.com/runs/r1>)

<!-- hublish:lock:r1 -->"""


def make_changes(count: int) -> tuple[PackageChange, ...]:
    """So many packages that moved from one version to the next."""
    return tuple(PackageChange(group="default", name=f"p{number:03}", old="1", new="2") for number in range(count))


def test_pull_request_shows_old_and_new_versions() -> None:
    """What changed, what merging does, and how to undo it."""
    assert render_lock_body(UPDATE) == BODY
    assert render_lock_title(UPDATE) == "Update Pipfile.lock of main"
    assert render_lock_message(UPDATE) == (
        "Update Pipfile.lock of main\n\n"
        f"Made by pipenv from the Pipfile at {SHA}, in registry.example.org/base/python:3.11.\nRun: r1\n"
    )


def test_merge_that_builds_nothing_says_so() -> None:
    """The branch is not listed: who merges knows what to do then."""
    expected = "**Once merged:** nothing is built, as `triggers.push` does not list `main`; a release or `/build` takes the new lock."

    assert expected in render_lock_body(dataclasses.replace(UPDATE, rebuilt=False))


@pytest.mark.parametrize(
    ("count", "rows", "more"), [(10, 10, ""), (11, 11, ""), (150, 100, "50 more are in the diff.")]
)
def test_long_table_is_folded_and_cut_with_a_count(count: int, rows: int, more: str) -> None:
    """A hundred rows at most; the count above them is of all."""
    body = render_lock_body(dataclasses.replace(UPDATE, changes=make_changes(count)))

    assert f"**Packages:** {count} changed." in body
    assert body.count("| `p") == rows
    assert ("<details>" in body) is (count > 10)
    assert (more in body, " more are in the diff." in body) == (True, bool(more))


def test_lock_with_the_same_versions_has_no_table() -> None:
    """Hashes and markers change without a version; the diff shows them."""
    body = render_lock_body(dataclasses.replace(UPDATE, changes=()))

    assert "**Packages:** all versions stay, hashes or markers change.\n\n**Once merged:**" in body


def test_text_of_the_resolver_is_neutralised() -> None:
    """A package that is named to mention somebody or to break the table does neither."""
    hostile = PackageChange(group="@all", name="a|b](x) @octocat", old="`1`", new="<b>2</b>")
    body = render_lock_body(dataclasses.replace(UPDATE, branch="@octocat", changes=(hostile,)))

    assert "| a\\|b\\](x) @\u200boctocat (@\u200ball) | `` `1` `` | `<b>2</b>` |" in body
    assert "@octocat" not in body.replace("`@octocat`", "")
    assert render_lock_title(dataclasses.replace(UPDATE, branch="@octocat")) == "Update Pipfile.lock of @\u200boctocat"


def test_answers_are_one_sentence() -> None:
    """The pull request, or that there is nothing to do."""
    proposed = render_lock_proposed(UPDATE, number=3, url="https://github.com/octo/ts/pull/3")

    assert "\n".join(proposed) == (
        "**Locked:** `main` at 0123456: [pull request #3](https://github.com/octo/ts/pull/3) "
        "updates `Pipfile.lock`; 1 changed, 1 added, 1 removed."
    )
    assert render_lock_ordered("main") == (
        "**To be locked:** `main`. pipenv makes the lock in a container; a pull request brings it.",
    )
    assert render_lock_current("main", commit=SHA, path="Pipfile.lock") == (
        "**The lock is current already:** a new `Pipfile.lock` of `main` at 0123456 would be the same.",
    )


@pytest.mark.parametrize(("commit", "at"), [(SHA, " at 0123456"), (None, "")])
def test_failure_shows_the_first_error_and_the_last_lines(commit: str | None, at: str) -> None:
    """And what to do."""
    failure = Failure(code="LockFailed", message="no versions", hint="Change it.", last_lines=("one", "two"))

    assert "\n".join(render_lock_failed("main", commit=commit, failure=failure)) == (
        f"**Not locked:** `main`{at}\n\nLockFailed: no versions\n\n**What to do:** Change it.\n\n"
        "<details><summary>Last lines of the log</summary>\n\n```\none\ntwo\n```\n\n</details>"
    )
