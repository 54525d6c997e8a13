"""What the bot says: progress, the one answer, check runs. Whole texts."""

from __future__ import annotations

import dataclasses

import pytest
from markdown_it import MarkdownIt

from hublish.core.answers.report import (
    Answer,
    Failure,
    HubReport,
    ImageReport,
    make_check_run,
    make_marker,
    render_answer,
    render_progress,
)
from hublish.core.finding import Finding, Severity
from hublish.core.github.ports import Annotation, CheckRun
from hublish.core.status import RunState

SHA = "0123456789" * 4
DIGEST = "sha256:" + "b" * 64
URL = "https://hublish.example.com/runs/r1"
IMAGE = ImageReport(
    title="ts",
    reference="registry.example.org/team/ts:v1.2",
    digest=DIGEST,
    tags=("latest",),
    kept_tags=(("stable", "it points at v2.0, which is newer"),),
    size_bytes=365_000_000,
    layers=12,
    uploaded_bytes=34_000_000,
    seconds=185.0,
)
HUB = HubReport(hub="demo", url="https://github.com/org/apps/pull/3", number=3, detail="lists ts v1.2", ok=True)
DELIVERED = Answer(
    run_id="r1", run_url=URL, state=RunState.DELIVERED, wanted="v1.2", sha=SHA, images=(IMAGE,), hubs=(HUB,)
)
FAILURE = Failure(
    code="WheelMissing",
    message="no file of six 1.17.0 has a hash of the lock",
    hint="run `pipenv lock` and commit Pipfile.lock",
    last_lines=("10:00:00 fetch six", "10:00:01 ```no``` such file"),
)
FAILED = Answer(run_id="r1", run_url=URL, state=RunState.FAILED, wanted="v1.2", sha=SHA, failure=FAILURE)
FINDING = Finding(
    severity=Severity.ERROR,
    code="UnknownKey",
    message='unknown key "strategi"',
    path=".hublish.yaml",
    hint="did you mean `strategy`?",
    line=3,
    column=1,
)
HOSTILE = "</pre><script>alert(1)</script> @octocat #1 | `x` [a](http://evil.example) **b**\n\x1b[31m\u202e![i](j)"


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


def test_answer_with_several_images_lists_hubs_once() -> None:
    """Each image has its table; the hubs, which hold them all, follow as a list."""
    small = dataclasses.replace(IMAGE, title="b", tags=(), kept_tags=(), layers=1, uploaded_bytes=None, seconds=None)
    table = f"""\
| | |
| --- | --- |
| image | `registry.example.org/team/ts:v1.2` |
| digest | `{DIGEST}` |
| size | 365 MB in 1 layers |
| time | an earlier build was used |
| smoke test | not started in a hub: this version of hublish has no smoke test |"""
    expected = f"""\
**Delivered:** `v1.2` at 0123456

{table}

{table}

- hub `demo`: [pull request #3](https://github.com/org/apps/pull/3): lists ts v1.2

[Steps and log]({URL})

<!-- hublish:answer:r1 -->"""

    assert render_answer(dataclasses.replace(DELIVERED, images=(small, small))) == expected
    assert "\n- hub" not in render_answer(dataclasses.replace(DELIVERED, images=(small, small), hubs=()))


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
    """Twenty images with many long tags: whole lines go, the page and the marker stay."""
    tags = tuple(f"{number:03d}-" + "t" * 120 for number in range(60))
    image = dataclasses.replace(IMAGE, tags=tags)
    body = render_answer(dataclasses.replace(DELIVERED, images=(image,) * 20))

    assert len(body) < 65_536
    assert body.endswith(f"|\n\n…\n\n[Steps and log]({URL})\n\n<!-- hublish:answer:r1 -->")


def test_check_run_of_a_delivered_image() -> None:
    """Completed and successful, with the answer as summary."""
    expected = CheckRun(
        name="hublish / ts",
        external_id="r1/ts",
        sha=SHA,
        status="completed",
        conclusion="success",
        title="Delivered: v1.2 (sha256:bbbbbbbbbbbb)",
        summary=render_answer(DELIVERED).split("\n\n[Steps and log]", maxsplit=1)[0],
        details_url=URL,
        annotations=(),
    )

    assert make_check_run(DELIVERED, image="ts", sha=SHA) == expected


@pytest.mark.parametrize(
    ("state", "status", "title"),
    [
        (RunState.RECEIVED, "queued", "received: the default branch"),
        (RunState.BUILDING, "in_progress", "building: the default branch"),
    ],
)
def test_check_run_of_a_run_at_work(state: RunState, status: str, title: str) -> None:
    """Neither concluded nor annotated; the summary is the way to the page."""
    answer = Answer(run_id="r1", run_url=URL, state=state, wanted="", sha=SHA)
    expected = CheckRun(
        name="hublish / ts",
        external_id="r1/ts",
        sha=SHA,
        status=status,
        conclusion=None,
        title=title,
        summary=f"[Steps and log]({URL})",
        details_url=URL,
        actions=(("Cancel", "Stop this build.", "cancel"),),
    )

    assert make_check_run(answer, image="ts", sha=SHA) == expected


@pytest.mark.parametrize(
    ("state", "conclusion", "title"),
    [
        (RunState.FAILED, "failure", "Not delivered: WheelMissing"),
        (RunState.DENIED, "neutral", "Not started: WheelMissing"),
        (RunState.SKIPPED, "skipped", "Skipped: WheelMissing"),
        (RunState.CANCELLED, "cancelled", "Cancelled: WheelMissing"),
    ],
)
def test_check_run_of_an_unhappy_end_names_the_cause(state: RunState, conclusion: str, title: str) -> None:
    """Every end has GitHub's word for it."""
    check = make_check_run(dataclasses.replace(FAILED, state=state), image="ts", sha=SHA)

    assert (check.status, check.conclusion, check.title) == ("completed", conclusion, title)
    assert check.actions == (
        (("Retry", "Build what is not built yet.", "retry"),) if conclusion in ("failure", "cancelled") else ()
    )


def test_check_run_annotates_the_lines_of_findings() -> None:
    """A finding without a line has no place to stand and is in the summary only."""
    findings = (
        FINDING,
        dataclasses.replace(FINDING, severity=Severity.WARNING, line=4),
        dataclasses.replace(FINDING, severity=Severity.NOTE, line=5),
        dataclasses.replace(FINDING, line=None, column=None),
    )
    first = Annotation(
        path=".hublish.yaml",
        line=3,
        column=1,
        level="failure",
        title="UnknownKey",
        message='unknown key "strategi"\ndid you mean `strategy`?',
    )
    expected = (
        first,
        dataclasses.replace(first, line=4, level="warning"),
        dataclasses.replace(first, line=5, level="notice"),
    )

    assert make_check_run(dataclasses.replace(FAILED, findings=findings), image="ts", sha=SHA).annotations == expected


def test_title_of_a_check_run_is_one_printable_line() -> None:
    """A hostile tag name cannot break or turn it."""
    check = make_check_run(dataclasses.replace(DELIVERED, wanted="v1\n\u202e\x1b[31m", images=()), image="ts", sha=SHA)

    assert check.title == "Delivered: v1 [31m"
