"""docs/reference/commands.md, written from the table of commands: `python -m hublish.cli.commands_reference`.

Grammar, permission and help stand once, in `hublish.core.github.commands`; a test compares the page with the table, and
the answers that it quotes with what the service says.
"""

from __future__ import annotations

from dataclasses import dataclass

import typer

from hublish.core.github.commands import COMMAND_RULES
from hublish.core.github.comment import LINE_LIMIT

INTRODUCTION = """# Commands in comments

<!-- Written by `make docs` from the table of commands; edits here are lost. -->

A command is a line of its own in a new comment on an issue or pull request. Words in square brackets may be left out.

| command | permission | what it does |
| --- | --- | --- |
"""
RULES = f"""
Where the table says write, people count too whom the config of the default branch names under `approvers`: members of a team, or
the approvers of the file OWNERS ([who may](permissions.md#who-may-start-a-build)). A refusal names them.

- The line starts with the command; at most three spaces may stand before it. A word may stand in a code span.
- `@<app> build` is `/build`, where `<app>` is the name of the GitHub App. With the name a word that hublish does not know is
  answered; without it only one that is near a command, as other bots have commands of their own. For the same reason a
  repository without a config file gets an answer to `/build` and, without the name, to nothing else.
- Text in code, quotes, lists, headings and HTML (comments included) is never a command, nor is `\\/build`.
- A command with other words than its grammar allows is answered with the grammar. One comment asks for one thing and
  gets one answer.
- Only new comments count: an edited comment starts nothing. Only the first {LINE_LIMIT:,} lines are read.
- People only: bots are heard where the operator lists them under `github.bots`, and hublish never hears itself.
- A tag goes the whole way to the hub, unless only some of its images were asked for. A branch, a commit or a pull request is
  built, but changes no hub.
- A pull request is built and nothing of it is pushed, unless config and operator let it have the tag `pr-<number>`. One from a
  fork is built only after `/ok-to-build` with the SHA of its head, see [permissions](permissions.md#pull-requests).
- Check runs bear buttons for some of these: Cancel while a build is at work, Retry when it failed or was cancelled, and Open
  pull request when the hub refused. "Re-run" is a retry too. A second press within a minute does nothing.

The issue titled "Deliver Container Image" is the other way to ask by hand: its text names the tag on one line,
`Tag: v1.2.3`. Closing and reopening it asks again.
"""

ANSWERS_TITLE = """
## What an answer looks like

Each request gets one comment, which is brought up to date until the end; below it stands a link to steps and log.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer that the page quotes.

    Attributes:
        name: of the file in `tests/golden/conversation` that holds it.
        title: what was asked.
        text: the comment without its link, as Markdown.
    """

    name: str
    title: str
    text: str


ANSWERS = (
    Answer(
        name="deliver-one",
        title="A release, delivered:",
        text="""\
**Delivered:** `v1` at 0123456

| | |
| --- | --- |
| image | `registry.example.org/team/ts:v1` |
| digest | `sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb` |
| also tagged | `latest` |
| size | 365 MB in 12 layers; 34 MB uploaded |
| time | 1 min 10 s |
| smoke test | not started in a hub: this version of hublish has no smoke test |
| hub `demo` | [pull request #3](https://github.com/org/apps/pull/3): lists ts v1 |""",
    ),
    Answer(
        name="break-config",
        title="A release whose config has two misspelt keys:",
        text="""\
**Not delivered:** `v1` at 0123456

ConfigInvalid: The config file at 0123456 has faults.

**What to do:** Correct the places below and publish a new release.

- error, `.hublish.yaml:4:1`: unknown key \\`strategi\\` (did you mean \\`strategy\\`?)
- error, `.hublish.yaml:5:9`: unknown key \\`timeot\\` (did you mean \\`timeout\\`?)""",
    ),
    Answer(
        name="miss-permission",
        title="`/build` by somebody who may only read, where the config names approvers:",
        text="""\
**Not started:** `main`

PermissionMissing: /build needs write permission on octo/ts; the permission of octocat is read.

**What to do:** Ask somebody with write permission, or a member of the team octo/data, or an approver in OWNERS (alice, bob) to do it.""",
    ),
)


def render_commands_reference() -> str:
    """Render the whole page as Markdown."""
    rows = (f"| `{rule.usage}` | {rule.needs.value} | {rule.help} |\n" for rule in COMMAND_RULES)
    return INTRODUCTION + "".join(rows) + RULES + ANSWERS_TITLE + "".join(map(_render_answer, ANSWERS))


def _render_answer(answer: Answer) -> str:
    quoted = "\n".join(f"> {line}".rstrip() for line in answer.text.splitlines())
    return f"\n{answer.title}\n\n{quoted}\n"


if __name__ == "__main__":
    typer.echo(render_commands_reference(), nl=False)
