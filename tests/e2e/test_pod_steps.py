"""The Steps of a pod, run one after the other without a cluster: what they hand on, what they make, what they refuse."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from hublish.bootstrap.steps import run_step
from hublish.core.building import BuildStopped, BuildSucceeded, Progress
from hublish.oci.manifest import make_digest
from tests.e2e.podsteps import Pod, read_messages
from tests.sandbox.registry import RegistryContent
from tests.sandbox.town import SOURCE_REPO, Town

pytestmark = [pytest.mark.github, pytest.mark.registry]


@pytest.fixture
def built_town(town: Town) -> Town:
    """A town whose service built a release in its own process."""
    town.github.publish_release(SOURCE_REPO, "v1.0")
    town.wait_for_runs()
    (town.folder / "pod").mkdir()
    return town


@pytest.fixture
def pod(built_town: Town) -> Pod:
    """A pod for that build."""
    return Pod(built_town, built_town.folder / "pod")


def find_secrets(folder: Path, values: Mapping[str, bytes]) -> list[str]:
    """Names of the secrets that stand in some file of a folder."""
    bodies = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    return [name for name, value in values.items() if any(value in body for body in bodies)]


def test_steps_make_the_image_that_the_service_makes(town, pod, capsys) -> None:
    """The digest is the same to the bit, the results are Chains', and no secret reaches the folder that Steps share."""
    codes = [pod.run("fetch"), pod.run("build")]
    secrets = {"token": pod.files["fetch"]["github-token"].strip()}
    found = find_secrets(pod.folder / "work", secrets)
    codes.append(pod.run("push"))
    messages = read_messages(capsys.readouterr().out)
    registry: RegistryContent = town.registry
    digest = make_digest(registry.manifest_bytes("team/ts", "v1.0"))

    assert (codes, found) == ([0, 0, 0], [])
    assert pod.read_results() == {
        "IMAGE_URL": f"{town.image}:steps",
        "IMAGE_DIGEST": digest,
        "CHAINS_GIT_URL": f"{town.github.api_url}/{SOURCE_REPO}",
        "CHAINS_GIT_COMMIT": town.github.ref_sha(SOURCE_REPO, "tags/v1.0"),
    }
    assert make_digest(registry.manifest_bytes("team/ts", "steps")) == digest
    assert any(isinstance(message, Progress) for message in messages)
    assert isinstance(messages[-1], BuildSucceeded)
    assert (messages[-1].digest, messages[-1].uploaded_bytes) == (digest, 0)


def test_steps_of_a_build_that_is_tried_push_nothing(built_town, capsys) -> None:
    """A fork's image is made to the bit, under no login of a registry, and its results name no place."""
    town, pod = built_town, Pod(built_town, built_town.folder / "pod", tried=True)
    tags = town.registry.tags("team/ts")
    codes = [pod.run(step) for step in ("fetch", "build", "push")]
    outcome = read_messages(capsys.readouterr().out)[-1]
    digest = make_digest(town.registry.manifest_bytes("team/ts", "v1.0"))

    assert codes == [0, 0, 0]
    assert isinstance(outcome, BuildSucceeded)
    assert (outcome.digest, outcome.uploaded_bytes) == (digest, 0)
    assert {layer.transfer for layer in outcome.layers} == {"dropped"}
    assert (pod.read_results()["IMAGE_URL"], pod.read_results()["IMAGE_DIGEST"]) == ("", digest)
    assert [name for name in pod.files["push"] if name.startswith("registry-")] == []
    assert town.registry.tags("team/ts") == tags


def test_build_cannot_name_another_repository_to_copy_from(built_town, capsys) -> None:
    """A layer is taken from the base's and the owner's repositories alone, whatever a build says where it lies."""
    town, pod = built_town, Pod(built_town, built_town.folder / "pod", repository="team/other")
    assert [pod.run("fetch"), pod.run("build")] == [0, 0]
    elsewhere = pod.folder / "work" / "image" / "elsewhere.json"
    named = {digest: [f"{town.registry.host}/base/private"] for digest in json.loads(elsewhere.read_text())}
    elsewhere.write_text(json.dumps(named))
    assert pod.run("push") == 1
    stopped = read_messages(capsys.readouterr().out)[-1]

    assert isinstance(stopped, BuildStopped)
    assert stopped.code == "ImageInvalid"
    assert town.registry.manifest("team/other", "steps") is None


def test_step_without_its_request_says_so(tmp_path, capsys) -> None:
    """A pod whose Secret is missing ends at once, with a reason."""
    environ = {"HUBLISH_WORK": str(tmp_path), "HUBLISH_SECRETS": str(tmp_path / "none")}

    assert run_step("fetch", environ) == 1
    assert capsys.readouterr().out.startswith("error: this Step has no request: ")


def test_push_before_a_build_is_refused(pod, capsys) -> None:
    """What is missing is named."""
    assert pod.run("push") == 1

    (stopped,) = read_messages(capsys.readouterr().out)
    assert isinstance(stopped, BuildStopped)
    assert stopped.message.startswith("the Step build left no elsewhere.json")
