"""What one build of a run was, for people: how long its steps took, why it has no image, the line that caused it, its log.

Values in, Markdown out. Log lines come from code that nobody here knows: they are redacted once more, clipped, and shown
in a fence that they cannot close.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hublish.core.answers.markdown import cell, code_block, code_span, escape_inline
from hublish.core.building import BuildOutcome, BuildStopped, BuildSucceeded
from hublish.core.github.ports import Annotation
from hublish.core.measures import render_seconds
from hublish.core.redact import redact
from hublish.errors import clip

LOG_LINES = 50
LOG_LIMIT_CHARACTERS = 20_000
LINE_LIMIT_CHARACTERS = 1_000
MESSAGE_LIMIT_CHARACTERS = 2_048
_BAR_CHARACTERS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTime:
    """How long one step took: its name, and its seconds or None while nobody knows."""

    name: str
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildPlace:
    """The line of a repository's file at which a build stopped: POSIX path, 1-based line."""

    path: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """One image of a run while and after it is built.

    Attributes:
        title: last part of the image's name.
        plan: one sentence on what is built, Markdown already; "" when it is not known.
        outcome: how its build ended; None while it runs, or when none was begun.
        steps: of the run as far as they concern this image, and of its build, in order.
        place: the line that caused the failure; None when the error knows none.
        log: tail of the build's log, oldest first; empty for a build that has its image.
    """

    title: str
    plan: str = ""
    outcome: BuildOutcome | None = None
    steps: tuple[StepTime, ...] = ()
    place: BuildPlace | None = None
    log: tuple[str, ...] = ()


def render_builds(builds: Sequence[BuildReport]) -> list[str]:
    """Render what became of every image's build, as a table; for a run that delivered none of them."""
    rows = [f"| {escape_inline(build.title)} | {_describe(build)} |" for build in builds]
    return ["| image | build |", "| --- | --- |", *rows]


def _describe(build: BuildReport) -> str:
    outcome = build.outcome
    if outcome is None:
        return "not finished"
    if isinstance(outcome, BuildSucceeded):
        return "built, not published"
    if outcome.cancelled:
        return f"stopped at {outcome.step.value}: {outcome.code}"
    at = "" if build.place is None else f", {cell(f'{build.place.path}:{build.place.line}')}"
    return f"failed at {outcome.step.value}: {outcome.code}{at}"


def render_details(build: BuildReport, *, run_url: str) -> str:
    """Render all that a check run says of its image's build beside its summary.

    Args:
        build: the build.
        run_url: the page that has the whole log.

    Returns:
        Markdown of at most some 30,000 characters; "" when nothing is known.
    """
    sections = [
        [f"**Plan:** {build.plan}"] if build.plan else [],
        _render_steps(build.steps),
        _render_error(build),
        _render_log(build.log, run_url=run_url),
    ]
    return "\n\n".join("\n".join(section) for section in sections if section)


def _render_steps(steps: Sequence[StepTime]) -> list[str]:
    if not steps:
        return []
    longest = max((step.seconds for step in steps if step.seconds is not None), default=0.0)
    rows = [f"| {escape_inline(step.name)} | {_render_time(step)} | {_render_bar(step, longest)} |" for step in steps]
    return ["| step | time | |", "| --- | ---: | --- |", *rows]


def _render_time(step: StepTime) -> str:
    return "" if step.seconds is None else render_seconds(step.seconds)


def _render_bar(step: StepTime, longest: float) -> str:
    if step.seconds is None or longest <= 0:
        return ""
    return "█" * round(_BAR_CHARACTERS * step.seconds / longest)


def _render_error(build: BuildReport) -> list[str]:
    if not isinstance(build.outcome, BuildStopped):
        return []
    message = escape_inline(redact(build.outcome.message), limit=MESSAGE_LIMIT_CHARACTERS)
    at = "" if build.place is None else f" ({code_span(f'{build.place.path}:{build.place.line}')})"
    return [f"**First error:** {build.outcome.code}{at}: {message}"]


def _render_log(log: Sequence[str], *, run_url: str) -> list[str]:
    shown = choose_tail(log)
    if not shown:
        return []
    head = f"**Last lines of the log** ({len(shown)} lines; [the page]({run_url}) has all of them)"
    return [head, "", code_block("\n".join(shown), limit=2 * LOG_LIMIT_CHARACTERS)]


def choose_tail(log: Sequence[str]) -> tuple[str, ...]:
    """Choose the last lines of a log that a check run has room for: whole lines, redacted, each clipped."""
    chosen: list[str] = []
    room = LOG_LIMIT_CHARACTERS
    for line in reversed(log[-LOG_LINES:]):
        text = redact(line)
        text = text if len(text) <= LINE_LIMIT_CHARACTERS else f"{text[: LINE_LIMIT_CHARACTERS - 1]}…"
        room -= len(text) + 1
        if room < 0:
            break
        chosen.append(text)
    return tuple(reversed(chosen))


def make_place_annotation(build: BuildReport) -> Annotation | None:
    """Make the annotation beside the line at which a build stopped; None when no line is known."""
    if build.place is None or not isinstance(build.outcome, BuildStopped):
        return None
    stopped = build.outcome
    message = clip(redact(stopped.message), limit=MESSAGE_LIMIT_CHARACTERS)
    return Annotation(
        path=build.place.path,
        line=build.place.line,
        level="failure",
        title=stopped.code,
        message=f"{message}\n{stopped.hint}" if stopped.hint else message,
    )
