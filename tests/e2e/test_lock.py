"""`/lock` from the comment to the build of its merge: one answer, one pull request, one file changed, also through kill -9."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.answers import wait_through_crashes, wait_until
from tests.e2e.crashing_service import EFFECTS
from tests.e2e.test_commands import END, Conversation
from tests.sandbox.github import GitHubSandbox
from tests.sandbox.town import SOURCE_REPO, Town
from tests.sandbox.wheels import NOTEBOOK_PACKAGES

pytestmark = [pytest.mark.github, pytest.mark.registry, pytest.mark.timeout(900)]

LOCKING = (sys.executable, "-m", "tests.e2e.locking_service")
PACKAGES = {**NOTEBOOK_PACKAGES, "six": "1.17.0"}
LOCKED = "**Locked:** `main` at {sha}: [PULL](GITHUB/octocat/tsPULL) updates `Pipfile.lock`; 1 changed."
NOT_LOCKED = """\
**Not locked:** `main` at {sha}

LockFailed: pipenv could not lock: ResolutionImpossible: six==9 and six==1

**What to do:** Change the Pipfile.

<details><summary>Last lines of the log</summary>

```
Locking [packages] dependencies...
ResolutionImpossible: six==9 and six==1
```

</details>"""


@pytest.fixture
def quiet_locking_town(tmp_path: Path, github: GitHubSandbox) -> Iterator[Town]:
    """A town with a resolver of ours, a Pipfile that asks for another six than is locked, and a config that builds pushes."""
    with Town(tmp_path, github=github, serve=LOCKING) as town:
        town.settle()
        pipfile, lock = town.index.make_lock(PACKAGES)
        (tmp_path / "new.lock").write_text(lock)
        config = town.make_source_files(triggers={"push": ["main"]})[".hublish.yaml"]
        files = {"Pipfile": pipfile, ".hublish.yaml": config}
        town.github.commit_files(SOURCE_REPO, files, message="Ask for a newer six")
        town.github.clear_deliveries()
        yield town


def make_environ(town: Town) -> dict[str, str]:
    """Where the resolver finds its lock."""
    return {"HUBLISH_TEST_LOCK": str(town.folder / "new.lock")}


def find_sha(town: Town) -> str:
    """The short commit that the default branch is at."""
    return str(town.github.ref_sha(SOURCE_REPO, "heads/main"))[:7]


def verify_proposed(town: Town) -> int:
    """One pull request with one file, from our own branch; returns its number."""
    (pull,) = town.github.pull_requests(SOURCE_REPO)
    files = town.github.pull_request_files(SOURCE_REPO, pull["number"])

    assert (pull["head"]["ref"], pull["base"]["ref"]) == ("hublish/lock-main", "main")
    assert (pull["title"], pull["user"]["login"]) == ("Update Pipfile.lock of main", town.github.bot_login)
    assert "| `six` | `1.16.0` | `1.17.0` |" in pull["body"]
    assert [file["filename"] for file in files] == ["Pipfile.lock"]
    return int(pull["number"])


def test_stale_lock_is_made_anew_and_its_merge_is_built(quiet_locking_town: Town) -> None:
    """The refused build names the command, the command brings the pull request, and merging it builds the branch."""
    town = quiet_locking_town
    town.start_service(**make_environ(town))
    talk = Conversation(town)
    sha = find_sha(town)
    stale = talk.ask("/build main")
    refused = talk.ask("/lock", login="reader")
    locked = talk.ask("/lock")
    number = verify_proposed(town)
    again = talk.ask("/lock main")
    verify_proposed(town)
    merged = town.github.merge_pull_request(SOURCE_REPO, number)
    wait_until(lambda: any(run["state"] == "delivered" for run in town.read_runs(pushes=True)))
    current = talk.ask("/lock")
    lock = town.github.file_text(SOURCE_REPO, "Pipfile.lock")

    assert stale.endswith(
        "Comment \\`/lock main\\` for a pull request with a new lock, or run \\`pipenv lock\\` and commit it."
    )
    assert refused.splitlines()[2].startswith("PermissionMissing: /lock needs write permission on octocat/ts")
    assert (locked, again) == (LOCKED.format(sha=sha), LOCKED.format(sha=sha))
    assert lock == (town.folder / "new.lock").read_text()
    assert f"at {merged[:7]} would be the same" in current


def test_lock_that_cannot_be_made_is_answered_with_the_last_lines(quiet_locking_town: Town) -> None:
    """And nothing is proposed."""
    town = quiet_locking_town
    (town.folder / "new.lock").unlink()
    town.start_service(**make_environ(town))

    assert Conversation(town).ask("/lock main") == NOT_LOCKED.format(sha=find_sha(town))
    assert town.github.pull_requests(SOURCE_REPO) == []


def test_lock_survives_kill_around_everything_it_writes(quiet_locking_town: Town) -> None:
    """Killed before and after its commit, its pull request and its answer, a lock is proposed and answered exactly once."""
    town = quiet_locking_town
    record = town.folder / "crashes.txt"
    kept = {"ensure_comment", "ensure_commit", "ensure_pull_request"}
    quiet = {name for methods in EFFECTS.values() for name in methods} - kept
    environ = {
        **make_environ(town),
        "HUBLISH_TEST_CRASHES": str(record),
        "HUBLISH_TEST_QUIET": ",".join(sorted(quiet)),
    }
    talk = Conversation(town)
    town.start_service(**environ)
    talk.say("/lock")
    wait_through_crashes(town, environ, seconds=600)
    (answer,) = talk.read_answers()
    kills = record.read_text().splitlines()
    verify_proposed(town)

    assert answer.removesuffix(END) == LOCKED.format(sha=find_sha(town))
    assert kills == [
        "before hub_repository.ensure_commit",
        "after hub_repository.ensure_commit",
        "before hub_repository.ensure_pull_request",
        "after hub_repository.ensure_pull_request",
        "before conversation.ensure_comment answer",
        "after conversation.ensure_comment answer",
    ]
