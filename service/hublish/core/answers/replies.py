"""What the bot answers to commands that deliver nothing: help, status, plan. Values in, lines of Markdown out.

Every foreign text goes through `hublish.core.answers.markdown`; links are the service's own addresses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hublish.core.answers.markdown import cell, code_span, escape_inline
from hublish.core.answers.report import SHORT_SHA, Failure
from hublish.core.github.commands import CommandRule
from hublish.core.records import Run

_MESSAGE_CHARACTERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """One run in an answer to `/status`.

    Attributes:
        run: the run.
        url: its page.
        waits: where its builds wait, one sentence each.
    """

    run: Run
    url: str
    waits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedImage:
    """One image in an answer to `/plan`.

    Attributes:
        line: what would be built, Markdown already.
        name: `registry/repository`.
        tags: it would get, fixed ones first; empty for a pull request.
        known: True when that very image was built before.
    """

    line: str
    name: str
    tags: tuple[str, ...]
    known: bool


def render_help(rules: Sequence[CommandRule], *, app: str) -> tuple[str, ...]:
    """Render the table of commands.

    Args:
        rules: the rows.
        app: the bot's name as people mention it.
    """
    rows = (f"| `{rule.usage}` | {rule.needs.value} | {rule.help} |" for rule in rules)
    return (
        "**Commands**",
        "",
        "| command | permission | what it does |",
        "| --- | --- | --- |",
        *rows,
        "",
        f"A command is a line of its own in a new comment; `@{app} build` is `/build`. Words in brackets may be left out.",
    )


def render_status(full_name: str, runs: Sequence[RunLine], *, config: str) -> tuple[str, ...]:
    """Render where a repository's builds stand.

    Args:
        full_name: of the repository.
        runs: the newest first; empty when there was none.
        config: one sentence on the config of the default branch, Markdown already.
    """
    lines = [f"**Status** of {code_span(full_name)}", "", config]
    if not runs:
        return (*lines, "", "Nothing was built here yet.")
    return (*lines, "", "| run | asked by | state |", "| --- | --- | --- |", *(_render_run(item) for item in runs))


def _render_run(item: RunLine) -> str:
    run = item.run
    remarks = " ".join(item.waits) or run.message
    state = f"{run.state.value}: {escape_inline(remarks, limit=_MESSAGE_CHARACTERS)}" if remarks else run.state.value
    return f"| {_name_run(item)} | {escape_inline(run.actor)} | {state} |"


def _name_run(item: RunLine) -> str:
    run = item.run
    commit = "" if run.sha is None else f" at {run.sha[:SHORT_SHA]}"
    return f"{cell(run.ref) or 'the request'}{commit}: [page]({item.url})"


def render_cancel(stopped: Sequence[RunLine], *, late: Sequence[RunLine]) -> tuple[str, ...]:
    """Render what `/cancel` did.

    Args:
        stopped: runs that stop, or have stopped since.
        late: runs that are being delivered.
    """
    if not stopped and not late:
        return ("Nothing is at work here that could be cancelled.",)
    return (
        "**Cancelled**" if stopped else "**Not cancelled**",
        "",
        *(f"- {_name_run(item)}" for item in stopped),
        *(f"- {_name_run(item)} is being delivered: too late" for item in late),
    )


def render_plan(
    wanted: str,
    sha: str | None,
    *,
    images: Sequence[PlannedImage],
    hubs: Sequence[str],
    failure: Failure | None,
    pull_request: bool = False,
) -> tuple[str, ...]:
    """Render what a build would do.

    Args:
        wanted: the ref as it was asked for.
        sha: its commit; None when it was not found.
        images: what would be built; empty with a failure.
        hubs: names of the hubs that would get a pull request.
        failure: what stands in the way, or None.
        pull_request: True when `wanted` is the number of one.
    """
    commit = "" if sha is None else f" at {sha[:SHORT_SHA]}"
    what = f"pull request {escape_inline(wanted)}" if pull_request else code_span(wanted) or "the default branch"
    lines = [f"**Plan** for {what}{commit}; nothing was built."]
    if failure is not None:
        lines += ["", f"{failure.code}: {escape_inline(failure.message, limit=2048)}"]
        lines += ["", f"**What to do:** {escape_inline(failure.hint, limit=1024)}"] if failure.hint else []
        return tuple(lines)
    lines.append("")
    for image in images:
        lines.append(f"- {image.line}")
        where = ", ".join(code_span(f"{image.name}:{tag}", limit=512) for tag in image.tags)
        lines.append(f"  - goes to {where or 'no tag: it is only built'}")
        lines += ["  - was built before: nothing would be built again"] if image.known else []
    lines += [f"- the hub {code_span(hub)} would get a pull request" for hub in hubs]
    return tuple(lines)
