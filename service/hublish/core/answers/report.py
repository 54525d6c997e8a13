"""What the bot says on GitHub: the progress comment, the one answer. Values in, Markdown out.

Every text from a repository, a log or a person goes through `hublish.core.answers.markdown`. A comment carries a marker, an
HTML comment with the run's id, by which it is found again; the marker alone proves nothing (see `Conversation`).
"""

from __future__ import annotations

from dataclasses import dataclass

from hublish.core.answers.builds import BuildReport, render_builds
from hublish.core.answers.findings import render_findings
from hublish.core.answers.markdown import cell, code_block, code_span, escape_inline
from hublish.core.finding import Finding
from hublish.core.measures import render_bytes, render_seconds
from hublish.core.status import RunState

SUMMARY_LIMIT_CHARACTERS = 60_000
SHORT_SHA = 7
NOT_SMOKE_TESTED = "not started in a hub: this version of hublish has no smoke test"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageReport:
    """One image of a run, for people.

    Attributes:
        title: last part of the image's name.
        reference: where it stands: `registry/repository:tag`.
        digest: of its manifest.
        tags: further tags that now point at it.
        kept_tags: floating tags left where they are, each with the reason.
        size_bytes: compressed size.
        layers: number of layers.
        uploaded_bytes: what had to be sent; None when an earlier build was reused.
        seconds: time of the build; None when an earlier build was reused.
        pushed: False when the build was only tried.
        delivered_as: for a pull request, what a release would deliver it as; empty for anything else.
    """

    title: str
    reference: str
    digest: str
    tags: tuple[str, ...]
    kept_tags: tuple[tuple[str, str], ...]
    size_bytes: int
    layers: int
    uploaded_bytes: int | None
    seconds: float | None
    pushed: bool = True
    delivered_as: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HubReport:
    """What became of the entry in one hub.

    Attributes:
        hub: name of the hub in the operator's settings.
        url: the pull request, or None when there is none.
        number: its number, or None.
        detail: what it does, or why there is none; one sentence.
        ok: False when an entry was wanted and could not be proposed.
    """

    hub: str
    url: str | None
    number: int | None
    detail: str
    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a run ended without its image or its entry: the first error, and what to do.

    Attributes:
        code: CamelCase cause.
        message: first error; foreign parts already clipped.
        hint: what to do; "" when nothing can be done.
        last_lines: tail of the build's log.
    """

    code: str
    message: str
    hint: str
    last_lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Everything the answer of one run says.

    Attributes:
        run_id: the run.
        run_url: its page.
        state: how it ended (or where it stands, for the progress comment).
        wanted: what was asked for, e.g. the tag; "" for the default branch, or when the request names no ref.
        sha: commit, or None when it was never resolved.
        images: what was made.
        hubs: what was proposed.
        builds: the builds of its images as far as they were begun, in the config's order.
        failure: None when all went well.
        findings: remarks on config, lock and source, errors first.
        notes: further sentences, e.g. on the choice of the strategy.
        reply: what a command that delivers nothing is answered with, Markdown already, in place of all but remarks.
        pull_request: True when `wanted` is the number of one, whose head was built and not delivered.
    """

    run_id: str
    run_url: str
    state: RunState
    wanted: str
    sha: str | None
    images: tuple[ImageReport, ...] = ()
    hubs: tuple[HubReport, ...] = ()
    builds: tuple[BuildReport, ...] = ()
    failure: Failure | None = None
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    reply: tuple[str, ...] = ()
    pull_request: bool = False

    @property
    def headline(self) -> str:
        """How it ended, in one or two words."""
        return "Built" if self.pull_request and self.state is RunState.DELIVERED else HEADLINES[self.state]


HEADLINES = {
    RunState.DELIVERED: "Delivered",
    RunState.FAILED: "Not delivered",
    RunState.DENIED: "Not started",
    RunState.SKIPPED: "Skipped",
    RunState.CANCELLED: "Cancelled",
}


def make_marker(run_id: str, kind: str) -> str:
    """The hidden marker of a run's comment; `kind` is "progress" or "answer"."""
    return f"<!-- hublish:{kind}:{run_id} -->"


def render_progress(answer: Answer, *, plan_lines: tuple[str, ...], queue_lines: tuple[str, ...] = ()) -> str:
    """Render the comment that stands while a run is at work.

    Args:
        answer: the run as far as it is known.
        plan_lines: what is about to be built, one line per image, foreign parts already escaped.
        queue_lines: where its builds wait, one line per image, plain text; empty when none does.
    """
    verb = (
        "Delivering"
        if answer.state is RunState.DELIVERING and not answer.pull_request
        else "Waiting to build"
        if queue_lines
        else "Building"
    )
    lines = [f"**{verb}** {_wanted(answer)}", "", *(f"- {line}" for line in plan_lines)]
    lines += ["", *(escape_inline(line, limit=512) for line in queue_lines)] if queue_lines else []
    lines += _remarks(answer)
    return _finish(answer, kind="progress", lines=lines)


def render_answer(answer: Answer) -> str:
    """Render the one comment that ends a run."""
    return _finish(answer, kind="answer", lines=_answer_lines(answer))


def render_summary(answer: Answer) -> str:
    """Render what a check run says of a run: the answer without the way to the page, which GitHub shows beside it."""
    return _fit(_answer_lines(answer))


def _answer_lines(answer: Answer) -> list[str]:
    if answer.reply:
        return [*answer.reply, *_remarks(answer)]
    lines = [f"**{answer.headline}:** {_wanted(answer)}"]
    if len(answer.images) == 1:
        lines += ["", *_image_table(answer.images[0], answer.hubs)]
    elif answer.images:
        lines += ["", *_images_table(answer.images)]
    elif len(answer.builds) > 1:
        lines += ["", *render_builds(answer.builds)]
    if len(answer.images) != 1:
        lines += ["", *(f"- {_hub_line(hub)}" for hub in answer.hubs)] if answer.hubs else []
    if answer.failure is not None:
        lines += ["", *render_failure(answer.failure)]
    return lines + _remarks(answer)


def _wanted(answer: Answer) -> str:
    if answer.pull_request and answer.sha is not None:
        return f"pull request {escape_inline(answer.wanted)} at {answer.sha[:SHORT_SHA]}"
    if answer.sha is None:
        # Nothing that could be a ref was named, so that there is no more to say of the request than that it came.
        return code_span(answer.wanted) or "the request"
    return f"{code_span(answer.wanted) or 'the default branch'} at {answer.sha[:SHORT_SHA]}"


def _image_table(image: ImageReport, hubs: tuple[HubReport, ...]) -> list[str]:
    delivered_as = ", ".join(cell(text, limit=512) for text in image.delivered_as)
    rows = [
        ("image", cell(image.reference, limit=512) if image.pushed else "nothing was pushed: the build was only tried"),
        ("digest", cell(image.digest)),
        *([("also tagged", ", ".join(cell(tag) for tag in image.tags))] if image.tags else []),
        *((f"{cell(tag)} not moved", escape_inline(reason)) for tag, reason in image.kept_tags),
        *([("a release delivers it as", delivered_as)] if delivered_as else []),
        ("size", _render_size(image)),
        ("time", _render_time(image)),
        ("smoke test", NOT_SMOKE_TESTED),
        *((f"hub {cell(hub.hub)}", _hub_text(hub)) for hub in hubs),
    ]
    return ["| | |", "| --- | --- |", *(f"| {name} | {text} |" for name, text in rows)]


def _images_table(images: tuple[ImageReport, ...]) -> list[str]:
    """All images of a run in one table; what concerns single tags, or all of them, follows it."""
    rows = [f"| {_name_image(image)} | {_render_size(image)} | {_render_time(image)} |" for image in images]
    kept = [
        f"- {code_span(tag)} of {code_span(image.title)} not moved: {escape_inline(reason)}"
        for image in images
        for tag, reason in image.kept_tags
    ]
    head = ["| image | size | time |", "| --- | --- | --- |"]
    return [*head, *rows, "", *kept, *([""] if kept else []), f"Smoke test: {NOT_SMOKE_TESTED}."]


def _name_image(image: ImageReport) -> str:
    more = ", ".join(cell(tag) for tag in image.tags)
    name = f"{cell(image.reference, limit=512)}{f', also {more}' if more else ''}"
    if not image.pushed:
        places = ", ".join(cell(text, limit=512) for text in image.delivered_as)
        name = f"{cell(image.title)}, not pushed; a release delivers it as {places}"
    # A digest in a column of its own pushes the others out of sight.
    return f"{name}<br>{cell(image.digest)}"


def _render_size(image: ImageReport) -> str:
    size = f"{render_bytes(image.size_bytes)} in {image.layers} layer{'' if image.layers == 1 else 's'}"
    return (
        size
        if image.uploaded_bytes is None or not image.pushed
        else f"{size}; {render_bytes(image.uploaded_bytes)} uploaded"
    )


def _render_time(image: ImageReport) -> str:
    return "an earlier build was used" if image.seconds is None else render_seconds(image.seconds)


def _hub_text(hub: HubReport) -> str:
    detail = escape_inline(hub.detail, limit=512)
    return detail if hub.url is None else f"[pull request #{hub.number}]({hub.url}): {detail}"


def _hub_line(hub: HubReport) -> str:
    return f"hub {code_span(hub.hub)}: {_hub_text(hub)}"


def render_failure(failure: Failure) -> list[str]:
    """Render why something did not come about: the first error, what to do, the end of the log."""
    lines = [f"{failure.code}: {escape_inline(failure.message, limit=2048)}"]
    if failure.hint:
        lines += ["", f"**What to do:** {escape_inline(failure.hint, limit=1024)}"]
    if failure.last_lines:
        block = code_block("\n".join(failure.last_lines))
        # One element, so that an answer that is cut is never cut within it.
        lines += ["", f"<details><summary>Last lines of the log</summary>\n\n{block}\n\n</details>"]
    return lines


def _remarks(answer: Answer) -> list[str]:
    lines: list[str] = []
    if answer.findings:
        lines += ["", *render_findings(answer.findings)]
    if answer.notes:
        lines += ["", *(escape_inline(note, limit=512) for note in answer.notes)]
    return lines


def _finish(answer: Answer, *, kind: str, lines: list[str]) -> str:
    link = f"[Steps and log]({answer.run_url})"
    return "\n".join([_fit(lines), "", link, "", make_marker(answer.run_id, kind)])


def _fit(lines: list[str]) -> str:
    """Join lines as far as GitHub takes them; what has no room is left out whole, and counted."""
    room = SUMMARY_LIMIT_CHARACTERS
    for number, line in enumerate(lines):
        room -= len(line) + 1
        if room < 0:
            left = sum(1 for item in lines[number:] if item)
            noun = "line" if left == 1 else "lines"
            return "\n".join(
                [*lines[:number], "", f"… {left} more {noun} left out for want of room; the page has all."]
            )
    return "\n".join(lines)
