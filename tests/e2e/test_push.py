"""A push to a listed branch: a merged change to requirements.txt builds, and nobody is asked or told more than that."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from hublish.core.answers.config_check import CHECK_NAME
from tests.e2e.answers import wait_until
from tests.sandbox.contract import check_calls
from tests.sandbox.town import ENDED, HUB_REPO, Town
from tests.sandbox.wheels import NOTEBOOK_PACKAGES

pytestmark = [pytest.mark.github, pytest.mark.registry]

REPO = "octocat/course"
BROKEN = "version: 1\nimage: {name: registry.example.org/team/course}\ntrigers: {push: [main]}\n"


@pytest.fixture
def course(town: Town) -> Town:
    """A town with a course's repository: a requirements file with hashes, and builds of `staging` and `prod`."""
    config = {
        "version": 1,
        "image": {"name": f"{town.registry.host}/team/course", "tags": ["{release}", "latest"]},
        "hubs": ["demo"],
        "triggers": {"push": ["staging", "prod"]},
    }
    files = {
        ".hublish.yaml": yaml.safe_dump(config),
        ".python-version": "3.11\n",
        "requirements.txt": make_requirements(town, six="1.16.0"),
    }
    town.github.create_repo(REPO, files=files)
    return town


def make_requirements(town: Town, **packages: str) -> str:
    """A requirements file as a compiler with hashes writes it."""
    text = "# compiled\n"
    for name, version in {**NOTEBOOK_PACKAGES, **packages}.items():
        if not town.index.find_files(name, version):
            town.index.add_wheel(name, version)
        hashes = " \\\n".join(f"    --hash=sha256:{item.sha256}" for item in town.index.find_files(name, version))
        text += f"{name}=={version} \\\n{hashes}\n"
    return text


def wait_for_build(town: Town, ref: str) -> dict[str, Any]:
    """The run of a push to a branch, once it has ended."""

    def find_runs() -> list[dict[str, Any]]:
        return [run for run in town.read_runs(pushes=True) if run["ref"] == ref and run["state"] in ENDED]

    wait_until(lambda: len(find_runs()) == 1)
    return find_runs()[0]


def test_merged_change_to_requirements_builds(course: Town) -> None:
    """The merge commit's image stands under `<branch>-<sha7>`; its check run is green and no comment is made."""
    course.github.commit_files(REPO, {"README.md": "staging\n"}, message="branch", branch="staging")
    first = wait_for_build(course, "staging")
    change = {"requirements.txt": make_requirements(course, six="1.17.0")}
    course.github.commit_files(REPO, change, message="bump six", branch="bump")
    number = course.github.open_pull_request(REPO, head="bump", base="staging", title="Bump six")
    course.github.clear_calls()
    sha = course.github.merge_pull_request(REPO, number)
    check = await_check(course, sha)

    assert first["state"] == "delivered"
    assert f"staging-{sha[:7]}" in course.registry.tags("team/course")
    assert "latest" not in course.registry.tags("team/course")
    assert (check["name"], check["conclusion"]) == ("hublish / course", "success")
    assert "No hub is changed: only a tag goes the whole way." in check["output"]["summary"]
    assert course.github.commit_comments(REPO, sha) == []
    assert course.github.pull_requests(HUB_REPO) == []
    assert check_calls(course.github.calls()) == ()


def await_check(town: Town, sha: str, name: str = "hublish / course") -> dict[str, Any]:
    """The one check run of a name on a commit, once it is completed."""

    def find() -> list[dict[str, Any]]:
        return [check for check in town.github.check_runs(REPO, sha) if check["name"] == name]

    wait_until(lambda: any(check["status"] == "completed" for check in find()))
    (check,) = find()
    return check


def test_push_that_cannot_be_built_is_answered_on_its_commit(course: Town) -> None:
    """A requirement without a hash: the check run is red, with the line, and one comment says what to do."""
    text = make_requirements(course) + "tqdm==4.0\n"
    sha = course.github.commit_files(REPO, {"requirements.txt": text}, message="tqdm", branch="staging")
    run = wait_for_build(course, "staging")
    (comment,) = course.github.commit_comments(REPO, sha)
    check = await_check(course, sha)

    assert run["state"] == "failed"
    assert comment["body"].startswith(f"**Not delivered:** `staging` at {sha[:7]}")
    assert "`tqdm` has no hash" in comment["body"].replace("\\", "")
    assert check["conclusion"] == "failure"


def test_pushes_nobody_asked_for_are_silent(course: Town) -> None:
    """Another branch, a tag and a deleted branch: no image, no check run, no comment."""
    sha = course.github.commit_files(REPO, {"a.txt": "a\n"}, message="a", branch="feature")
    course.github.create_tag(REPO, "v0", target="feature")
    course.github.delete_ref(REPO, "heads/feature")
    course.github.await_deliveries()
    wait_until(lambda: any(run["ref"] == "feature" for run in course.read_runs(pushes=True)))
    wait_until(lambda: all(run["state"] in ENDED for run in course.read_runs(pushes=True)))

    runs = course.read_runs(pushes=True)
    assert [(run["ref"], run["state"]) for run in runs if run["ref"] == "feature"] == [("feature", "skipped")]
    assert course.github.check_runs(REPO, sha) == []
    assert course.github.commit_comments(REPO, sha) == []


def test_push_that_breaks_the_config_shows_in_its_check_run(course: Town) -> None:
    """The line is annotated, nothing is built, and nobody gets a comment for each push."""
    sha = course.github.commit_files(REPO, {".hublish.yaml": BROKEN}, message="typo")
    check = await_check(course, sha)
    (annotation,) = course.github.annotations(REPO, check["id"])

    assert (check["conclusion"], check["output"]["title"]) == ("neutral", "Not started: ConfigInvalid")
    assert (annotation["path"], annotation["start_line"]) == (".hublish.yaml", 3)
    assert course.github.commit_comments(REPO, sha) == []


@pytest.mark.parametrize("login", ["octocat", "bob"])
def test_pull_request_shows_the_faults_of_its_config_until_they_are_mended(course: Town, login: str) -> None:
    """From a branch or a fork: the fault at its line and column, gone with the next commit; nothing is built or said."""
    if login == "bob":
        course.github.create_user("bob", install=False)
    head = REPO if login == "octocat" else course.github.fork(REPO, login=login)
    text = BROKEN.replace("registry.example.org", course.registry.host)
    broken = course.github.commit_files(head, {".hublish.yaml": text}, branch="change", login=login)
    number = course.github.open_pull_request(REPO, head=f"{login}:change", title="Change", login=login)
    first = await_check(course, broken, CHECK_NAME)
    (annotation,) = course.github.annotations(REPO, first["id"])
    text = text.replace("trigers", "triggers")
    mended = course.github.commit_files(head, {".hublish.yaml": text}, branch="change", login=login)
    second = await_check(course, mended, CHECK_NAME)
    wait_until(lambda: all(run["state"] == "skipped" for run in course.read_runs(pushes=True)))

    assert (first["conclusion"], first["output"]["title"]) == ("failure", "1 error")
    assert (annotation["path"], annotation["start_line"]) == (".hublish.yaml", 3)
    assert annotation["message"] == "unknown key `trigers`\ndid you mean `triggers`?"
    assert (second["conclusion"], second["output"]["title"]) == ("success", "No faults")
    assert "| `triggers.push` | `staging, prod` | the config on main, line" in second["output"]["summary"]
    assert course.github.annotations(REPO, second["id"]) == []
    assert course.github.comments(REPO, number) == []
    assert course.registry.tags("team/course") == ()
    assert check_calls(course.github.calls()) == ()
