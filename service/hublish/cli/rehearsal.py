"""How a rehearsal of a delivery is shown: the decision, then everything that would be said, word for word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from hublish.cli.screen import Screen
from hublish.errors import clip

if TYPE_CHECKING:
    from hublish.workflows.rehearsal import Rehearsal

DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Print what would be decided and said; nothing is stored or sent.")
]


def show_rehearsal(screen: Screen, rehearsal: Rehearsal) -> None:
    """Print a rehearsal."""
    for key, value in _make_facts(rehearsal).items():
        screen.say(f"{key:<12}{value or '-'}")
    for saying in rehearsal.sayings:
        screen.say("")
        screen.say(f"would give a {saying.kind} at {saying.place}:")
        for line in saying.text.splitlines():
            # A config's texts are in it; a terminal must not obey them.
            screen.say(f"  {clip(line, limit=4096)}")
    if not rehearsal.sayings:
        screen.say("nothing would be said")


def _make_facts(rehearsal: Rehearsal) -> dict[str, str]:
    trigger = rehearsal.trigger
    facts = {"decision": rehearsal.decision, "reason": clip(rehearsal.reason, limit=1024)}
    if trigger is None:
        return facts
    return {
        **facts,
        "kind": trigger.kind.value,
        "repository": trigger.repository.full_name,
        "ref": clip(trigger.ref or ""),
        "actor": trigger.actor,
    }


def make_rehearsal_document(rehearsal: Rehearsal) -> Mapping[str, object]:
    """Make the JSON object of a rehearsal: the facts, and `sayings` as `{kind, place, text}` in order."""
    sayings = [{"kind": saying.kind, "place": saying.place, "text": saying.text} for saying in rehearsal.sayings]
    return {**_make_facts(rehearsal), "sayings": sayings}
