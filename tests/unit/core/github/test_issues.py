"""Issues that ask for a build by their title, their form or a label."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from hublish.core.github.build_issue import FORM_USAGE, find_request
from hublish.core.github.events import Event, Ignored, parse_event
from hublish.core.github.ports import Thread
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.repository import RefKind
from tests.unit.core.github.parts import BASE, ISSUE, QUESTION, REPOSITORY, parse

FORM = "### Ref\n\nv1.2\n\n### Images\n\n_No response_\n"
OPENED = Trigger(
    kind=TriggerKind.ISSUE,
    repository=REPOSITORY,
    actor="alice",
    actor_is_bot=False,
    semantic_key="issue:11:opened:2026-11-21T10:00:00Z",
    ref="v1.2",
    ref_kind=None,
    thread=Thread(kind="issue", number=3),
    url="https://github.com/org/ts/issues/3",
)
LABELLED = replace(
    OPENED,
    kind=TriggerKind.LABEL,
    semantic_key="label:11:Build:2026-11-21T10:00:00Z",
    ref_kind=RefKind.TAG,
    label="Build",
)
AGAIN = f"{FORM_USAGE}, then close and reopen it."


def open_issue(body: str | None) -> Event:
    return parse("issues", "opened", issue={**ISSUE, "body": body})


def put_label(name: str = "Build", **parts: Any) -> Event:
    payload = {
        **BASE,
        "action": "labeled",
        "issue": {**QUESTION, "body": "Tag: v1.2"},
        "label": {"name": name},
        **parts,
    }
    return parse_event(event="issues", body=json.dumps(payload).encode())


@pytest.mark.parametrize(
    ("body", "changes"),
    [
        (FORM, {}),
        ("### Images\n\nts, gpu\n\n### Ref\n\nrefs/tags/v1.2\n", {"images": ("ts", "gpu")}),
        ("### Images\n\n- [x] ts\n- [ ] old\n- [X] gpu\n\n### ref\n\n`v1.2`", {"images": ("ts", "gpu")}),
        ("### Images\n\n- ts\n- **gpu**\n\n### REF\n\nv1.2", {"images": ("ts", "gpu")}),
        ("### Git  Tag\n\nv1.2", {"ref_kind": RefKind.TAG}),
        (
            "### Why?\n\n@everybody\n\n### Ref\n\nv1.2",
            {"notes": ('Not read of the form: "Why?". Its fields are Ref (or Tag) and Images.',)},
        ),
        (
            FORM + "".join(f"### X{number}\n\nx\n\n" for number in range(7)),
            {
                "notes": (
                    'Not read of the form: "X0", "X1", "X2", "X3", "X4" and 2 more. Its fields are Ref (or Tag) and Images.',
                )
            },
        ),
    ],
)
def test_form_is_read_by_the_names_of_its_fields(body: str, changes: dict[str, Any]) -> None:
    """In any order; what has no meaning here is named in the answer."""
    assert open_issue(body) == replace(OPENED, **changes)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("### Images\n\nts", "The form names no ref: the field `Ref` (or `Tag`) is missing or empty."),
        ("### Ref\n\n_No response_", "The form names no ref: the field `Ref` (or `Tag`) is missing or empty."),
        ("### Ref\n\nx.y.z", "The form names no ref: the field `Ref` (or `Tag`) is missing or empty."),
        ("### Ref\n\nv1\n\n### Tag\n\nv2", "The issue names 2 different refs; one issue builds one."),
        ("### Ref\n\nv1 please", '"v1 please" cannot be the name of a tag, branch or commit.'),
        ("### Ref\n\n$(id) ; x", '"$(id) ; x" cannot be the name of a tag, branch or commit.'),
        ("### Ref\n\n--upload-pack=x", '"--upload-pack=x" cannot be the name of a tag, branch or commit.'),
        ("### Ref\n\nv1\n\n### Images\n\n../etc", '"../etc" cannot be the name of an image.'),
        (
            "### Ref\n\nv1\n\n### Images\n\n" + " ".join(f"i{n}" for n in range(51)),
            "The form names 51 images; at most 50 are read.",
        ),
    ],
)
def test_form_that_cannot_be_followed_carries_the_problem(body: str, problem: str) -> None:
    """Nothing is built in place of what was meant."""
    read = open_issue(body)

    assert isinstance(read, Trigger)
    assert (read.ref, read.images, read.problem, read.hint) == (None, (), problem, AGAIN)


def test_label_asks_for_what_the_issue_names() -> None:
    """The label goes along: whether it is the right one is the config's word."""
    assert put_label() == LABELLED
    assert put_label(issue={**QUESTION, "body": FORM}) == replace(LABELLED, ref_kind=None)


def test_label_on_an_issue_that_names_nothing_says_how_to_ask_again() -> None:
    """Reopening would not help there."""
    read = put_label(issue=QUESTION)

    assert isinstance(read, Trigger)
    assert read.problem == "The issue has no line that starts with `Tag:`."
    assert read.hint.endswith(", then take the label off and put it on again.")


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"label": None}, "the label has no usable name"),
        ({"label": {"name": "  "}}, "the label has no usable name"),
        ({"label": {"name": "x" * 51}}, "the label has no usable name"),
        ({"issue": ISSUE}, "the issue's title asks already; a comment with a command asks again"),
        (
            {"sender": {"login": "labeler[bot]", "type": "Bot"}},
            "the sender's type is Bot; only people start builds here",
        ),
    ],
)
def test_label_that_asks_for_nothing_is_ignored(parts: dict[str, Any], reason: str) -> None:
    """A form that brings title and label is one request, and bots are not heard."""
    assert put_label(**parts) == Ignored(reason=reason, event="issues", action="labeled")


def test_hostile_label_stays_one_line_of_the_key() -> None:
    """Right-to-left text and line ends are shown, never obeyed."""
    read = put_label("a\n\u202eb")

    assert isinstance(read, Trigger)
    assert read.semantic_key.isprintable()


@pytest.mark.parametrize(("title", "body", "found"), [("x", FORM, True), ("x", "Tag: v1", False), ("x", None, False)])
def test_comment_in_a_form_means_what_the_form_names(title: str, body: str | None, *, found: bool) -> None:
    """Whatever its title: a form with a ref is a build issue to whoever comments in it."""
    assert (find_request(title, body) is not None) is found
