"""The Steps of a pod, run one after the other without a cluster: what they hand on, what they make, what they refuse."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from hublish.adapters.github import GitHubApp
from hublish.bootstrap.pods.files import StepFileMaker
from hublish.bootstrap.steps import run_step
from hublish.core.building import BuildRequest, BuildStopped, BuildSucceeded, Progress
from hublish.core.codec import parse_value
from hublish.core.podlines import Message, parse_message
from hublish.network import Network
from hublish.oci.manifest import make_digest
from hublish.settings import load_settings
from tests.sandbox.registry import RegistryContent
from tests.sandbox.town import SOURCE_REPO, Town

pytestmark = [pytest.mark.github, pytest.mark.registry]
RESULTS = ("IMAGE_URL", "IMAGE_DIGEST", "CHAINS_GIT_URL", "CHAINS_GIT_COMMIT")


class Pod:
    """What a pod would give its Steps, in folders of this machine."""

    def __init__(self, town: Town, folder: Path, *, repository: str = "team/ts") -> None:
        settings = load_settings({"HUBLISH_SETTINGS": str(town.folder / "settings.yaml")})
        app = GitHubApp(
            api_url=settings.github.api,
            app_id=settings.github.app_id,
            private_key_pem=settings.github.private_key_file.read_bytes(),
            network=Network(),
        )
        request = read_request(town)
        assert request.target is not None
        self.request = replace(
            request, name="build-steps", target=replace(request.target, repository=repository, tag="steps")
        )
        self.folder = folder
        self.files = StepFileMaker(settings=settings, mint_token=app.token_for_clone).make(self.request)

    def run(self, step: str) -> int:
        """Run a Step with its own Secret; returns its exit code."""
        secrets = self.folder / f"secrets-{step}"
        secrets.mkdir()
        for name, body in self.files.get(step, {}).items():
            (secrets / name).write_bytes(body)
        (self.folder / "work").mkdir(exist_ok=True)
        environ = {"HUBLISH_WORK": str(self.folder / "work"), "HUBLISH_SECRETS": str(secrets)}
        results = {f"RESULT_{name}": str(self.folder / name) for name in RESULTS} if step == "push" else {}
        return run_step(step, {**environ, **results})

    def read_results(self) -> dict[str, str]:
        return {name: (self.folder / name).read_text() for name in RESULTS}


def read_request(town: Town) -> BuildRequest:
    """What the service stored of its one build."""
    with closing(sqlite3.connect(town.folder / "data" / "hublish.sqlite")) as connection:
        ((text,),) = connection.execute("select request from build_requests").fetchall()
    return parse_value(BuildRequest, text)


def read_messages(lines: str) -> list[Message]:
    return [message for line in lines.splitlines() if (message := parse_message(line)) is not None]


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
