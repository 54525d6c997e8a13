"""The Steps of parts, run one after the other without a cluster: a base with packages, and the files of a script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from hublish.bootstrap.pods.files import StepFileMaker
from hublish.bootstrap.steps import run_step
from hublish.core.building import BuildRequest, BuildSucceeded
from hublish.core.ports import ContainerTask
from hublish.core.reference import Reference, parse_reference
from hublish.engines.tekton.parts import PodSystemBuilder, PodTaskRunner
from hublish.engines.tekton_run import RunEnd
from hublish.errors import BuildFailed, StrategyUnavailable
from hublish.settings import load_settings
from tests.e2e.podsteps import RESULTS
from tests.e2e.test_system_release import push_base
from tests.golden.tekton_runs import REQUEST
from tests.sandbox.town import Town

pytestmark = [pytest.mark.github, pytest.mark.registry, pytest.mark.container, pytest.mark.timeout(600)]


@dataclass
class Pods:
    """Runs the Steps of parts in folders of this machine, each with what its pod would give it."""

    town: Town
    asked: list[BuildRequest] = field(default_factory=list)
    given: dict[str, list[str]] = field(default_factory=dict)

    def run_part(
        self,
        request: BuildRequest,
        *,
        log: Callable[[str], None],
        verify_running: Callable[[], None],
        take: Callable[[str], None] | None = None,
    ) -> BuildSucceeded:
        verify_running()
        self.asked.append(request)
        folder = self.town.folder / request.name
        (folder / "work").mkdir(parents=True)
        for step, files in self._make_files(request).items():
            self.given[step] = sorted(files)
            if self._run(step, folder, files):
                raise BuildFailed(f"the Step {step} failed")
        log("all Steps ended well")
        digest = (folder / "IMAGE_DIGEST").read_text()
        return BuildSucceeded(digest=digest, size_bytes=0, layers=(), uploaded_bytes=0, packages=())

    def find_part_end(self, name: str) -> RunEnd | None:
        return None

    def _make_files(self, request: BuildRequest) -> dict[str, dict[str, bytes]]:
        def refuse(_: object) -> str:
            raise StrategyUnavailable("a part was to be given a token")

        settings = load_settings({"HUBLISH_SETTINGS": str(self.town.folder / "settings.yaml")})
        made = StepFileMaker(settings=settings, mint_token=refuse, find_secrets=lambda _: {}).make(request)
        return {step: made.get(step, {}) for step in ("fetch", "build", "push")}

    def _run(self, step: str, folder: Path, files: dict[str, bytes]) -> int:
        secrets = folder / f"secrets-{step}"
        secrets.mkdir()
        for name, body in files.items():
            (secrets / name).write_bytes(body)
        results = {f"RESULT_{name}": str(folder / name) for name in RESULTS} if step == "push" else {}
        return run_step(step, {"HUBLISH_WORK": str(folder / "work"), "HUBLISH_SECRETS": str(secrets), **results})


@pytest.fixture
def pods(quiet_town: Town) -> Pods:
    quiet_town.write_settings(base="registry.example.org/unused:1")
    return Pods(quiet_town)


@pytest.fixture
def base(pods: Pods) -> Reference:
    """A base whose apt installs what it is told to, pinned."""
    named = parse_reference(push_base(pods.town))
    manifest = pods.town.make_registry().fetch_manifest(named)
    assert manifest is not None
    return named.with_digest(manifest.digest)


def run_script(pods: Pods, base: Reference, script: str) -> dict[str, str]:
    """Run a script on one file; returns what it left."""
    folder = pods.town.folder
    (folder / "given.txt").write_text("given\n")
    task = ContainerTask(
        title="the words", base=base, platform="linux/amd64", script=script, files={"given.txt": folder / "given.txt"},
        network=False, seconds=300.0, size_bytes=1 << 20, hint="look at the script",
    )  # fmt: skip
    registry = pods.town.make_registry()
    request = replace(REQUEST, target=parse_reference(f"{pods.town.image}:build-1"))
    runner = PodTaskRunner(request=request, run_part=pods.run_part, images=registry, output=registry)
    made = runner.run_task(task, folder / "out", log=print, verify_running=lambda: None)
    return {path.name: path.read_text() for path in made}


def test_base_with_packages_is_made_by_the_steps(pods: Pods, base: Reference) -> None:
    """It stands where it was to, the base below what apt added; nobody has a token, and the Step build nothing at all."""
    target = parse_reference(f"{pods.town.registry.host}/team/hublish-base-1:base")
    digest = PodSystemBuilder(pods=pods, seconds=300.0).build(
        base,
        ("tree",),
        platform="linux/amd64",
        user="",
        target=target,
        name="base-1",
        log=print,
        verify_running=lambda: None,
    )
    made = pods.town.registry.manifest("team/hublish-base-1", "base")
    below = pods.town.registry.manifest("base/debian", base.digest)

    assert digest == pods.town.make_registry().fetch_manifest(target).digest
    assert [layer["digest"] for layer in made["layers"]][:-1] == [layer["digest"] for layer in below["layers"]]
    assert pods.given == {"fetch": ["access", "request"], "build": [], "push": ["access", "request"]}


def test_files_of_a_script_come_back(pods: Pods, base: Reference) -> None:
    """Through the registry and without a network: the one interface that is left is the one to itself."""
    script = "mkdir -p out; cat files/given.txt >out/a.txt; grep -c : /proc/net/dev >out/b.txt"

    assert run_script(pods, base, script) == {"a.txt": "given\n", "b.txt": "1\n"}
    assert pods.given == {"fetch": ["access", "request"], "build": [], "push": ["access", "request"]}


def test_script_that_fails_says_why(pods: Pods, base: Reference, capsys: pytest.CaptureFixture[str]) -> None:
    """With its title and the last thing it said, as on the other engines; nothing is pushed."""
    with pytest.raises(BuildFailed, match="the Step build failed"):
        run_script(pods, base, "echo no compiler; exit 7")
    assert "the words failed: no compiler" in capsys.readouterr().out
    assert not [tag for tag in pods.town.registry.tags("team/ts") if tag.startswith("hublish-made")]
