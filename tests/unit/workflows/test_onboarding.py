"""Onboarding: one pull request where something can be built, silence elsewhere, and no second one ever."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from hublish.adapters.store.newcomers import newcomer_rows
from hublish.core.github.ports import BranchState
from hublish.core.onboarding.form import render_form
from hublish.core.onboarding.ports import Newcomer
from hublish.core.repository import Repository
from hublish.errors import GitHubFailed, NotAllowed, RegistryFailed, SourceMissing
from hublish.workflows.onboarding import TRIES, Onboarding
from hublish.workflows.services import Services
from tests.unit.core.onboarding.parts import HEAD, make_pair
from tests.unit.workflows.parts import AT, NAME, Stage

TS = Newcomer(repo_id=7, installation_id=70, full_name="octo/ts")
CONFIG = f"{HEAD}version: 1\nimage:\n  name: {NAME}\n  tags:\n  - '{{release}}'\n  - latest\nstrategy: dockerfile\n"
BODY = f"""\
hublish was installed on this repository. Nothing happens here until this is merged and somebody asks for a build.

**Added:**
- `.hublish.yaml`, `{NAME}`: The repository holds Dockerfile.
- `.github/ISSUE_TEMPLATE/deliver.yml`, an issue form that asks for a build

**The registry:**
- `{NAME}` takes pushes.

**Hubs:** `demo` would take an image of this repository; name it under `hubs` once the image holds jupyterhub and jupyterlab.

**Once merged:** publish a release, or comment `/build` on an issue. `/plan` shows first what would be built.

**Not wanted?** Close this pull request; hublish opens no other one here.

<!-- hublish:onboarding -->"""


class Scene:
    """Onboarding of octo/ts, whose files the test names; the clock is the test's."""

    def __init__(self, stage: Stage, **files: bytes) -> None:
        self.stage = stage
        self.now = AT
        self.hold({"Dockerfile": b"FROM x", **files})
        stage.newcomers.add_newcomers((TS,), at=AT)
        self.services = dataclasses.replace(
            stage.services,
            now=lambda: self.now,
            policy=dataclasses.replace(stage.services.policy, proposals_per_hour=2),
        )

    def hold(self, files: dict[str, bytes], *, name: str = "octo/ts") -> None:
        """Let a repository hold exactly these files."""
        kept = {place: body for place, body in self.stage.reader.files.items() if place[0] != name}
        self.stage.reader.files = {**kept, **{(name, path): body for path, body in files.items()}}

    def look(self, services: Services | None = None) -> int:
        return Onboarding(services or self.services).look()

    def ends(self) -> list[tuple[str, str, str]]:
        """What became of the newcomers: `(name, state, reason)`."""
        columns = (newcomer_rows.c.full_name, newcomer_rows.c.state, newcomer_rows.c.reason)
        with self.stage.database.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.select(*columns).order_by(newcomer_rows.c.seq))]


def test_repository_gets_one_pull_request(stage: Stage) -> None:
    """With config and form; the next look, and a redelivery, find nothing to do."""
    scene = Scene(stage)
    looks = [scene.look(), scene.look()]
    stage.newcomers.add_newcomers((TS,), at=AT)

    assert looks == [1, 0]
    assert stage.hub_repository.files == {
        ".hublish.yaml": CONFIG.encode(),
        ".github/ISSUE_TEMPLATE/deliver.yml": render_form().encode(),
    }
    assert stage.hub_repository.pull_request == ("hublish/onboarding", "main", "Build images with hublish", BODY)
    assert scene.ends() == [("octo/ts", "proposed", "pull request #3")]
    assert (scene.look(), stage.push_probe.asked) == (0, [NAME])


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({".hublish.yaml": b""}, "it has .hublish.yaml"),
        ({"README.md": b""}, "it holds nothing that could be built"),
        ({".aicoe-ci.yaml": b"build: [\n"}, "it holds nothing that could be built"),
    ],
)
def test_repository_with_a_config_or_nothing_to_build_is_passed_over(
    stage: Stage, files: dict[str, bytes], reason: str
) -> None:
    """In silence: the operator finds the reason in the log."""
    scene = Scene(stage)
    scene.hold(files)
    scene.look()

    assert scene.ends() == [("octo/ts", "passed", reason)]
    assert (stage.hub_repository.pull_request, stage.push_probe.asked) == (None, [])


@pytest.mark.parametrize(
    ("table", "reason"),
    [("forks", "it is a fork"), ("archived", "it is archived"), ("proposed", "it had its pull request before")],
)
def test_fork_archived_or_closed_proposal_is_passed_over(stage: Stage, table: str, reason: str) -> None:
    """Nothing of it is read."""
    scene = Scene(stage)
    getattr(stage.standings, table).add("octo/ts")
    scene.look()

    assert scene.ends() == [("octo/ts", "passed", reason)]
    assert stage.hub_repository.pull_request is None


def test_repository_that_cannot_be_listed_or_is_empty_is_passed_over(stage: Stage) -> None:
    """Half a tree would hide a config; an empty repository has no commit."""
    scene = Scene(stage)
    stage.changes.listed = False
    scene.look()
    large = scene.ends()
    stage.newcomers.add_newcomers((dataclasses.replace(TS, installation_id=71),), at=AT)

    def fetch_head(repository: Repository, branch: str) -> str:
        raise SourceMissing("no branch")

    stage.hub_repository.fetch_head = fetch_head
    scene.look()

    assert large == [("octo/ts", "passed", "it holds more files than GitHub lists")]
    assert scene.ends() == [("octo/ts", "passed", "it is empty")]


def test_owner_without_a_registry_is_told_to_the_operator_only(stage: Stage) -> None:
    """No config could name an image."""
    scene = Scene(stage)
    policy = dataclasses.replace(scene.services.policy, namespaces={})
    scene.look(dataclasses.replace(scene.services, policy=policy))

    assert scene.ends() == [("octo/ts", "passed", "no registry takes images of octo; see `registries` in the settings")]


def test_form_that_is_there_is_left_alone(stage: Stage) -> None:
    """The ancestor's, too."""
    scene = Scene(stage)
    scene.hold({"Dockerfile": b"FROM x", ".github/ISSUE_TEMPLATE/redeliver_container_image.md": b""})
    scene.look()

    assert set(stage.hub_repository.files) == {".hublish.yaml"}


def test_registry_that_refuses_is_said_and_shows_no_secret(stage: Stage) -> None:
    """Nothing is promised that the registry would not keep."""
    scene = Scene(stage)
    stage.push_probe.refusals[NAME] = RegistryFailed("denied at https://user:secret@registry.example.org", status=403)
    scene.look()
    assert stage.hub_repository.pull_request is not None
    body = stage.hub_repository.pull_request[3]

    assert f"- `{NAME}` takes no push yet; ask the operator of this service: denied at https:" in body
    assert "secret" not in body


def test_repository_of_images_is_made_before_a_push_is_promised(stage: Stage) -> None:
    """Where its registry has it made; a refusal is said as that of a push, and the push is then not asked for."""
    scene = Scene(stage)
    scene.look()
    made = list(stage.repository_maker.asked)
    stage.repository_maker.error = RegistryFailed("creation of the repository: 403", status=403)
    stage.newcomers.add_newcomers((dataclasses.replace(TS, installation_id=71),), at=AT)
    scene.look()
    assert stage.hub_repository.pull_request is not None

    assert (made, stage.push_probe.asked) == ([NAME], [NAME])
    assert (
        "takes no push yet; ask the operator of this service: creation of the repository: 403"
        in (stage.hub_repository.pull_request[3])
    )


def test_image_of_somebody_else_is_neither_asked_for_nor_made(stage: Stage) -> None:
    """An old config that names another owner's place, and a name that another repository has."""
    scene = Scene(stage)
    old = b"build:\n  build-strategy: Dockerfile\n  registry: registry.example.org\n  registry-org: foreign\n"
    scene.hold({".aicoe-ci.yaml": old, "Dockerfile": b"FROM x"})
    scene.look()
    foreign = stage.hub_repository.pull_request
    stage.image_records.claim_owner(NAME, 99, at=AT)
    stage.newcomers.add_newcomers((dataclasses.replace(TS, installation_id=71),), at=AT)
    scene.hold({"Dockerfile": b"FROM x"})
    scene.look()
    taken = stage.hub_repository.pull_request
    assert foreign is not None
    assert taken is not None

    assert "octo may not push to registry.example.org/foreign/ts" in foreign[3]
    assert (
        f"- `{NAME}` takes no push yet; ask the operator of this service: it belongs to another repository" in taken[3]
    )
    assert (stage.repository_maker.asked, stage.push_probe.asked) == ([], [])


def test_findings_of_the_first_build_are_said(stage: Stage) -> None:
    """A Pipfile that does not parse, and an old config that pushes where the owner may not."""
    scene = Scene(stage)
    scene.hold({"Pipfile": b"[packages\n"})
    scene.look()
    broken = stage.hub_repository.pull_request
    old = b"build:\n  build-strategy: Dockerfile\n  registry: quay.example.org\n  registry-org: foreign\n"
    stage.newcomers.add_newcomers((dataclasses.replace(TS, installation_id=71),), at=AT)
    scene.hold({".aicoe-ci.yaml": old, "Dockerfile": b"FROM x"})
    scene.look()
    foreign = stage.hub_repository.pull_request
    assert broken is not None
    assert foreign is not None

    assert "**Before the first build:**\n- error, `Pipfile:" in broken[3]
    assert "the registry quay.example.org is not in this service's settings" in foreign[3]
    assert ".hublish.yaml:" in foreign[3]


def test_written_config_passes_the_command_that_people_check_it_with(stage: Stage, tmp_path: Path) -> None:
    """`hublish validate` on the repository with what was proposed."""
    scene = Scene(stage)
    files = {**make_pair("jupyterhub", "jupyterlab"), **make_pair("six", folder="overlays/$(id) a: {b}/")}
    scene.hold(files)
    scene.look()
    folder = tmp_path / "repository"
    for path, body in {**files, **stage.hub_repository.files}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(body)
    command = [sys.executable, "-m", "hublish.cli", "validate", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    shutil.rmtree(folder)

    assert (done.returncode, done.stderr) == (0, "")
    assert scene.ends() == [("octo/ts", "proposed", "pull request #3")]


def test_pull_requests_come_slowly_and_each_repository_gets_one(stage: Stage) -> None:
    """Two in an hour here; those that need none do not count."""
    scene = Scene(stage)
    more = tuple(Newcomer(repo_id=100 + n, installation_id=70, full_name=f"octo/r{n}") for n in range(4))
    for newcomer in more:
        name = newcomer.full_name
        stage.reader.repositories[name] = Repository(
            id=newcomer.repo_id, owner="octo", name=name[5:], installation_id=70, default_branch="main"
        )
        scene.hold({"README.md" if name == "octo/r0" else "Dockerfile": b"FROM x"}, name=name)
    stage.newcomers.add_newcomers(more, at=AT)
    looks = []
    for hours in (0, 0, 1, 2):
        scene.now = AT + timedelta(hours=hours, seconds=hours)
        looks.append(scene.look())

    assert looks == [3, 0, 2, 0]
    assert [state for _, state, _ in scene.ends()] == ["proposed", "passed", "proposed", "proposed", "proposed"]


def test_failure_that_may_pass_is_waited_for(stage: Stage) -> None:
    """A minute at first, longer each time, and as long as GitHub asks; a registry that is away counts as well."""
    scene = Scene(stage)
    stage.standings.errors = [
        GitHubFailed("away", transient=True),
        GitHubFailed("limit", transient=True, retry_after_seconds=600.0),
    ]
    looks = [scene.look(), scene.look()]
    for minutes in (1, 10, 11):
        scene.now = AT + timedelta(minutes=minutes)
        looks.append(scene.look())

    assert looks == [0, 0, 0, 0, 1]
    assert scene.ends() == [("octo/ts", "proposed", "pull request #3")]


def test_failure_that_never_passes_ends(stage: Stage) -> None:
    """After half a day, with its reason."""
    scene = Scene(stage)
    stage.push_probe.refusals[NAME] = RegistryFailed("the registry is away", transient=True)
    for hours in range(TRIES):
        scene.now = AT + timedelta(hours=2 * hours)
        scene.look()

    assert scene.ends() == [("octo/ts", "failed", "RegistryFailed: the registry is away")]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NotAllowed("the App is not installed there"), "NotAllowed: the App is not installed there"),
        (LookupError("nobody foresaw this"), "hublish met an error it does not know: LookupError"),
    ],
)
def test_one_repository_stands_in_nobodys_way(stage: Stage, error: Exception, reason: str) -> None:
    """The next one is looked at in the same round."""
    scene = Scene(stage)
    stage.standings.errors = [error]
    stage.newcomers.add_newcomers((dataclasses.replace(TS, repo_id=9),), at=AT)

    assert scene.look() == 2
    assert [end[1:] for end in scene.ends()] == [("failed", reason), ("proposed", "pull request #3")]


def test_only_one_replica_looks(stage: Stage) -> None:
    """The other one leaves it; so does one that is told to stop."""
    scene = Scene(stage)
    busy = dataclasses.replace(scene.services, hold_duty=lambda _: nullcontext(enter_result=False))
    stopping = Onboarding(scene.services)
    stopping.stop()

    assert (scene.look(busy), stopping.look()) == (0, 0)
    assert scene.ends() == [("octo/ts", "due", "")]


def test_branch_that_a_person_pushed_to_is_left_alone(stage: Stage) -> None:
    """It is no crash's remainder."""
    scene = Scene(stage)
    stage.hub_repository.state = BranchState(sha="d" * 40, ours=False)
    scene.look()

    assert scene.ends() == [
        ("octo/ts", "failed", "PullRequestTaken: somebody pushed to hublish/onboarding; hublish leaves it alone")
    ]


def test_thread_looks_by_itself(stage: Stage) -> None:
    """Once it is started."""
    scene = Scene(stage)
    onboarding = Onboarding(scene.services)
    onboarding.start()
    onboarding.stop()

    assert scene.ends()[0][1] in {"due", "proposed"}
