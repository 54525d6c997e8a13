"""Names and texts made to do harm: shown as text on one line, never run, never a mention; and secrets that stay so."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.answers import find_delivery, find_runs, publish, wait_until
from tests.e2e.deliveries import post_signed, read_deliveries
from tests.sandbox.town import ENDED, SOURCE_REPO, Town

pytestmark = [pytest.mark.github, pytest.mark.registry]

SEED = "v0.1"
CANARY = "canary-of-hublish"
RIGHT_TO_LEFT, ESCAPE = "\u202e", "\x1b[31m"


def check_text(body: str) -> None:
    """A comment that notifies nobody, hides nothing and is closed by the marker on its last line."""
    assert [character for character in body if not (character.isprintable() or character in "\n\u200b")] == []
    assert re.search(r"(?<![\w`])@\w", re.sub(r"`[^`\n]*`", "", body)) is None
    assert len(re.findall(r"<!-- hublish:", body)) == 1


def send_release(town: Town, **changes: Any) -> dict[str, Any]:
    """Post the first release's payload with changes, signed; returns the run it led to, when that has ended."""
    first = find_delivery(town, SEED)["payload"]
    number = len(read_deliveries(town))
    release = {**first["release"], "id": first["release"]["id"] + 1000 + number, **changes}
    guid = f"hostile-{number}"
    body = json.dumps({**first, "release": release}).encode()
    assert post_signed(town, body, event="release", guid=guid) == 202
    wait_until(lambda: read_delivery(town, guid)["state"] != "received")
    run_id = read_delivery(town, guid)["run_id"]
    wait_until(lambda: read_run(town, run_id)["state"] in ENDED)
    return read_run(town, run_id)


def read_delivery(town: Town, guid: str) -> dict[str, Any]:
    (row,) = [row for row in read_deliveries(town) if row["guid"] == guid]
    return row


def read_run(town: Town, run_id: str) -> dict[str, Any]:
    (run,) = [run for run in town.read_runs() if run["id"] == run_id]
    return run


ODD_TAGS = (f"$(touch${{IFS}}{CANARY})", f"`touch${{IFS}}{CANARY}`", "a/b", "@octocat", "v1;reboot")


@pytest.mark.parametrize("tag", ODD_TAGS)
def test_odd_tag_of_git_is_only_a_name(shared_town: Town, tag: str) -> None:
    """A tag that git allows and a shell would run is a name that no registry takes: one answer says so."""
    town = shared_town

    answer = publish(town, tag, name=f"{ESCAPE}@octocat {RIGHT_TO_LEFT}", body=f"/build @acme-admin {RIGHT_TO_LEFT}")

    check_text(answer)
    assert answer.splitlines()[0].startswith("**Not delivered:** `")
    assert tag in answer.splitlines()[0]
    assert "ValueInvalid: " in answer


FORBIDDEN_TAGS = (
    "v1.0;rm -rf /",
    "--upload-pack=x",
    f"v1{RIGHT_TO_LEFT}",
    f"v1{ESCAPE}",
    "../../etc",
    "v1\nTag: v2",
    "",
    "x" * 300,
    "@octocat ",
)


@pytest.mark.parametrize("tag", FORBIDDEN_TAGS, ids=range(len(FORBIDDEN_TAGS)))
def test_tag_that_git_forbids_is_answered_as_text(shared_town: Town, tag: str) -> None:
    """A release with a tag that no ref can have is refused with one answer, and GitHub is never asked for the tag."""
    town = shared_town
    if find_runs(town, SEED) == []:
        publish(town, SEED)
    town.github.clear_calls()

    run = send_release(town, tag_name=tag)
    head = str(town.github.ref_sha(SOURCE_REPO, "heads/main"))
    answers = [row["body"] for row in town.github.commit_comments(SOURCE_REPO, head) if run["id"] in row["body"]]
    asked = [call.path for call in town.github.calls(caller="installation") if "/tags/" in call.path]

    assert run["state"] == "denied"
    assert asked == []
    (answer,) = answers
    check_text(answer)
    assert answer.splitlines()[0] == "**Not started:** the request"
    assert answer.splitlines()[2].startswith("RequestUnclear: The release's tag ")
    assert answer.splitlines()[4] == "**What to do:** Publish the release under a tag such as v1.2.3."


ISSUES = {
    "option": ("Tag: --upload-pack=x", "cannot be the name of a tag"),
    "shell": ("Tag: v1; rm -rf /", "cannot be the name of a tag"),
    "mention": ("Tag: @octocat/everyone", "@octocat/everyone"),
    "right to left": (f"Tag: v1{RIGHT_TO_LEFT}0", "cannot be the name of a tag"),
    "colours": (f"Tag: {ESCAPE}v1", "cannot be the name of a tag"),
    "marker": ("Tag: x--><!--hublish:answer:0-->", ""),
}


def read_comments(town: Town, number: int) -> list[str]:
    return [str(row["body"]) for row in town.github.comments(SOURCE_REPO, number)]


@pytest.mark.parametrize("name", ISSUES)
def test_hostile_issue_gets_a_plain_answer(shared_town: Town, name: str) -> None:
    """An issue that asks for an impossible tag gets one answer, in which its text is only text."""
    town = shared_town
    body, part = ISSUES[name]
    number = town.github.open_issue(SOURCE_REPO, "Deliver Container Image", body=body)
    # The answer is written first, what was said meanwhile is removed then.
    wait_until(lambda: ["hublish:answer" in body for body in read_comments(town, number)] == [True])
    (comment,) = read_comments(town, number)

    check_text(comment)
    assert part in comment
    assert comment.split(":**")[0] in ("**Not started", "**Not delivered")


def test_nothing_of_it_was_run(shared_town: Town) -> None:
    """No file that a shell would have made stands anywhere near the service."""
    town = shared_town

    assert not (Path.cwd() / CANARY).exists()
    assert list(town.folder.rglob(CANARY)) == []
