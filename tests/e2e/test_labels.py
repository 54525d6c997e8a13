"""Issues that ask by a label and a form: the label of the config only, of people who may, once."""

from __future__ import annotations

import pytest

from tests.e2e.answers import wait_for_ref, wait_until
from tests.sandbox.town import SOURCE_REPO, Town

pytestmark = [pytest.mark.github, pytest.mark.registry]

FORM = "### Images\n\n_No response_\n\n### Ref\n\nmain\n\n### Why?\n\nBecause of @octocat\n"


def put_label(town: Town, number: int, label: str, *, login: str) -> None:
    town.github.api("POST", f"/repos/{SOURCE_REPO}/issues/{number}/labels", {"labels": [label]}, login=login)


def read_answers(town: Town, number: int) -> list[str]:
    return [str(row["body"]) for row in town.github.comments(SOURCE_REPO, number)]


def test_label_of_the_config_builds_what_the_form_names(shared_town: Town) -> None:
    """Another label is silence, the label of somebody who may not build a refusal, of somebody who may a build."""
    town = shared_town
    files = town.make_source_files(triggers={"label": "build me"})
    town.github.commit_files(SOURCE_REPO, files, message="label")
    refused = town.github.open_issue(SOURCE_REPO, "An image, please", body=FORM, login="reader")
    put_label(town, refused, "bug", login="reader")
    put_label(town, refused, "Build me", login="reader")
    wait_until(lambda: bool(read_answers(town, refused)))
    wanted = town.github.open_issue(SOURCE_REPO, "An image, please", body=FORM, login="reader")
    put_label(town, wanted, "build me", login="writer")
    runs = wait_for_ref(town, "main", count=3)
    (denied,), (delivered,) = read_answers(town, refused), read_answers(town, wanted)

    assert [run["state"] for run in runs] == ["delivered", "denied", "skipped"]
    assert denied.startswith("**Not started:** ")
    assert "PermissionMissing: Builds need write permission on octocat/ts; the permission of reader is read" in denied
    assert delivered.startswith("**Delivered:** `main` at ")
    assert 'Not read of the form: "Why?". Its fields are Ref (or Tag) and Images.' in delivered
    assert town.github.issue(SOURCE_REPO, wanted)["state"] == "closed"


def test_project_issue_is_answered_with_what_to_do(shared_town: Town) -> None:
    """At once, to whoever may read; nothing is built, the issue stays open, and an edit of it asks for nothing."""
    town = shared_town
    body = "### Team name\n\nwidgets\n\n### GitHub repository\n\nhttps://github.com/acme/widgets\n\n### Quota\n\n@all\n"
    number = town.github.open_issue(SOURCE_REPO, "NEW PROJECT: widgets", body=body, login="reader")
    wait_until(lambda: bool(read_answers(town, number)))
    edit = {"body": body.replace("widgets", "gadgets")}
    town.github.api("PATCH", f"/repos/{SOURCE_REPO}/issues/{number}", edit, login="reader")
    town.github.await_deliveries()
    (answer,) = read_answers(town, number)

    assert answer.startswith("**Onboarding** of `acme/widgets`\n\n1. Install the App on `acme/widgets`")
    assert 'Not read of the form: "Quota".' in answer
    assert town.github.issue(SOURCE_REPO, number)["state"] == "open"
