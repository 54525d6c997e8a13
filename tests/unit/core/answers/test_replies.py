"""What commands that deliver nothing are answered with. Whole texts."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime

from hublish.core.answers.replies import PlannedImage, RunLine, render_cancel, render_help, render_plan, render_status
from hublish.core.answers.report import Answer, Failure, render_answer
from hublish.core.github.commands import CommandName, CommandRule, Word
from hublish.core.records import Run
from hublish.core.repository import Permission
from hublish.core.status import RunState
from tests.unit.core.answers.test_report import HOSTILE, SHA, URL, render_html

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RUN = Run(
    id="r1", key="7:release:1", attempt=1, state=RunState.DELIVERED, repository="octo/ts", ref="v1.2", actor="octocat",
    sha=SHA, trigger="", message="registry.example.org/team/ts:v1.2 is there", created_at=AT, ended_at=AT,
)  # fmt: skip
PLANNED = PlannedImage(line="`ts`: layered", name="registry.example.org/team/ts", tags=("v1.2", "latest"), known=True)


def render(reply: tuple[str, ...]) -> str:
    """The comment of an answer."""
    return render_answer(Answer(run_id="r1", run_url=URL, state=RunState.ANSWERED, wanted="", sha=None, reply=reply))


def test_help_is_the_table() -> None:
    """One row for each command, and how else it can be written."""
    rules = (
        CommandRule(name=CommandName.PLAN, words=(Word.REF,), force=True, help="Plan it."),
        CommandRule(name=CommandName.HELP, needs=Permission.READ, help="Show this."),
    )
    expected = f"""\
**Commands**

| command | permission | what it does |
| --- | --- | --- |
| `/plan [ref] [--force]` | write | Plan it. |
| `/help` | read | Show this. |

A command is a line of its own in a new comment; `@hublish build` is `/build`. Words in brackets may be left out.

[Steps and log]({URL})

<!-- hublish:answer:r1 -->"""

    assert render(render_help(rules, app="hublish")) == expected


def test_status_lists_the_newest_runs() -> None:
    """What ended with its message, what waits with its place, what has no ref yet."""
    waiting = dataclasses.replace(RUN, state=RunState.BUILDING, ref="", sha=None, message="")
    received = dataclasses.replace(waiting, state=RunState.RECEIVED)
    runs = (
        RunLine(run=waiting, url=URL, waits=("ts waits, 2 before it.",)),
        RunLine(run=received, url=URL),
        RunLine(run=RUN, url=URL),
    )
    expected = f"""\
**Status** of `octo/ts`

The config can be used.

| run | asked by | state |
| --- | --- | --- |
| the request: [page]({URL}) | octocat | building: ts waits, 2 before it. |
| the request: [page]({URL}) | octocat | received |
| `v1.2` at 0123456: [page]({URL}) | octocat | delivered: registry.example.org/team/ts:v1.2 is there |

[Steps and log]({URL})

<!-- hublish:answer:r1 -->"""

    assert render(render_status("octo/ts", runs, config="The config can be used.")) == expected


def test_status_of_a_new_repository_says_so() -> None:
    """No table without a row."""
    expected = ("**Status** of `octo/ts`", "", "None.", "", "Nothing was built here yet.")

    assert render_status("octo/ts", (), config="None.") == expected


def test_cancel_lists_what_it_stopped_and_what_it_came_too_late_for() -> None:
    """One line for each run; nothing at work is said too."""
    line = RunLine(run=RUN, url=URL)
    named = f"- `v1.2` at 0123456: [page]({URL})"

    assert render_cancel((line,), late=(line,)) == (
        "**Cancelled**",
        "",
        named,
        f"{named} is being delivered: too late",
    )
    assert render_cancel((), late=(line,))[0] == "**Not cancelled**"
    assert render_cancel((), late=()) == ("Nothing is at work here that could be cancelled.",)


def test_plan_says_what_would_be_built_and_where_it_would_go() -> None:
    """Each image with its tags; what exists already; the hubs."""
    apart = dataclasses.replace(PLANNED, tags=(), known=False)
    expected = f"""\
**Plan** for `v1.2` at 0123456; nothing was built.

- `ts`: layered
  - goes to `registry.example.org/team/ts:v1.2`, `registry.example.org/team/ts:latest`
  - was built before: nothing would be built again
- `ts`: layered
  - goes to no tag: it is only built
- the hub `demo` would get a pull request

[Steps and log]({URL})

<!-- hublish:answer:r1 -->"""

    assert render(render_plan("v1.2", SHA, images=(PLANNED, apart), hubs=("demo",), failure=None)) == expected


def test_plan_that_cannot_be_says_what_stands_in_the_way() -> None:
    """The same words as the build's own answer; a failure without a hint has none."""
    failure = Failure(code="SourceMissing", message="there is no tag v9", hint="name another")
    expected = (
        "**Plan** for `v9`; nothing was built.",
        "",
        "SourceMissing: there is no tag v9",
        "",
        "**What to do:** name another",
    )

    assert render_plan("v9", None, images=(), hubs=(), failure=failure) == expected
    assert render_plan("v9", None, images=(), hubs=(), failure=dataclasses.replace(failure, hint="")) == expected[:3]
    assert render_plan("", None, images=(), hubs=(), failure=failure)[0].startswith("**Plan** for the default branch;")


def test_plan_of_a_pull_request_says_so() -> None:
    """A bare number would say nothing."""
    first = render_plan("12", SHA, images=(PLANNED,), hubs=(), failure=None, pull_request=True)[0]

    assert first == "**Plan** for pull request 12 at 0123456; nothing was built."


def test_hostile_text_in_replies_is_shown_and_nothing_else() -> None:
    """Refs, actors and messages of runs come from strangers."""
    run = dataclasses.replace(RUN, ref=HOSTILE, actor=HOSTILE, message=HOSTILE, state=RunState.FAILED)
    failure = Failure(code="X", message=HOSTILE, hint=HOSTILE)
    planned = dataclasses.replace(PLANNED, name=HOSTILE)
    replies = (
        render_status(HOSTILE, (RunLine(run=run, url=URL, waits=(HOSTILE,)),), config="c"),
        render_plan(HOSTILE, None, images=(), hubs=(), failure=failure),
        render_plan(HOSTILE, None, images=(planned,), hubs=(HOSTILE,), failure=None),
    )
    html = "".join(render_html(render(reply)) for reply in replies)
    outside_code = re.sub(r"<code>.*?</code>", "", html)

    assert "<script>" not in html
    assert "<img" not in html
    assert "\u202e" not in html
    assert set(re.findall(r'href="([^"]*)"', html)) == {URL}
    assert "@octocat" not in outside_code
