"""The registry as the cache of the service: a new machine with the old key, and repositories of one owner."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.e2e.answers import publish, wait_for_ref
from tests.sandbox.github import GitHubSandbox
from tests.sandbox.town import Town

pytestmark = [pytest.mark.github, pytest.mark.registry]

SIBLING_REPO = "octocat/course"


def empty_disk(town: Town, *folders: str) -> None:
    """Stop the service, remove folders of its data, and start it again."""
    town.stop_service()
    for folder in folders:
        shutil.rmtree(town.folder / "data" / folder, ignore_errors=True)
    town.start_service()


def read_log(town: Town, run: str) -> list[str]:
    """The page of a run, line by line."""
    status, page = town.get(f"/runs/{run}")
    assert status == 200
    return page.splitlines()


def find_lines(lines: list[str], word: str) -> list[str]:
    """The lines that hold a word, without the page's markup before it."""
    return [line[line.index(word) :].removesuffix("</span>") for line in lines if word in line]


def test_registry_is_the_cache_of_a_new_machine_and_of_siblings(tmp_path: Path, github: GitHubSandbox) -> None:
    """With nothing but the key, neither a release nor the owner's other repository asks the index or makes a package."""
    with Town(tmp_path, github=github) as town:
        town.settle(cache={"signing_key_file": str(tmp_path / "key.pem")})
        town.start_service()
        publish(town, "v1.0")
        town.index.calls.clear()
        empty_disk(town, ".")
        answer = publish(town, "v1.1")
        (second,) = wait_for_ref(town, "v1.1")
        second_lines = read_log(town, second["id"])
        files = town.make_source_files(hubs=[])
        files[".hublish.yaml"] = files[".hublish.yaml"].replace("/team/ts", "/team/course")
        town.github.create_repo(SIBLING_REPO, files=files)
        empty_disk(town, "layers", "index")
        town.github.publish_release(SIBLING_REPO, "v2.0")
        (sibling,) = wait_for_ref(town, "v2.0")
        sibling_lines = read_log(town, sibling["id"])
        kept = ["layers of packages: 0 made, 4 kept from earlier builds"]

        assert answer.startswith("**Delivered:** `v1.1`")
        assert find_lines(second_lines, "layers of packages") == kept
        assert sibling["state"] == "delivered"
        assert find_lines(sibling_lines, "layers of packages") == kept
        assert town.index.calls == []
        assert {"hublish-cache", "v1.1"} <= set(town.registry.tags("team/ts"))
        assert {"hublish-cache", "v2.0"} <= set(town.registry.tags("team/course"))
