"""The words of the pull request: title, body, commit message."""

import dataclasses

import pytest
from markdown_it import MarkdownIt

from hublish.core.answers.pull_request import (
    EntryAction,
    ListedImage,
    PackageChange,
    PullRequestReport,
    make_lock_changes,
    render_action,
    render_body,
    render_commit_message,
    render_title,
)
from hublish.core.reference import parse_reference

IMAGE = "registry.example.org/team/ts"
OLD = "sha256:" + "a" * 64
NEW = "sha256:" + "b" * 64
COMMIT = "0123456789" * 4
NAMES = (("jupyterlab", "4.4.8"), ("numpy", "2.3.2"), ("six", "1.17.0"))
LISTED = ListedImage(
    image_name="ts",
    action=EntryAction.MOVE_TAG,
    path="hub/ts.yaml",
    reference=parse_reference(f"{IMAGE}:v2@{NEW}"),
    size_bytes=365_000_000,
    previous=parse_reference(f"{IMAGE}@{OLD}"),
    previous_size_bytes=353_000_000,
    changes=make_lock_changes(NAMES, (("jupyterlab", "4.4.9"), ("numpy", "2.3.2"), ("pyarrow", "21.0.0"))),
    remarks=("ts.yaml is not named in hub/kustomization.yaml, so no cluster may see this entry.",),
)
REPORT = PullRequestReport(
    run_id="r1",
    run_url="https://hublish.example.com/runs/r1",
    source_repo="org/ts",
    source_url="https://github.com/org/ts",
    release="v2",
    commit=COMMIT,
    actor="octocat",
    images=(LISTED,),
)
BODY = f"""\
Release `v2` of [org/ts](<https://github.com/org/ts>), started by `octocat`.

**Moves the tag v2 of ts** in `hub/ts.yaml`.

| | |
| --- | --- |
| image | `{IMAGE}:v2` |
| digest | `{NEW}` |
| size | 365 MB, 12 MB more than before |
| listed before | `{IMAGE}@{OLD}` |
| source | [0123456](<https://github.com/org/ts/commit/{COMMIT}>) |
| smoke test | not started in a hub: this version of hublish has no smoke test |

**Packages:** 1 changed, 1 added, 1 removed.

| package | before | now |
| --- | --- | --- |
| `jupyterlab` | `4.4.8` | `4.4.9` |
| `pyarrow` |  | `21.0.0` |
| `six` | `1.17.0` |  |

- ts.yaml is not named in hub/kustomization.yaml, so no cluster may see this entry.

**To undo:** close this pull request; once it is merged, revert it, and the tag names `{IMAGE}@{OLD}` again.

[Steps and log](<https://hublish.example.com/runs/r1>)

<!-- hublish:pull-request:r1 -->"""


def with_image(**changes: object) -> PullRequestReport:
    return dataclasses.replace(REPORT, images=(dataclasses.replace(LISTED, **changes),))


def test_body_says_what_a_reviewer_needs() -> None:
    """Image, digest, size and its change, source, commit, packages, how to undo, the run and the marker."""

    assert render_body(REPORT) == BODY


def test_body_of_a_new_entry() -> None:
    """Nothing is compared with, and undoing takes the image off the list."""
    body = render_body(
        dataclasses.replace(
            with_image(
                action=EntryAction.CREATE, previous=None, previous_size_bytes=None, changes=None, remarks=(),
                reference=parse_reference(f"{IMAGE}@{NEW}"),
            ),
            smoke="started in 4 s",
        )
    )  # fmt: skip
    expected = f"""\
Release `v2` of [org/ts](<https://github.com/org/ts>), started by `octocat`.

**Lists ts with the tag of the release** in `hub/ts.yaml`.

| | |
| --- | --- |
| image | `{IMAGE}` |
| digest | `{NEW}` |
| size | 365 MB |
| listed before | nothing |
| source | [0123456](<https://github.com/org/ts/commit/{COMMIT}>) |
| smoke test | started in 4 s |

**Packages:** this is the first image of this entry.

**To undo:** close this pull request; once it is merged, revert it, and the image leaves the list. It stays in its registry.

[Steps and log](<https://hublish.example.com/runs/r1>)

<!-- hublish:pull-request:r1 -->"""

    assert body == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"changes": None}, "**Packages:** the lock of the image listed before is not known here."),
        ({"changes": ()}, "**Packages:** none changed."),
        ({"previous_size_bytes": 365_000_000}, "| size | 365 MB, as before |"),
        ({"previous_size_bytes": 366_000_000}, "| size | 365 MB, 1.0 MB less than before |"),
        (
            {"action": EntryAction.ADD_TAG},
            "revert it, and the entry is as it was before. The image stays in its registry.",
        ),
        ({"action": EntryAction.MOVE_TAG, "previous": None}, "revert it, and the entry is as it was before."),
    ],
)
def test_body_says_what_is_known(changes: dict[str, object], expected: str) -> None:
    """What is equal, smaller or unknown is said in words."""

    assert expected in render_body(with_image(**changes))


def make_changes(count: int, *, new: str = "2") -> tuple[PackageChange, ...]:
    return tuple(PackageChange(name=f"package-{number:04}", old="1", new=new) for number in range(count))


def test_long_lists_of_packages_are_folded_and_cut() -> None:
    """More than ten rows are folded, more than 200 are cut with their number."""
    body = render_body(with_image(changes=make_changes(201)))

    assert "**Packages:** 201 changed.\n\n<details><summary>Show them</summary>\n\n| package |" in body
    assert "| `package-0199` | `1` | `2` |\n\n1 more are not shown.\n\n</details>" in body
    assert "package-0200" not in body


@pytest.mark.parametrize(
    ("images", "packages", "version", "shown", "rows"),
    [(10, 200, "2", 10, 20), (30, 200, "2" * 250, 30, 0), (31, 1, "2", 30, 1), (30, 2, "2", 30, 2)],
)
def test_body_fits_whatever_it_holds(images: int, packages: int, version: str, shown: int, rows: int) -> None:
    """GitHub refuses more than 65,536 characters: packages go first, then images."""
    image = dataclasses.replace(LISTED, changes=make_changes(packages, new=version))
    body = render_body(dataclasses.replace(REPORT, images=(image,) * images))

    assert len(body) <= 60_000
    assert (body.count("**Moves the tag"), body.count("| `package-")) == (shown, shown * rows)
    assert ("The files show 1 more images." in body) is (images > shown)


def test_body_with_endless_texts_names_no_image() -> None:
    """Where even that is too long, the files speak."""
    image = dataclasses.replace(LISTED, remarks=("x" * 600,) * 10)
    body = render_body(dataclasses.replace(REPORT, images=(image,) * 20))

    assert "The files show 20 more images." in body
    assert body.endswith("<!-- hublish:pull-request:r1 -->")


def test_foreign_text_stays_text() -> None:
    """A hostile tag, path, remark, package or actor makes no mention, link, HTML or table."""
    evil = "@all <img src=x> [x](https://evil.example) | `y` #1"
    image = dataclasses.replace(
        LISTED, path=evil, remarks=(evil,), changes=(PackageChange(name=evil, old=evil, new=evil),), image_name=evil
    )
    report = dataclasses.replace(REPORT, release=evil, actor=evil, smoke=evil, images=(image,))
    html = MarkdownIt("gfm-like", {"linkify": False}).render(render_body(report).rsplit("\n", 1)[0])
    outside_code = "".join(part.split("</code>")[-1] for part in html.split("<code>"))

    assert ("<img" in html, 'href="https://evil' in html, "@all" in outside_code, "#1" in outside_code) == (False,) * 4
    assert html.count("<tr>") == 7 + 2
    assert "@all" not in render_title(report) + render_commit_message(report)


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        ("c", "List ts0 v2"),
        ("cc", "List ts0 and ts1 v2"),
        ("cam", "Update 3 images of org/ts to v2"),
        ("au", "Update ts0 to v2"),
        ("u", "Update ts0 to v2"),
    ],
)
def test_title_names_images_and_release(actions: str, expected: str) -> None:
    """New entries are listed, others updated; unchanged ones are not counted beside changed ones."""
    kinds = {action.value[0]: action for action in EntryAction}
    images = tuple(
        dataclasses.replace(LISTED, image_name=f"ts{number}", action=kinds[letter])
        for number, letter in enumerate(actions)
    )

    assert render_title(dataclasses.replace(REPORT, images=images)) == expected


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (EntryAction.CREATE, "lists ts with the tag v2"),
        (EntryAction.ADD_TAG, "adds the tag v2 to ts"),
        (EntryAction.MOVE_TAG, "moves the tag v2 of ts"),
        (EntryAction.UNCHANGED, "leaves ts as it is: the list names this image already"),
    ],
)
def test_action_reads_as_part_of_a_sentence(action: EntryAction, expected: str) -> None:
    """The answer of a run uses the same words as the pull request."""

    assert render_action(dataclasses.replace(LISTED, action=action)) == expected


def test_commit_message_names_image_and_origin() -> None:
    """The subject is the title; the body lets a reader of the history find image, source and run."""
    expected = f"Update ts to v2\n\nImage: {IMAGE}:v2@{NEW}\nSource: org/ts at {COMMIT}\nRun: r1\n"

    assert render_commit_message(REPORT) == expected


def test_lock_changes_need_both_sides() -> None:
    """Without the old lock nothing is claimed; equal locks differ in nothing."""

    assert (make_lock_changes(None, NAMES), make_lock_changes(NAMES, NAMES)) == (None, ())
