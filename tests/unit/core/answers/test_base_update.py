"""The pull request that bumps a base: whole texts."""

from __future__ import annotations

import dataclasses

from hublish.core.answers.base_update import (
    BaseUpdate,
    render_base_body,
    render_base_current,
    render_base_message,
    render_base_proposed,
    render_base_title,
)
from hublish.core.reference import parse_reference

OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64
NAME = "registry.example.org/base/python"
BASE = f"{NAME}:3.11"
UPDATE = BaseUpdate(
    run_id="r1",
    run_url="https://hublish.example.com/runs/r1",
    repository_url="https://github.com/octo/ts",
    path=".hublish.yaml",
    branch="main",
    commit="0123456789" * 4,
    changes=((parse_reference(f"{BASE}@{OLD}"), parse_reference(f"{BASE}@{NEW}")),),
    rebuilt=False,
)
BODY = f"""\
A base image that .hublish.yaml of `main` at [0123456](<https://github.com/octo/ts/commit/{"0123456789" * 4}>) \
pins is there in a newer state. No other byte of the file changes, and no other file.

| base | before | now |
| --- | --- | --- |
| `{NAME}` | `3.11, {OLD}` | `3.11, {NEW}` |

**Once merged:** nothing is built, as `triggers.push` does not list `main`; the next release takes the new base.

**To undo:** close this pull request: the same images are not proposed again. Once it is merged, revert it.

It is made because `triggers.schedule` is on.

[Steps](<https://hublish.example.com/runs/r1>)

<!-- hublish:base:r1 -->"""


def test_pull_request_says_what_moved_and_what_merging_does() -> None:
    """Title, commit message and body."""
    assert render_base_title(UPDATE) == "Update base/python:3.11 in .hublish.yaml"
    assert render_base_message(UPDATE) == (
        f"Update base/python:3.11 in .hublish.yaml\n\n{NAME}: 3.11, {OLD} -> 3.11, {NEW}\nRun: r1\n"
    )
    assert render_base_body(UPDATE) == BODY


def test_branch_that_is_built_is_said_to_be() -> None:
    """Merging then costs a build."""
    body = render_base_body(dataclasses.replace(UPDATE, rebuilt=True))

    assert "**Once merged:** `triggers.push` lists `main`, so it is built." in body


def test_several_bases_are_counted_in_the_title() -> None:
    """Their names are in the table."""
    other = parse_reference(f"registry.example.org/base/r:4@{OLD}")
    update = dataclasses.replace(UPDATE, changes=(*UPDATE.changes, (other, dataclasses.replace(other, digest=NEW))))

    assert render_base_title(update) == "Update 2 base images in .hublish.yaml"
    assert f"| `registry.example.org/base/r` | `4, {OLD}` | `4, {NEW}` |" in render_base_body(update)


def test_newer_tag_is_named_in_the_title() -> None:
    """It may be pinned by a digest or not."""
    old, new = parse_reference(f"{NAME}:3.11.1"), parse_reference(f"{NAME}:3.11.2")
    update = dataclasses.replace(UPDATE, changes=((old, new),))

    assert render_base_title(update) == "Update base/python:3.11.1 to 3.11.2 in .hublish.yaml"
    assert render_base_message(update).splitlines()[2] == f"{NAME}: 3.11.1 -> 3.11.2"
    assert f"| `{NAME}` | `3.11.1` | `3.11.2` |" in render_base_body(update)


def test_answers_of_the_run() -> None:
    """Where the pull request is, or that there is none to make."""
    assert render_base_proposed(UPDATE, number=3, url="https://github.com/octo/ts/pull/3") == (
        "**Proposed:** [pull request #3](https://github.com/octo/ts/pull/3) updates `.hublish.yaml` to where its base is now.",
    )
    assert render_base_current("main") == ("**Current already:** the config of `main` pins no base that has moved.",)
