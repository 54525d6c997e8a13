"""Pull requests: built without a push, superseded by newer pushes, stopped when closed; a fork's waits for a person's word."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.answers import wait_until
from tests.e2e.build_events import noting_builds, open_gate, read_events
from tests.e2e.deliveries import read_deliveries
from tests.sandbox.contract import check_calls
from tests.sandbox.github import GitHubSandbox
from tests.sandbox.town import ENDED, SOURCE_REPO, Town

pytestmark = [pytest.mark.github, pytest.mark.registry, pytest.mark.timeout(900)]

SLOW = (sys.executable, "-m", "tests.e2e.slow_service")
PUSHES = 20
CHECK = "hublish / ts"


@pytest.fixture
def gated_town(tmp_path: Path, github: GitHubSandbox) -> Iterator[Town]:
    """A town whose repository wants its pull requests built, and in which no build ends before the gate is open."""
    with noting_builds(tmp_path, seconds=0.0, gated=True), Town(tmp_path, github=github, serve=SLOW) as town:
        town.settle()
        want_pull_requests(town)
        town.start_service()
        yield town


def want_pull_requests(town: Town) -> None:
    files = town.make_source_files(triggers={"pull_request": True})
    town.github.commit_files(SOURCE_REPO, {".hublish.yaml": files[".hublish.yaml"]}, message="triggers")


def find_checks(town: Town, sha: str) -> list[dict[str, Any]]:
    """The ended check runs of the image on a commit, newest first."""
    checks = [check for check in town.github.check_runs(SOURCE_REPO, sha) if check["name"] == CHECK]
    ended = [check for check in checks if check["status"] == "completed"]
    return sorted(ended, key=lambda check: -int(check["id"]))


def await_check(town: Town, sha: str, *, count: int = 1) -> dict[str, Any]:
    """The newest check run of the image on a commit, once so many have ended."""
    wait_until(lambda: len(find_checks(town, sha)) >= count)
    return find_checks(town, sha)[0]


def push(town: Town, text: str, *, repo: str = SOURCE_REPO, login: str = "writer") -> str:
    """Push a commit of a file to the branch `change`; returns its SHA."""
    return town.github.commit_files(repo, {"change.txt": f"{text}\n"}, message=text, branch="change", login=login)


def find_runs(town: Town, ref: str) -> list[dict[str, Any]]:
    """The runs of a pull request, of all its pushes, newest first."""
    return [run for run in town.read_runs(pushes=True) if run["ref"] == ref]


def wait_for_end(town: Town) -> list[dict[str, Any]]:
    """All runs of pull requests and pushes, newest first, once every one of them has ended."""
    town.github.await_deliveries()
    wait_until(lambda: all(run["state"] in ENDED for run in town.read_runs(pushes=True)))
    return town.read_runs(pushes=True)


def test_only_the_head_of_a_pull_request_is_built_and_nothing_is_pushed(gated_town: Town) -> None:
    """Twenty pushes at once: the build of an older head ends as cancelled, one build is of use, the registry stays empty."""
    town = gated_town
    first = push(town, "first")
    number = town.github.open_pull_request(SOURCE_REPO, head="change", title="Change", login="writer")
    wait_until(lambda: len(read_events(town.folder)) == 1)
    heads = [push(town, f"push {count}") for count in range(PUSHES)]
    superseded = await_check(town, first)
    town.github.await_deliveries()
    wait_until(lambda: all(row["state"] != "received" for row in read_deliveries(town)))
    # Of all heads the newest alone is left: an older one that is still on its way could pass the gate, too.
    wait_until(lambda: [run["state"] in ENDED for run in find_runs(town, str(number))].count(False) == 1)
    open_gate(town.folder)
    built = await_check(town, heads[-1])
    wait_for_end(town)
    runs = find_runs(town, str(number))
    older = {check["conclusion"] for head in heads[:-1] for check in find_checks(town, head)}

    assert superseded["conclusion"] == "cancelled"
    assert "takes the place of this one." in superseded["output"]["summary"]
    assert (built["conclusion"], built["output"]["title"].split(" (")[0]) == (
        "success",
        f"Built: pull request {number}",
    )
    assert "nothing was pushed: the build was only tried" in built["output"]["summary"]
    assert [run["state"] for run in runs].count("delivered") == 1
    assert {run["state"] for run in runs} <= {"delivered", "cancelled", "skipped"}
    assert older <= {"cancelled"}
    assert town.registry.tags("team/ts") == ()
    assert town.github.comments(SOURCE_REPO, number) == []
    assert check_calls(town.github.calls()) == ()


def test_closed_pull_request_stops_its_build(gated_town: Town) -> None:
    """In the middle of it; the check run says why, and the merged commit is nobody's release."""
    town = gated_town
    sha = push(town, "merged")
    number = town.github.open_pull_request(SOURCE_REPO, head="change", title="Change", login="writer")
    wait_until(lambda: len(read_events(town.folder)) == 1)
    town.github.merge_pull_request(SOURCE_REPO, number, login="writer")
    check = await_check(town, sha)
    open_gate(town.folder)
    wait_for_end(town)

    assert check["conclusion"] == "cancelled"
    assert "The pull request was closed." in check["output"]["summary"]
    assert town.registry.tags("team/ts") == ()
    assert town.github.comments(SOURCE_REPO, number) == []


def test_pull_request_that_is_closed_and_opened_at_once_is_built(gated_town: Town) -> None:
    """Its first build may be stopped or not, but the head of an open pull request is built, in one of its check runs."""
    town = gated_town
    sha = push(town, "twice")
    number = town.github.open_pull_request(SOURCE_REPO, head="change", title="Change", login="writer")
    wait_until(lambda: len(read_events(town.folder)) == 1)
    for state in ("closed", "open"):
        town.github.api("PATCH", f"/repos/{SOURCE_REPO}/pulls/{number}", {"state": state}, login="writer")
    town.github.await_deliveries()
    wait_until(lambda: all(row["state"] != "received" for row in read_deliveries(town)))
    open_gate(town.folder)
    runs = [run for run in wait_for_end(town) if run["ref"] == str(number)]

    assert "success" in {check["conclusion"] for check in find_checks(town, sha)}
    assert [run["state"] for run in runs].count("delivered") == 1


def test_fork_is_built_after_a_persons_word_for_its_very_commit(quiet_town: Town) -> None:
    """Not by its author, in no disguise, for no other commit; its config cannot send the image elsewhere; a push waits anew.

    GitHub keeps the head of a pull request whose fork was deleted, so that a word for it still counts.
    """
    town = quiet_town
    want_pull_requests(town)
    town.start_service()
    town.github.create_user("stranger", install=False)
    fork = town.github.fork(SOURCE_REPO, login="stranger")
    evil = town.make_source_files(triggers={"pull_request_tag": True})[".hublish.yaml"].replace("team/ts", "team/evil")
    sha = town.github.commit_files(fork, {".hublish.yaml": evil}, message="x", branch="main", login="stranger")
    number = town.github.open_pull_request(SOURCE_REPO, head="stranger:main", title="x", login="stranger")
    waiting = await_check(town, sha)
    asked = (
        (f"/ok-to-build {sha}", "stranger", "PermissionMissing"),
        (f"> /ok-to-build {sha}\n\n```\n/ok-to-build {sha}\n```\n<!-- /ok-to-build {sha} -->", "writer", ""),
        ("/ok-to-build fffffff", "writer", f"Pull request {number} is at {sha}; fffffff is not its head."),
        (f"/ok-to-build {sha[:7]}", "writer", f"{sha[:7]} is only the beginning of a SHA"),
        ("/build", "writer", f"/ok-to-build {sha}"),
    )
    for text, login, _ in asked:
        town.github.comment(SOURCE_REPO, number, text, login=login)
    refusals = [words for _, _, words in asked if words]
    wait_until(lambda: len(read_answers(town, number)) == len(refusals))
    before = (read_answers(town, number), town.registry.tags("team/ts"), len(find_checks(town, sha)))
    town.github.comment(SOURCE_REPO, number, f"/ok-to-build {sha}", login="writer")
    built = await_check(town, sha, count=2)
    wait_until(lambda: len(read_answers(town, number)) == len(refusals) + 1)
    pushed = push_fork(town, fork)
    anew = await_check(town, pushed)
    violations = check_calls(town.github.calls())
    town.github.api("DELETE", f"/repos/{fork}", login="stranger")
    town.github.comment(SOURCE_REPO, number, f"/ok-to-build {pushed}", login="writer")
    orphan = await_check(town, pushed, count=2)
    wait_until(lambda: len(read_answers(town, number)) == len(refusals) + 2)
    wait_until(lambda: all(run["state"] in ENDED for run in town.read_runs()))
    # A deleted fork is null in a pull request, which GitHub's own description denies.
    town.github.clear_calls()

    assert (waiting["conclusion"], waiting["output"]["title"]) == ("action_required", "Not started: ForkWaits")
    assert sorted(words for words in refusals if any(words in answer for answer in before[0])) == sorted(refusals)
    assert before[1:] == ((), 1)
    assert (built["conclusion"], built["output"]["title"].split(" (")[0]) == (
        "success",
        f"Built: pull request {number}",
    )
    assert f"{town.image}:latest" in built["output"]["summary"]
    assert "evil" not in built["output"]["summary"]
    assert orphan["conclusion"] == "success"
    assert sum(answer.startswith("**Built:**") for answer in read_answers(town, number)) == 2
    assert anew["conclusion"] == "action_required"
    assert (town.registry.tags("team/ts"), town.registry.tags("team/evil")) == ((), ())
    assert violations == ()


def read_answers(town: Town, number: int) -> list[str]:
    """The bot's answers on a pull request, without the backslashes of Markdown."""
    bodies = [str(comment["body"]) for comment in town.github.comments(SOURCE_REPO, number)]
    return [body.replace("\\", "") for body in bodies if "<!-- hublish:answer:" in body]


def push_fork(town: Town, fork: str) -> str:
    """Push once more to the fork's branch; returns the commit's SHA."""
    return town.github.commit_files(fork, {"more.txt": "x\n"}, message="more", branch="main", login="stranger")
