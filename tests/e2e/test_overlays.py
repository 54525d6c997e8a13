"""Several images from one repository: one run, one answer, one pull request, and all of them or none."""

from __future__ import annotations

import pytest
import yaml

from tests.e2e.answers import publish
from tests.e2e.test_commands import Conversation
from tests.e2e.test_crashes import clean_hub
from tests.sandbox.town import HUB_FOLDER, HUB_REPO, SOURCE_REPO, Town
from tests.sandbox.wheels import NOTEBOOK_PACKAGES

pytestmark = [pytest.mark.github, pytest.mark.registry]


def commit_overlays(town: Town, packages: dict[str, str]) -> None:
    """Commit a config with an image for each of two locks; the second has these packages more."""
    images = [
        {"name": f"{town.registry.host}/team/{name}", "python": {"lock": f"overlays/{name}/Pipfile.lock"}}
        for name in ("small", "large")
    ]
    config = {"version": 1, "images": images, "hubs": ["demo"]}
    files = {".hublish.yaml": yaml.safe_dump(config)}
    for name, more in (("small", {}), ("large", packages)):
        pipfile, lock = town.index.make_lock({**NOTEBOOK_PACKAGES, "six": "1.16.0", **more})
        files |= {f"overlays/{name}/Pipfile": pipfile, f"overlays/{name}/Pipfile.lock": lock}
    town.github.commit_files(SOURCE_REPO, files, message="overlays", delete=["Pipfile", "Pipfile.lock"])


def list_proposed(town: Town) -> set[str]:
    """The files of the hub's list that its one pull request changes."""
    (pull_request,) = town.github.pull_requests(HUB_REPO)
    files = [file["filename"] for file in town.github.pull_request_files(HUB_REPO, pull_request["number"])]
    return {name.removeprefix(f"{HUB_FOLDER}/") for name in files}


def test_release_makes_every_overlay_in_one_run(town: Town) -> None:
    """Each image has its own packages; one answer names both, one pull request lists both, `/deploy` also one alone."""
    commit_overlays(town, {"tqdm": "4.66.0"})
    answer = publish(town, "v1.0")
    sha = str(town.github.ref_sha(SOURCE_REPO, "tags/v1.0"))
    files = list_proposed(town)
    clean_hub(town)
    deployed = Conversation(town).ask("/deploy small")
    alone = list_proposed(town)
    checks = {check["name"]: check["conclusion"] for check in town.github.check_runs(SOURCE_REPO, sha)}

    assert answer.startswith("**Delivered:** `v1.0`")
    assert f"`{town.registry.host}/team/small:v1.0`" in answer
    assert f"`{town.registry.host}/team/large:v1.0`" in answer
    assert town.registry.manifest_bytes("team/small", "v1.0") != town.registry.manifest_bytes("team/large", "v1.0")
    assert files == {"kustomization.yaml", "small.yaml", "large.yaml"}
    assert alone == {"kustomization.yaml", "small.yaml"}
    assert deployed.startswith("**Delivered:** `v1.0`")
    assert "team/large" not in deployed
    assert checks == {"hublish / small": "success", "hublish / large": "success"}


def test_overlay_that_cannot_be_made_keeps_back_the_others(town: Town) -> None:
    """The verdict is joint: nothing is tagged and no hub is asked, and the answer names the one at fault."""
    commit_overlays(town, {"tqdm": "4.66.0"})
    town.index.remove("tqdm", "4.66.0")
    answer = publish(town, "v1.1")

    assert answer.startswith("**Not delivered:** `v1.1`")
    assert "The image large cannot be built as the repository stands, so none is." in answer
    assert "tqdm" in answer
    assert [tag for tag in town.registry.tags("team/small") if tag == "v1.1"] == []
    assert town.github.pull_requests(HUB_REPO) == []
