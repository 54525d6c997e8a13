"""The check run of one image of a run: the answer as its summary, the image's own build as its text, lines, buttons.

Values in, one check run out. GitHub refuses a summary or a text over 65,535 characters, and then nothing would be said:
what has no room is left out, and a sentence says so.

Source: GitHub REST API, "Check runs".
"""

from __future__ import annotations

from dataclasses import replace

from hublish.core.answers.builds import BuildReport, make_place_annotation, render_details
from hublish.core.answers.findings import make_annotations
from hublish.core.answers.report import Answer, render_summary
from hublish.core.building import BuildStopped, BuildSucceeded
from hublish.core.github.buttons import choose_buttons
from hublish.core.github.heads import FORK_WAITS
from hublish.core.github.ports import Annotation, CheckRun
from hublish.core.status import RunState
from hublish.errors import clip

FINDINGS_ANNOTATED = 49
"""With the line at which a build stopped, as many annotations as one request takes."""
_SHOWN_DIGEST = 19

_CONCLUSIONS = {
    RunState.DELIVERED: "success",
    RunState.FAILED: "failure",
    RunState.DENIED: "neutral",
    RunState.SKIPPED: "skipped",
    RunState.CANCELLED: "cancelled",
}


def make_check_run(answer: Answer, *, image: str, sha: str) -> CheckRun:
    """Make the check run of one image of a run.

    Args:
        answer: the run as far as it is known.
        image: title of the image; part of the check's name.
        sha: the commit the check stands on.
    """
    ended = answer.state.ended
    build = next((build for build in answer.builds if build.title == image), BuildReport(title=image))
    buttons = choose_buttons(answer.state, failure=None if answer.failure is None else answer.failure.code)
    return CheckRun(
        name=f"hublish / {image}",
        external_id=f"{answer.run_id}/{image}",
        sha=sha,
        status="completed" if ended else ("queued" if answer.state is RunState.RECEIVED else "in_progress"),
        conclusion=_find_conclusion(answer) if ended else None,
        title=_make_title(answer, build),
        summary=_make_summary(answer) if ended else f"[Steps and log]({answer.run_url})",
        text=render_details(build, run_url=answer.run_url),
        details_url=answer.run_url,
        actions=tuple((button.label, button.description, button.identifier) for button in buttons),
        annotations=_make_annotations(answer, build),
    )


def _find_conclusion(answer: Answer) -> str:
    waits = answer.failure is not None and answer.failure.code == FORK_WAITS
    return "action_required" if waits else _CONCLUSIONS[answer.state]


def _make_title(answer: Answer, build: BuildReport) -> str:
    wanted = clip(answer.wanted) or "the default branch"
    wanted = f"pull request {wanted}" if answer.pull_request else wanted
    if not answer.state.ended:
        return f"{answer.state.value}: {wanted}"
    headline = answer.headline
    own = tuple(report for report in answer.images if report.title == build.title)
    if answer.failure is not None:
        if isinstance(build.outcome, BuildSucceeded) and not own:
            headline = "Built, not published"
        code = build.outcome.code if isinstance(build.outcome, BuildStopped) else answer.failure.code
        title = f"{headline}: {code}"
    else:
        title = f"{headline}: {wanted}"
    return f"{title} ({own[0].digest[:_SHOWN_DIGEST]})" if own else title


def _make_summary(answer: Answer) -> str:
    if answer.failure is not None and any(build.log for build in answer.builds):
        # The text has more of the log, and of this very image.
        answer = replace(answer, failure=replace(answer.failure, last_lines=()))
    return render_summary(answer)


def _make_annotations(answer: Answer, build: BuildReport) -> tuple[Annotation, ...]:
    """Findings first: GitHub only ever adds annotations, so those that stand from the start must stay in their place."""
    annotations = make_annotations(answer.findings)[:FINDINGS_ANNOTATED]
    place = make_place_annotation(build)
    return annotations if place is None else (*annotations, place)
