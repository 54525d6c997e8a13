"""What the bot says: progress and the one answer. Whole texts."""

from __future__ import annotations

import dataclasses

from markdown_it import MarkdownIt

from hublish.core.answers.builds import BuildPlace, BuildReport, render_builds
from hublish.core.answers.report import Answer, Failure, make_marker, render_answer, render_progress
from hublish.core.building import BuildStopped, BuildSucceeded, Step
from hublish.core.finding import Severity
from hublish.core.status import RunState
from tests.unit.core.answers.samples import (
    DELIVERED,
    DIGEST,
    FAILED,
    FAILURE,
    FINDING,
    HOSTILE,
    HUB,
    IMAGE,
    SHA,
    URL,
)


def render_html(body: str) -> str:
    """As GitHub would: tables, no raw HTML taken away, so that what gets through shows."""
    return MarkdownIt("commonmark", {"html": True}).enable("table").render(body)


def test_delivered_answer_says_everything_about_the_image() -> None:
    """Reference, digest, tags set and kept, size, time, smoke test, the pull request, the page, the marker."""
    expected = f"""\
**Delivered:** `v1.2` at 0123456

| | |
| --- | --- |
| image | `registry.example.org/team/ts:v1.2` |
| digest | `{DIGEST}` |
| also tagged | `latest` |
| `stable` not moved | it points at v2.0, which is newer |
| size | 365 MB in 12 layers; 34 MB uploaded |
| time | 3 min 5 s |
| smoke test | not started in a hub: this version of hublish has no smoke test |
| hub `demo` | [pull request #3](https://github.com/org/apps/pull/3): lists ts v1.2 |

[Steps and log]({URL})

<!-- hublish:answer:r1 -->"""

    assert render_answer(DELIVERED) == expected


def test_answer_of_an_earlier_build_says_so() -> None:
    """A joined build sent nothing for this run and took no time of it; a hub that lists the image has no link."""
    image = dataclasses.replace(IMAGE, tags=(), kept_tags=(), uploaded_bytes=None, seconds=None)
    hub = dataclasses.replace(HUB, url=None, number=None, detail="lists this image already")
    expected = f"""\
**Delivered:** the default branch at 0123456

| | |
| --- | --- |
| image | `registry.example.org/team/ts:v1.2` |
| digest | `{DIGEST}` |
| size | 365 MB in 12 layers |
| time | an earlier build was used |
| smoke test | not started in a hub: this version of hublish has no smoke test |
| hub `demo` | lists this image already |

[Steps and log]({URL})

<!-- hublish:answer:r1 -->"""

    assert render_answer(dataclasses.replace(DELIVERED, wanted="", images=(image,), hubs=(hub,))) == expected


def test_answer_with_several_images_has_one_table_over_all() -> None:
    """A row each with all its tags; tags that were kept, the smoke test and the hubs, which hold them all, follow."""
    small = dataclasses.replace(
        IMAGE, title="b", reference="registry.example.org/team/b:v1.2", tags=(), kept_tags=(), layers=1,
        uploaded_bytes=None, seconds=None,
    )  # fmt: skip
    expected = f"""\
**Delivered:** `v1.2` at 0123456

| image | size | time |
| --- | --- | --- |
| `registry.example.org/team/ts:v1.2`, also `latest`<br>`{DIGEST}` | 365 MB in 12 layers; 34 MB uploaded | 3 min 5 s |
| `registry.example.org/team/b:v1.2`<br>`{DIGEST}` | 365 MB in 1 layer | an earlier build was used |

- `stable` of `ts` not moved: it points at v2.0, which is newer

Smoke test: not started in a hub: this version of hublish has no smoke test.

- hub `demo`: [pull request #3](https://github.com/org/apps/pull/3): lists ts v1.2

[Steps and log]({URL})

<!-- hublish:answer:r1 -->"""

    assert render_answer(dataclasses.replace(DELIVERED, images=(IMAGE, small))) == expected
    assert "\n- " not in render_answer(dataclasses.replace(DELIVERED, images=(small, small), hubs=()))


def test_answer_without_images_says_of_each_how_far_it_came() -> None:
    """The verdict is joint: one that failed keeps back one that was built, and the table shows which is which."""
    stopped = BuildStopped(code="BuildFailed", message="m", hint="", step=Step.BUILD)
    builds = (
        BuildReport(
            title="a", outcome=BuildSucceeded(digest=DIGEST, size_bytes=1, layers=(), uploaded_bytes=0, packages=())
        ),
        BuildReport(title="b", outcome=stopped, place=BuildPlace(path="b/Dockerfile", line=3)),
        BuildReport(title="c", outcome=dataclasses.replace(stopped, step=Step.PUSH)),
        BuildReport(title="d", outcome=dataclasses.replace(stopped, code="BuildCancelled", cancelled=True)),
        BuildReport(title="e"),
    )
    expected = f"""\
**Not delivered:** `v1.2` at 0123456

| image | build |
| --- | --- |
| a | built, not published |
| b | failed at build: BuildFailed, `b/Dockerfile:3` |
| c | failed at push: BuildFailed |
| d | stopped at build: BuildCancelled |
| e | not finished |

X: m

[Steps and log]({URL})

<!-- hublish:answer:r1 -->"""
    failed = dataclasses.replace(FAILED, builds=builds, failure=Failure(code="X", message="m", hint=""))

    assert render_answer(failed) == expected
    assert "| image |" not in render_answer(dataclasses.replace(failed, builds=builds[:1]))


def test_path_of_a_repository_cannot_break_out_of_the_table() -> None:
    """A pipe would end the cell, and what follows it would be live: a mention, a link."""
    path = "x @octo/team [here](http://e) | z/Dockerfile"
    stopped = BuildStopped(code="BuildFailed", message="m", hint="", step=Step.BUILD)
    rows = render_builds([BuildReport(title="b", outcome=stopped, place=BuildPlace(path=path, line=3))])
    shown = "x @\u200bocto/team \\[here\\](http:\u200b//e) \\| z/Dockerfile:3"

    assert rows[2:] == [f"| b | failed at build: BuildFailed, {shown} |"]


def test_failed_answer_holds_the_first_error_and_what_to_do() -> None:
    """Cause, hint and the tail of the log, whose own fences cannot end its block."""
    expected = f"""\
**Not delivered:** `v1.2` at 0123456

WheelMissing: no file of six 1.17.0 has a hash of the lock

**What to do:** run \\`pipenv lock\\` and commit Pipfile.lock

<details><summary>Last lines of the log</summary>

````
10:00:00 fetch six
10:00:01 ```no``` such file
````

</details>

[Steps and log]({URL})

<!-- hublish:answer:r1 -->"""

    assert render_answer(FAILED) == expected


def test_answer_without_a_commit_or_a_hint_leaves_them_out() -> None:
    """A tag that does not exist has no SHA; an error nobody can mend has no hint; findings and notes follow."""
    failure = Failure(code="SourceMissing", message="there is no tag v9", hint="")
    bare = dataclasses.replace(FINDING, hint="", severity=Severity.NOTE)
    answer = Answer(
        run_id="r1", run_url=URL, state=RunState.DENIED, wanted="v9", sha=None, failure=failure,
        findings=(FINDING, bare), notes=("No hub is changed.",),
    )  # fmt: skip
    expected = f"""\
**Not started:** `v9`

SourceMissing: there is no tag v9

- error, `.hublish.yaml:3:1`: unknown key "strategi" (did you mean \\`strategy\\`?)
- note, `.hublish.yaml:3:1`: unknown key "strategi"

No hub is changed.

[Steps and log]({URL})

<!-- hublish:answer:r1 -->"""

    assert render_answer(answer) == expected


def test_progress_says_what_is_built_and_where_to_look() -> None:
    """The plan's lines, remarks, the live link and a marker of its own."""
    running = Answer(run_id="r1", run_url=URL, state=RunState.BUILDING, wanted="v1.2", sha=SHA, notes=("A note.",))
    expected = f"""\
**Building** `v1.2` at 0123456

- `ts`: layered

A note.

[Steps and log]({URL})

<!-- hublish:progress:r1 -->"""

    assert render_progress(running, plan_lines=("`ts`: layered",)) == expected


def test_marker_names_kind_and_run() -> None:
    """By it a comment is found again."""

    assert make_marker("r1", "answer") == "<!-- hublish:answer:r1 -->"


def test_hostile_text_stays_text_everywhere() -> None:
    """Tags, messages, hints, log lines, paths, hub details and notes bring no HTML, link, picture or mention along."""
    image = dataclasses.replace(
        IMAGE, reference=HOSTILE, digest=HOSTILE, tags=(HOSTILE,), kept_tags=((HOSTILE, HOSTILE),)
    )
    finding = dataclasses.replace(FINDING, message=HOSTILE, hint=HOSTILE, path=HOSTILE)
    answer = dataclasses.replace(
        DELIVERED,
        state=RunState.FAILED,
        wanted=HOSTILE,
        images=(image,),
        hubs=(dataclasses.replace(HUB, hub=HOSTILE, url=None, detail=HOSTILE),),
        failure=Failure(code="X", message=HOSTILE, hint=HOSTILE, last_lines=(HOSTILE, "```", "</details>")),
        findings=(finding,),
        notes=(HOSTILE,),
    )
    html = render_html(render_answer(answer))

    assert "<script" not in html
    assert "<img" not in html
    assert html.count("<a ") == 1
    assert html.count("</details>") == 1
    assert "\x1b" not in html
    assert "\u202e" not in html


def test_many_long_findings_leave_room_for_the_rest() -> None:
    """GitHub refuses a comment over 65,536 characters: what does not fit is counted instead."""
    finding = dataclasses.replace(FINDING, message="*" * 1024, hint="_" * 512)
    body = render_answer(dataclasses.replace(FAILED, findings=(finding,) * 200))

    assert len(body) < 65_536
    assert body.count("- error, ") == 6
    assert "\n- and 194 more; `hublish validate` shows all of them\n" in body
    assert body.endswith("<!-- hublish:answer:r1 -->")


def test_short_findings_are_shown_up_to_a_number() -> None:
    """Fifty are listed, which is also what a check run takes."""
    finding = dataclasses.replace(FINDING, message="m", hint="")
    body = render_answer(dataclasses.replace(FAILED, findings=(finding,) * 51))

    assert body.count("- error, ") == 50
    assert "- and 1 more;" in body


def test_comment_that_is_still_too_long_loses_its_end_but_not_its_marker() -> None:
    """Twenty images with many long tags: whole lines go and are counted, the page and the marker stay."""
    tags = tuple(f"{number:03d}-" + "t" * 120 for number in range(60))
    image = dataclasses.replace(IMAGE, tags=tags)
    body = render_answer(dataclasses.replace(DELIVERED, images=(image,) * 20))

    assert len(body) < 65_536
    assert body.endswith(
        "| 3 min 5 s |\n\n… 35 more lines left out for want of room; the page has all.\n\n"
        f"[Steps and log]({URL})\n\n<!-- hublish:answer:r1 -->"
    )


def test_comment_that_is_cut_never_ends_within_the_log() -> None:
    """A fence without its end would swallow the way to the page: the log goes as a whole."""
    tags = tuple("t" * 120 + str(number) for number in range(460))
    failed = dataclasses.replace(DELIVERED, images=(dataclasses.replace(IMAGE, tags=tags),), failure=FAILURE)
    log = dataclasses.replace(FAILURE, last_lines=("x" * 100,) * 80)
    body = render_answer(dataclasses.replace(failed, failure=log))

    assert "… 1 more line left out for want of room; the page has all." in body
    assert "```" not in body
    assert "<details>" not in body
