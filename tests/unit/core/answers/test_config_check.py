"""The check run "hublish config": faults on their lines, and what the config comes to."""

from __future__ import annotations

import dataclasses

import pytest

from hublish.core.answers.config_check import ANNOTATIONS_MOST, Place, make_config_check, make_skipped_check
from hublish.core.github.ports import Annotation, CheckRun
from hublish.core.inspection import Inspection, inspect_config, inspect_files

SHA = "0123456789" * 4
URL = "https://github.com/octo/ts"
PLACE = Place(sha=SHA, default_branch="main", url=URL)
CONFIG = ".hublish.yaml"
GOOD = b"version: 1\nimage: {name: registry.example.org/team/ts}\nstrategy: dockerfile\nlimits: {time: 10m}\n"
THEIRS = b"version: 1\nimage:\n  name: registry.example.org/team/x\ntriggers: {push: [main]}\n"
NOTHING = inspect_config(None, None, repository_name="ts")


def inspect(config: bytes | None, **files: bytes) -> Inspection:
    tree = {**({} if config is None else {CONFIG: config}), **files}
    return inspect_files(has=tree.__contains__, read=tree.get, repository_name="ts")


def make(inspection: Inspection, *, published: Inspection | None = None) -> CheckRun:
    return make_config_check(inspection, published=inspection if published is None else published, place=PLACE)


def test_good_config_succeeds_and_shows_what_counts() -> None:
    """What is set has its line, what counts from the default branch says so, defaults are folded away."""
    theirs = inspect_config(CONFIG, THEIRS, repository_name="ts")
    expected = """\
`.hublish.yaml` at 0123456. Nothing was built.


**What counts**

| key | value | from |
| --- | --- | --- |
| `image.name` | `registry.example.org/team/x` | the config on main, line 3 |
| `triggers.push` | `main` | the config on main, line 4 |
| `strategy` | `dockerfile` | `.hublish.yaml` at 0123456, line 3 |
| `limits.time` | `10m` | `.hublish.yaml` at 0123456, line 4 |

<details><summary>Defaults</summary>

| key | value | from |
| --- | --- | --- |
| `triggers.release` | `true` | default |
| `triggers.prerelease` | `false` | default |
| `triggers.tag` | `false` | default |
| `triggers.issue` | `true` | default |
| `triggers.comment` | `true` | default |
| `triggers.schedule` | `false` | default |
| `triggers.pull_request` | `false` | default |
| `triggers.pull_request_tag` | `false` | default |
| `approvers.owners` | `false` | default |
| `approvers.teams` | `none` | default |
| `hubs` | `none` | default |
| `image.tags` | `{release}` | default |
| `base` | `the operator's for the lock's Python` | default |
| `python.lock` | `the one that is there` | default |
| `python.dev` | `false` | default |
| `python.environment` | `venv` | default |
| `system.apt` | `none` | default |
| `source.path` | `/srv/repo` | default |
| `resources.gpu` | `0` | default |
| `smoke.timeout` | `5m` | default |
| `limits.size` | `4Gi` | default |

</details>"""
    check = make(inspect(GOOD), published=theirs)

    assert check == CheckRun(
        name="hublish config",
        external_id=f"config/{SHA}",
        sha=SHA,
        status="completed",
        conclusion="success",
        title="No faults",
        summary=expected,
        details_url=f"{URL}/blob/{SHA}/.hublish.yaml",
    )


def test_every_fault_is_annotated_at_its_column_with_the_suggestion() -> None:
    """Faults of the config and of the lock, those of a whole file at its top; a missing file has no line."""
    check = make(inspect(GOOD + b"smoke: {timeot: 5m}\n", **{"Pipfile.lock": b"{", "aicoe-ci.yaml": b""}))
    name, first, lock = check.annotations

    assert (check.conclusion, check.title) == ("failure", "3 errors, 1 warning")
    assert first == Annotation(
        path=CONFIG,
        line=5,
        column=9,
        level="failure",
        title="UnknownKey",
        message="unknown key `timeot`\ndid you mean `timeout`?",
    )
    assert (name.path, name.line, name.title) == ("aicoe-ci.yaml", 1, "WrongFileName")
    assert (lock.path, lock.title) == ("Pipfile.lock", "JSONInvalid")
    assert "Pipfile\\` is missing" in check.summary
    assert check.summary.endswith("What the config comes to is shown once it has no errors.")


def test_whole_file_is_annotated_at_its_top() -> None:
    """A file that is there has a first line to stand at."""
    check = make(inspect(b"version: 1\n" + b"#" * (64 * 1024)))

    assert [(row.path, row.line, row.title) for row in check.annotations] == [(CONFIG, 1, "FileTooLarge")]


def test_warnings_alone_are_no_failure() -> None:
    """They are counted in the title and annotated."""
    check = make(inspect(GOOD + b"system: {apt: [git]}\n"))

    assert (check.conclusion, check.title) == ("success", "1 warning")
    assert [row.level for row in check.annotations] == ["warning"]


@pytest.mark.parametrize(
    ("published", "words"),
    [
        (NOTHING, "Add `.hublish.yaml` to build an image from this repository."),
        (inspect_config(CONFIG, THEIRS, repository_name="ts"), "A build of this commit follows the config of `main`."),
    ],
)
def test_commit_without_a_config_is_neutral(published: Inspection, words: str) -> None:
    """It was taken away, or has a wrong name; the default branch's counts as long as there is one."""
    check = make(inspect(None), published=published)

    assert (check.conclusion, check.title) == ("neutral", "There is no config file")
    assert check.summary.endswith(words)
    assert check.details_url == f"{URL}/commit/{SHA}"


def test_first_config_counts_once_it_is_on_the_default_branch() -> None:
    """Everything is shown as it would count then."""
    summary = make(inspect(GOOD), published=NOTHING).summary

    assert "`main` has no config that can be used: nothing is published until this one is there." in summary
    assert "| `image.name` | `registry.example.org/team/ts` | `.hublish.yaml` at 0123456, line 2 |" in summary


def test_old_format_shows_no_lines() -> None:
    """Its keys have other names than those that are shown."""
    tree = {".aicoe-ci.yaml": b"build: {registry-org: team}\n", "Dockerfile": b""}
    found = inspect_files(has=tree.__contains__, read=tree.get, repository_name="ts")

    assert "| `image.name` | `quay.io/team/ts` | the config on main |" in make(found).summary


def test_hostile_text_stays_text() -> None:
    """A stranger's config is shown, never interpreted: no mention, no link, no HTML, no broken table."""
    body = GOOD + b'dockerfile: {args: {A: "| @octocat <b>[x](http://evil.example)</b> `"}}\n'
    (row,) = [line for line in make(inspect(body)).summary.splitlines() if "args.A" in line]

    assert row == (
        "| `dockerfile.args.A` | \\| @\u200boctocat \\<b\\>\\[x\\](http:\u200b//evil.example)\\</b\\> \\` "
        "| `.hublish.yaml` at 0123456, line 5 |"
    )


def test_annotations_have_a_limit() -> None:
    """Nobody reads more, and each fifty are a call; the summary counts them all."""
    faults = b"".join(b"key%d: 1\n" % number for number in range(700))
    check = make(inspect(GOOD + faults))

    assert len(check.annotations) == ANNOTATIONS_MOST
    assert check.title == "700 errors"


def test_unreadable_commit_is_not_checked() -> None:
    """Neutral, with the reason and the way out."""
    check = make_skipped_check("Pipfile.lock has 2000000 bytes; at most 1048576 are read.", place=PLACE)

    assert dataclasses.replace(check, summary="") == CheckRun(
        name="hublish config",
        external_id=f"config/{SHA}",
        sha=SHA,
        status="completed",
        conclusion="neutral",
        title="Not checked",
        summary="",
        details_url=f"{URL}/commit/{SHA}",
    )
    assert check.summary == (
        "Pipfile.lock has 2000000 bytes; at most 1048576 are read. `hublish validate` checks a checkout."
    )
