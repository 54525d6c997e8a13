"""A push to a listed branch: a merged change to requirements.txt builds, and nobody is asked or told more than that."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.e2e.answers import wait_until
from tests.sandbox.contract import check_calls
from tests.sandbox.town import ENDED, HUB_REPO, Town
from tests.sandbox.wheels import NOTEBOOK_PACKAGES

pytestmark = [pytest.mark.github, pytest.mark.registry]

REPO = "octocat/course"


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
    (check,) = await_checks(course, sha)

    assert first["state"] == "delivered"
    assert f"staging-{sha[:7]}" in course.registry.tags("team/course")
    assert "latest" not in course.registry.tags("team/course")
    assert (check["name"], check["conclusion"]) == ("hublish / course", "success")
    assert "No hub is changed: only a tag goes the whole way." in check["output"]["summary"]
    assert course.github.commit_comments(REPO, sha) == []
    assert course.github.pull_requests(HUB_REPO) == []
    assert check_calls(course.github.calls()) == ()


def await_checks(town: Town, sha: str) -> list[dict[str, Any]]:
    """The check runs of a commit once they are completed."""
    wait_until(lambda: {check["status"] for check in town.github.check_runs(REPO, sha)} == {"completed"})
    checks: list[dict[str, Any]] = town.github.check_runs(REPO, sha)
    return checks


def test_push_that_cannot_be_built_is_answered_on_its_commit(course: Town) -> None:
    """A requirement without a hash: the check run is red, with the line, and one comment says what to do."""
    text = make_requirements(course) + "tqdm==4.0\n"
    sha = course.github.commit_files(REPO, {"requirements.txt": text}, message="tqdm", branch="staging")
    run = wait_for_build(course, "staging")
    (comment,) = course.github.commit_comments(REPO, sha)
    (check,) = await_checks(course, sha)

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
    runs = course.wait_for_runs(2, pushes=True)

    assert [(run["ref"], run["state"]) for run in runs if run["ref"] == "feature"] == [("feature", "skipped")]
    assert course.github.check_runs(REPO, sha) == []
    assert course.github.commit_comments(REPO, sha) == []


def test_push_that_breaks_the_config_shows_in_its_check_run(course: Town) -> None:
    """The line is annotated, nothing is built, and nobody gets a comment for each push."""
    files = {".hublish.yaml": "version: 1\nimage: {name: registry.example.org/team/course}\ntrigers: {push: [main]}\n"}
    sha = course.github.commit_files(REPO, files, message="typo")
    (check,) = await_checks(course, sha)
    (annotation,) = course.github.annotations(REPO, check["id"])

    assert (check["conclusion"], check["output"]["title"]) == ("neutral", "Not started: ConfigInvalid")
    assert (annotation["path"], annotation["start_line"]) == (".hublish.yaml", 3)
    assert course.github.commit_comments(REPO, sha) == []
