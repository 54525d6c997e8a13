"""The golden table of webhook decisions: what hublish makes of each payload GitHub publishes, and why.

`python -m tests.golden.webhook_decisions` writes `webhook_decisions.txt` anew; review its diff.
"""

from __future__ import annotations

import json
from pathlib import Path

from hublish.core.github.events import Event, Ignored, parse_event
from hublish.core.github.installing import Installed
from hublish.core.github.trigger import TriggerKind
from tests.sandbox.webhook_examples import WebhookExample, load_webhook_examples

TABLE = Path(__file__).with_suffix(".txt")
HEADER = """\
# What hublish decides on each webhook example GitHub publishes, and why.
# event action #number: decision
# Written by `python -m tests.golden.webhook_decisions`; review the diff.
"""


def render_table() -> str:
    """The whole table, one line for each example in GitHub's order."""
    return HEADER + "".join(f"{render_line(example)}\n" for example in load_webhook_examples())


def render_line(example: WebhookExample) -> str:
    """One line of the table."""
    read = parse_event(event=example.event, body=json.dumps(example.payload).encode())
    return f"{example.event} {example.action or '-'} #{example.number}: {_render_decision(read)}"


def _render_decision(read: Event) -> str:
    if isinstance(read, Ignored):
        return f"ignored: {read.reason}"
    if isinstance(read, Installed):
        return f"look at {', '.join(newcomer.full_name for newcomer in read.newcomers)}"
    kind = "any ref" if read.ref_kind is None else read.ref_kind.value
    verb = "build"
    if read.kind is TriggerKind.PULL_REQUEST:
        verb = "check, and build if the config says so," if read.builds else "stop builds of"
    wanted = f"{verb} {kind} {read.ref}" if read.problem is None else f"answer: {read.problem}"
    if read.kind is TriggerKind.CHECK and read.command is not None:
        wanted = f"/{read.command.value} of commit {read.thread.sha[:7]}"
    bot = " (bot)" if read.actor_is_bot else ""
    prerelease = ", prerelease" if read.prerelease else ""
    return f"{wanted}{prerelease}, asked by {read.actor}{bot} in {read.repository.full_name}, key {read.semantic_key}"


if __name__ == "__main__":
    TABLE.write_text(render_table(), encoding="utf-8")
