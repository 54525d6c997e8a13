"""Project issues: their titles, and the fields of the forms and templates in use."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hublish.core.github.events import Event, Ignored, parse_event
from hublish.core.github.ports import Thread
from hublish.core.github.project_issue import is_project_issue, parse_project
from hublish.core.github.trigger import Project, Trigger, TriggerKind
from tests.unit.core.github.parts import BASE, ISSUE, REPOSITORY

FORM = (
    "### Target cluster\n\nSmaug\n\n### Team name\n\nwidgets\n\n### Project description\n\nMany things\n\n"
    "### Users needing access\n\nalice, bob\n\n### GitHub repository\n\nhttps://github.com/Org/Widgets.git\n"
)
TEMPLATE = (
    "**Do you have a place in a registry?**\r\nNo.\r\n\r\n**Details:**\r\n_Repository Name_: <widgets>\r\n"
    "_GitHub Repository associated_: <https://github.com/org/widgets>\r\n_UserId of users requiring Admin Access_: <alice>\r\n"
)
READ = "Its fields are the repository, the project's name and its people."


@pytest.mark.parametrize(
    "title", ["NEW PROJECT: widgets", "New  project", "Onboard Project AICoE", " onboard project: x", "NEW PROJECT (x)"]
)
def test_title_of_a_project_issue_is_known(title: str) -> None:
    """Case and spaces do not count, and what follows is the project's."""
    assert is_project_issue(title)


@pytest.mark.parametrize(
    "title", ["", "Our NEW PROJECT", "NEW PROJECTS", "Onboard projections", "Deliver Container Image"]
)
def test_other_titles_are_other_issues(title: str) -> None:
    """The words begin the title, whole."""
    assert not is_project_issue(title)


@pytest.mark.parametrize(
    ("body", "project", "notes"),
    [
        (
            FORM,
            Project(repository="org/widgets", name="widgets", people=True),
            (f'Not read of the form: "Target cluster", "Project description". {READ}',),
        ),
        (TEMPLATE, Project(repository="org/widgets", name="widgets", people=True), ()),
        ("### Team name\n\n_No response_", Project(repository="", name="", people=False), ()),
        ("### GitHub repository\n\nhttps://github.com/org", Project(repository="", name="", people=False), ()),
        ("### Repository\n\n`$(id)/../x`", Project(repository="", name="", people=False), ()),
        ("Repository: git@github.com:org/ts.git", Project(repository="org/ts", name="", people=False), ()),
    ],
)
def test_fields_are_read_by_name(body: str, project: Project, notes: tuple[str, ...]) -> None:
    """In any order, of form and template; an address that is none is no repository."""
    assert parse_project(body) == (project, notes)


def open_issue(body: str | None, **parts: Any) -> Event:
    issue = {**ISSUE, "title": "NEW PROJECT: widgets", "body": body}
    payload = {**BASE, "action": "opened", "issue": issue, **parts}
    return parse_event(event="issues", body=json.dumps(payload).encode())


def test_project_issue_asks_what_to_do() -> None:
    """It builds nothing and names no ref; whoever may read may ask."""
    expected = Trigger(
        kind=TriggerKind.PROJECT,
        repository=REPOSITORY,
        actor="alice",
        actor_is_bot=False,
        semantic_key="issue:11:opened:2026-11-21T10:00:00Z",
        ref=None,
        ref_kind=None,
        thread=Thread(kind="issue", number=3),
        url="https://github.com/org/ts/issues/3",
        command=None,
        project=Project(repository="org/widgets", name="widgets", people=True),
    )

    assert open_issue(TEMPLATE) == expected


@pytest.mark.parametrize(
    ("body", "sender", "reason"),
    [
        (None, "User", "the issue is titled like a project's, but holds none of the fields"),
        ("Let us talk: soon", "User", "the issue is titled like a project's, but holds none of the fields"),
        (TEMPLATE, "Bot", "the sender's type is Bot; only people start builds here"),
    ],
)
def test_other_issue_of_that_title_is_left_alone(body: str | None, sender: str, reason: str) -> None:
    """People begin new projects without this service, too."""
    expected = Ignored(reason=reason, event="issues", action="opened")

    assert open_issue(body, sender={"login": "alice", "type": sender}) == expected
