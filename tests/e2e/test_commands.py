"""Commands in comments: whole answers, one for each comment, also through kill -9."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hublish.core.github.commands import COMMAND_RULES
from tests.e2e.answers import wait_for_ref, wait_through_crashes, wait_until
from tests.e2e.build_events import noting_builds, open_gate, read_events
from tests.e2e.crashing_service import EFFECTS
from tests.e2e.deliveries import post_signed
from tests.e2e.test_crashes import CRASHING, clean_hub, make_masked
from tests.sandbox.github import GitHubSandbox
from tests.sandbox.town import ENDED, HUB_REPO, SOURCE_REPO, Town

pytestmark = [pytest.mark.github, pytest.mark.registry, pytest.mark.timeout(900)]

SLOW = (sys.executable, "-m", "tests.e2e.slow_service")
END = "\n\n[Steps and log](URL/runs/RUN)\n\n<!-- hublish:answer:RUN -->"
HELP = "\n".join(
    (
        "**Commands**",
        "",
        "| command | permission | what it does |",
        "| --- | --- | --- |",
        *(f"| `{rule.usage}` | {rule.needs.value} | {rule.help} |" for rule in COMMAND_RULES),
        "",
        "A command is a line of its own in a new comment; `@{app} build` is `/build`. Words in brackets may be left out.",
    )
)
MISSPELT = """\
**Not started:** the request

CommandUnknown: hublish knows no command "/biuld".

**What to do:** Did you mean \\`/build \\[ref\\] \\[image...\\] \\[--force\\]\\`? \\`/help\\` shows all commands. \
An edited comment is not read: comment anew."""
REFUSED = """\
**Not started:** `main`

PermissionMissing: /build needs write permission on octocat/ts; the permission of reader is read.

**What to do:** Ask somebody with write permission to do it."""
CANCELLED = """\
**Cancelled**

- `main` at {sha}: [page](URL/runs/RUN)"""
CANCELLED_BUILD = """\
**Cancelled:** `main` at {sha}

RunCancelled: writer cancelled this.

**What to do:** Comment \\`/retry\\` to take it up again.

No hub is changed: only a tag goes the whole way."""
NOTHING_FAILED = """\
**Not started:** the request

RequestUnclear: The last build here was delivered; nothing of it failed.

**What to do:** Comment \\`/build\\` with \\`--force\\` to build anew what was built."""


@pytest.fixture
def gated_town(tmp_path: Path, github: GitHubSandbox) -> Iterator[Town]:
    """A town in which no build ends before the gate is open."""
    with noting_builds(tmp_path, seconds=0.0, gated=True), Town(tmp_path, github=github, serve=SLOW) as town:
        town.settle()
        town.start_service()
        yield town


class Conversation:
    """An issue, and what the bot says in it."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.number = town.github.open_issue(SOURCE_REPO, "A question")

    def read_answers(self) -> list[str]:
        """The bot's answers, oldest first, without what differs between runs."""
        comments = self.town.github.comments(SOURCE_REPO, self.number)
        own = [comment["body"] for comment in comments if comment["user"]["login"] == self.town.github.bot_login]
        return [make_masked(body, self.town, "v0") for body in own if "<!-- hublish:answer:" in body]

    def say(self, text: str, *, login: str = "writer") -> None:
        self.town.github.comment(SOURCE_REPO, self.number, text, login=login)

    def wait_for_answers(self, count: int) -> None:
        """Wait for so many answers, and for the ends of their runs, which come a moment after the answers."""
        wait_until(lambda: len(self.read_answers()) == count)
        wait_until(lambda: all(run["state"] in ENDED for run in self.town.read_runs()))

    def ask(self, text: str, *, login: str = "writer") -> str:
        """Comment and wait for one more answer, which is returned without its end."""
        before = len(self.read_answers())
        self.say(text, login=login)
        self.wait_for_answers(before + 1)
        answer = self.read_answers()[-1]
        assert answer.endswith(END)
        return answer.removesuffix(END)


def press(town: Town, check: dict[str, Any], identifier: str) -> int:
    """Press a button of a check run as a person with write permission; returns the status of the delivery."""
    heard = next(
        item["payload"]
        for item in town.github.deliveries()
        if item["event"] == "issue_comment" and item["payload"]["sender"]["login"] == "writer"
    )
    payload = {
        **{key: heard[key] for key in ("repository", "sender", "installation")},
        "action": "requested_action",
        "requested_action": {"identifier": identifier},
        "check_run": {key: check[key] for key in ("id", "head_sha", "external_id")},
    }
    return post_signed(town, json.dumps(payload).encode(), event="check_run", guid="press")


def test_build_is_cancelled_and_taken_up_again(gated_town: Town) -> None:
    """From question to delivery in one thread: each comment has its one answer, and the cancelled build one of its own."""
    town, talk = gated_town, Conversation(gated_town)
    app = town.github.bot_login.removesuffix("[bot]")
    helped = talk.ask(f"@{app} help", login="reader")
    misspelt = talk.ask("Hello,\n/biuld main", login="reader")
    refused = talk.ask("/build main", login="reader")
    talk.say("/build main")
    wait_until(lambda: len(read_events(town.folder)) == 1)
    talk.say("/cancel")
    talk.wait_for_answers(5)
    stopped = sorted(answer.removesuffix(END) for answer in talk.read_answers()[3:])
    open_gate(town.folder)
    delivered = talk.ask("/retry")
    again = talk.ask("/retry")
    sha = town.github.ref_sha(SOURCE_REPO, "heads/main")
    checks = town.github.check_runs(SOURCE_REPO, str(sha))
    (cancelled,) = [check for check in checks if check["conclusion"] == "cancelled"]
    status = press(town, cancelled, "retry")
    pressed = wait_for_ref(town, "main", count=4)

    assert helped == HELP.format(app=app)
    assert (misspelt, refused, again) == (MISSPELT, REFUSED, NOTHING_FAILED)
    assert stopped == [CANCELLED.format(sha=str(sha)[:7]), CANCELLED_BUILD.format(sha=str(sha)[:7])]
    assert delivered.startswith(f"**Delivered:** `main` at {str(sha)[:7]}")
    assert sorted(check["conclusion"] for check in checks) == ["cancelled", "success"]
    assert (status, [run["state"] for run in pressed]) == (202, ["delivered", "delivered", "cancelled", "denied"])
    assert len(talk.read_answers()) == 7


def test_question_survives_kill_around_its_answer(tmp_path: Path, github: GitHubSandbox) -> None:
    """Killed just before and just after its answer is said, a command is answered exactly once."""
    record = tmp_path / "crashes.txt"
    with Town(tmp_path, github=github, serve=CRASHING) as town:
        town.settle()
        talk = Conversation(town)
        quiet = {name for methods in EFFECTS.values() for name in methods} - {"ensure_comment"}
        environ = {"HUBLISH_TEST_CRASHES": str(record), "HUBLISH_TEST_QUIET": ",".join(quiet)}
        town.start_service(**environ)
        talk.say("/status")
        wait_through_crashes(town, environ, seconds=600)
        (answer,) = talk.read_answers()
        kills = record.read_text().splitlines()

    assert kills == ["before conversation.ensure_comment answer", "after conversation.ensure_comment answer"]
    assert answer.startswith("**Status** of `octocat/ts`")


def test_closed_proposal_is_made_again(town: Town) -> None:
    """What a maintainer closed by mistake comes back by `/deploy`, and nothing is built for it."""
    town.github.publish_release(SOURCE_REPO, "v1.0")
    wait_for_ref(town, "v1.0")
    clean_hub(town)
    talk = Conversation(town)
    elsewhere = talk.ask("/deploy moon")
    before = town.github.pull_requests(HUB_REPO)
    deployed = talk.ask("/deploy demo")
    (proposed,) = town.github.pull_requests(HUB_REPO)

    assert before == []
    assert "NotAllowed: .hublish.yaml on the default branch does not name the hub moon; it names demo" in elsewhere
    assert deployed.startswith("**Delivered:** `v1.0`")
    assert "| time | an earlier build was used |" in deployed
    assert proposed["state"] == "open"
