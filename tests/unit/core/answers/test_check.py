"""The check run of one image: title, summary, text, lines, buttons; and that GitHub's limits hold."""

from __future__ import annotations

import dataclasses

import pytest
from markdown_it import MarkdownIt

from hublish.core.answers.builds import BuildPlace, BuildReport, StepTime, choose_tail
from hublish.core.answers.check import make_check_run
from hublish.core.answers.report import Answer, render_answer
from hublish.core.building import BuildStopped, BuildSucceeded, Step
from hublish.core.finding import Severity
from hublish.core.github.ports import Annotation, CheckRun
from hublish.core.status import RunState
from tests.unit.core.answers.samples import DELIVERED, DIGEST, FAILED, FINDING, HOSTILE, SHA, URL

STOPPED = BuildStopped(
    code="BuildFailed", message="the build failed at step 2 of 3, RUN make: exit status 2",
    hint="The log has the whole story.", step=Step.BUILD,
)  # fmt: skip
BUILT = BuildSucceeded(digest=DIGEST, size_bytes=1, layers=(), uploaded_bytes=0, packages=())
REPORT = BuildReport(
    title="ts",
    plan="`ts`: dockerfile",
    outcome=STOPPED,
    steps=(
        StepTime(name="plan", seconds=2.0),
        StepTime(name="build ts", seconds=20.0),
        StepTime(name="x", seconds=None),
    ),
    place=BuildPlace(path="Dockerfile", line=4),
    log=("10:00:00 STEP 2/3: RUN make", "10:00:01 ```no``` rule"),
)


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


def test_check_run_of_a_failed_build_has_plan_times_first_error_and_log() -> None:
    """All of it stands in the text, the log in a fence it cannot close; the summary leaves the log to it."""
    check = make_check_run(dataclasses.replace(FAILED, builds=(REPORT,)), image="ts", sha=SHA)
    expected = f"""\
**Plan:** `ts`: dockerfile

| step | time | |
| --- | ---: | --- |
| plan | 2.0 s | ██ |
| build ts | 20 s | ████████████████████ |
| x |  |  |

**First error:** BuildFailed (`Dockerfile:4`): the build failed at step 2 of 3, RUN make: exit status 2

**Last lines of the log** (2 lines; [the page]({URL}) has all of them)

````
10:00:00 STEP 2/3: RUN make
10:00:01 ```no``` rule
````"""

    assert check.text == expected
    assert check.title == "Not delivered: BuildFailed"
    assert "Last lines" not in check.summary


def test_check_run_annotates_the_line_at_which_the_build_stopped() -> None:
    """After the findings, which stand from the start: GitHub only ever adds some."""
    expected = Annotation(
        path="Dockerfile",
        line=4,
        level="failure",
        title="BuildFailed",
        message="the build failed at step 2 of 3, RUN make: exit status 2\nThe log has the whole story.",
    )
    failed = dataclasses.replace(FAILED, findings=(FINDING,), builds=(REPORT,))

    assert make_check_run(failed, image="ts", sha=SHA).annotations[1:] == (expected,)


def test_annotation_of_an_error_without_a_hint_is_the_error_alone() -> None:
    """A log that is not there, and steps nobody timed, leave no empty parts behind."""
    report = BuildReport(title="ts", outcome=dataclasses.replace(STOPPED, hint=""), place=REPORT.place)
    check = make_check_run(dataclasses.replace(FAILED, builds=(report,)), image="ts", sha=SHA)

    assert [annotation.message for annotation in check.annotations] == [STOPPED.message]
    assert check.text == f"**First error:** BuildFailed (`Dockerfile:4`): {STOPPED.message}"


def test_annotations_of_one_check_run_fit_one_request() -> None:
    """Fifty, the line at which the build stopped among them."""
    failed = dataclasses.replace(FAILED, findings=(FINDING,) * 80, builds=(REPORT,))

    assert len(make_check_run(failed, image="ts", sha=SHA).annotations) == 50


def test_check_run_of_an_image_that_another_one_keeps_back_says_so() -> None:
    """It was built; the run as a whole was not delivered, and no line of its files is at fault."""
    own = BuildReport(title="ts", outcome=BUILT, place=REPORT.place)
    other = dataclasses.replace(REPORT, title="gpu")
    check = make_check_run(dataclasses.replace(FAILED, builds=(own, other)), image="ts", sha=SHA)

    assert check.title == "Built, not published: WheelMissing"
    assert check.conclusion == "failure"
    assert check.annotations == ()
    assert check.text == ""


def test_hostile_log_stays_text_in_a_check_run() -> None:
    """No HTML, link, picture or mention comes out of step names, errors and log lines; secrets are masked."""
    stopped = dataclasses.replace(STOPPED, message=HOSTILE)
    report = dataclasses.replace(
        REPORT,
        outcome=stopped,
        place=BuildPlace(path=HOSTILE, line=1),
        steps=(StepTime(name=HOSTILE, seconds=0.0),),
        log=(HOSTILE, "`" * 40, "</details>", "~~~", "token ghs_" + "a" * 40),
    )
    check = make_check_run(dataclasses.replace(FAILED, builds=(report,)), image="ts", sha=SHA)
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(check.text)

    assert "<script" not in html
    assert "<img" not in html
    assert html.count("<a ") == 1
    assert "</details>" not in html
    assert "\x1b" not in check.text + check.annotations[-1].message
    assert "\u202e" not in check.text + check.annotations[-1].message
    assert "ghs_" not in check.text
    assert html.rstrip().endswith("</code></pre>")


def test_log_of_a_check_run_keeps_whole_last_lines_within_the_limits() -> None:
    """Lines over a thousand characters are clipped, and the oldest ones go where all of them have no room."""
    log = tuple(f"{number:03d} " + "x" * 5_000 for number in range(200))
    tail = choose_tail(log)
    check = make_check_run(
        dataclasses.replace(FAILED, builds=(dataclasses.replace(REPORT, log=log),)), image="ts", sha=SHA
    )

    assert [line[:4] for line in tail] == [f"{number:03d} " for number in range(181, 200)]
    assert {len(line) for line in tail} == {1_000}
    assert all(line.endswith("…") for line in tail)
    assert "(19 lines; [the page]" in check.text
    assert len(check.text) < 65_536
    assert len(check.summary) < 65_536
