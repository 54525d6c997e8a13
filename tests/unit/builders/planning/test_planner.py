"""Plans: what they hold, and every finding that keeps one from being made."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest

from hublish.builders.layerindex.ownercache import OWN, OwnerCaches
from hublish.builders.planning.plancheck import check_hub_majors
from hublish.builders.planning.planner import PIP_HASH, PIP_VERSION, PlanInputs, make_plan, select_packages
from hublish.core.config.file import Config, ImageConfig, PythonConfig
from hublish.core.config.values import DockerfileConfig
from hublish.core.container import ContainerPlan
from hublish.core.finding import Severity
from hublish.core.locks.lock import Lock, LockedPackage
from hublish.core.plan import Environment, Plan, Strategy, Trust
from hublish.core.reference import Reference
from hublish.core.strategy import choose_strategy
from hublish.errors import BuildFailed
from tests.fakes import TINY_BASE, FakeImages, FakeSource, make_tar
from tests.sandbox.wheels import make_lock
from tests.unit.builders.baseimage.test_facts import read
from tests.unit.builders.samples import BASE

IMAGE = ImageConfig(reference=Reference(registry="registry.example.org", repository="team/ts"), tags=("latest",))
CONFIG = Config(path=".hublish.yaml", legacy=False, images=(IMAGE,))
NOTEBOOK = {"jupyterhub": "5.0", "jupyterlab": "4.0"}


@pytest.fixture
def images() -> FakeImages:
    images = FakeImages()
    images.add_image(BASE, [make_tar(TINY_BASE)])
    return images


def make_source(packages: dict[str, str], *, extra: dict[str, bytes] | None = None, **options: object) -> FakeSource:
    hashes = {name: [f"sha256:{number:064x}"] for number, name in enumerate(sorted(packages))}
    pipfile, lock = make_lock(packages, hashes=hashes, **options)
    return FakeSource({"Pipfile": pipfile.encode(), "Pipfile.lock": lock.encode(), **(extra or {})})


def plan(
    images: FakeImages,
    source: FakeSource,
    config: Config = CONFIG,
    *,
    cache: Path,
    bases: dict | None = None,
    systems=None,
):
    inputs = PlanInputs(
        source=source,
        config=config,
        image=IMAGE,
        bases={"3.11": BASE} if bases is None else bases,
        trust=Trust.OWNER,
        source_repo_id=7,
        target_repository="registry.example.org/team/ts",
    )
    layers = OwnerCaches(cache).open(owner=OWN, trust=Trust.OWNER).layers
    return make_plan(inputs, images=images, layers=layers, systems=systems)


def summarise(findings: tuple) -> list[tuple[str, str]]:
    return [(finding.code, finding.severity.value) for finding in findings]


def test_plan_holds_everything_the_build_depends_on(images, tmp_path):
    """The base is pinned, the lock read, pip added, the source named by its digest."""
    source = make_source(NOTEBOOK)

    planned = plan(images, source, cache=tmp_path)

    assert planned.findings == ()
    assert planned.base_size_bytes > 0
    assert planned.locked.path == "Pipfile.lock"
    assert planned.plan == Plan(
        strategy=Strategy.LAYERED,
        reason="There is no Dockerfile, so the image is made from the locked packages.",
        ignored=(),
        builder="layered-3",
        base=replace(BASE, digest=images.fetch_manifest(BASE).digest),
        platform="linux/amd64",
        python_full_version="3.11.2",
        environment=Environment.VENV,
        packages=planned.plan.packages,
        indexes=planned.locked.sources,
        bytecode=planned.plan.bytecode,
        source_name="ts",
        source_path="/srv/repo",
        source_digest=source.tree.digest,
        commit="a" * 40,
        created_at="2026-11-21T10:00:00Z",
        time_seconds=1800,
        size_bytes=4 * 2**30,
        source_repo_id=7,
        target_repository="registry.example.org/team/ts",
        trust=Trust.OWNER,
    )
    assert [(package.name, package.version) for package in planned.plan.packages] == [
        ("jupyterhub", "5.0"),
        ("jupyterlab", "4.0"),
        ("pip", PIP_VERSION),
    ]
    assert planned.plan.packages[2].hashes == (PIP_HASH,)


def test_locked_pip_is_left_as_it_is(images, tmp_path):
    """pip is added only where the lock has none."""
    planned = plan(images, make_source({**NOTEBOOK, "pip": "25.0"}), cache=tmp_path)

    assert [package.version for package in planned.plan.packages if package.name == "pip"] == ["25.0"]


def test_base_environment_gets_no_pip(images, tmp_path):
    """The base's own environment is the base's business."""
    config = replace(CONFIG, python=PythonConfig(environment=Environment.BASE))

    planned = plan(images, make_source(NOTEBOOK), config, cache=tmp_path)

    assert [package.name for package in planned.plan.packages] == ["jupyterhub", "jupyterlab"]


def test_markers_are_evaluated_for_the_bases_full_version(images, tmp_path):
    """The lock was made elsewhere; what counts is the Python of the image."""
    source = make_source(
        {**NOTEBOOK, "late": "1", "early": "1", "windows": "1"},
        markers={
            "late": "python_full_version >= '3.11.5'",
            "early": "python_full_version >= '3.11.1'",
            "windows": "sys_platform == 'win32'",
        },
    )

    planned = plan(images, source, cache=tmp_path)

    assert [package.name for package in planned.plan.packages] == ["early", "jupyterhub", "jupyterlab", "pip"]


def test_develop_group_is_installed_on_request(images, tmp_path):
    """`dev: true` adds the develop group."""
    hashes = {name: ["sha256:" + "0" * 64] for name in (*NOTEBOOK, "pytest")}
    pipfile, lock = make_lock(NOTEBOOK, hashes=hashes, develop={"pytest": "9"})
    source = FakeSource({"Pipfile": pipfile.encode(), "Pipfile.lock": lock.encode()})
    config = replace(CONFIG, python=PythonConfig(dev=True))

    planned = plan(images, source, config, cache=tmp_path)

    assert "pytest" in [package.name for package in planned.plan.packages]


@pytest.mark.parametrize(("hubs", "severity"), [((), "warning"), (("demo",), "error")])
def test_missing_hub_packages_weigh_by_whether_a_hub_is_named(images, tmp_path, hubs, severity):
    """Nothing is ever added to the lock; with a hub named the image would not start there."""
    planned = plan(images, make_source({"numpy": "2.0"}), replace(CONFIG, hubs=hubs), cache=tmp_path)

    assert summarise(planned.findings) == [("HubPackageMissing", severity)] * 2
    assert (planned.plan is None) is (severity == "error")
    assert planned.findings[0].hint == "Run `pipenv install jupyterhub`, then commit Pipfile and Pipfile.lock."


@pytest.mark.parametrize(
    ("python_version", "bases", "expected"),
    [
        (None, {"3.11": BASE}, [("PythonVersionMissing", "error")]),
        ("3.12", {"3.11": BASE}, [("BaseMissing", "error")]),
        ("3.12", {}, [("BaseMissing", "error")]),
        ("3.12", {"3.12": BASE}, [("PythonMismatch", "error")]),
        ("3.11.7", {"3.11": BASE}, [("PythonPatchDiffers", "warning")]),
        ("3.11.2", {"3.11": BASE}, []),
        ("3.11", {"3.11": BASE}, []),
    ],
)
def test_python_and_base_must_fit(images, tmp_path, python_version, bases, expected):
    """Each way of not fitting has its own finding, which says what to change."""
    source = make_source(NOTEBOOK, python_version=python_version)

    planned = plan(images, source, cache=tmp_path, bases=bases)

    assert summarise(planned.findings) == expected
    assert (planned.plan is None) is any(severity == "error" for _, severity in expected)


def test_missing_base_names_the_operators_key(images, tmp_path):
    """A person without access to the settings knows what to ask for."""
    planned = plan(images, make_source(NOTEBOOK, python_version="3.12"), cache=tmp_path)

    assert planned.findings[0].message == (
        "there is no default base for Python 3.12; the operator's `bases` hold: 3.11"
    )
    assert "`bases`" in planned.findings[0].hint


def test_base_of_the_config_wins(images, tmp_path):
    """A Pipfile without a Python version needs a base by name."""
    source = make_source(NOTEBOOK, python_version=None)

    planned = plan(images, source, replace(CONFIG, base=BASE), cache=tmp_path, bases={})

    assert planned.plan.base.repository == "base/python"


def test_missing_lock_is_an_error_without_a_plan(images, tmp_path):
    """Without a lock there is nothing to install and no base to look for."""
    planned = plan(images, FakeSource({"README.md": b"x"}), cache=tmp_path)

    assert planned.plan is None
    assert planned.locked is None
    assert {finding.severity for finding in planned.findings} == {Severity.ERROR}


def test_os_packages_are_refused_not_forgotten(images, tmp_path):
    """Only a container engine could install them, and an image without them would fail in the user's hands."""
    config = replace(CONFIG, system_apt=("graphviz",))

    planned = plan(images, make_source(NOTEBOOK), config, cache=tmp_path)

    assert planned.plan is None
    assert summarise(planned.findings) == [("SystemPackagesUnavailable", "error")]


class Systems:
    """Puts another image in place of the base."""

    def __init__(self, reference: Reference, *, works: bool = True) -> None:
        self.reference = reference
        self.works = works
        self.asked: list[tuple] = []

    def can_build(self) -> bool:
        return self.works

    def ensure_base(self, base: Reference, packages: tuple[str, ...], *, platform: str, user: str) -> Reference:
        self.asked.append((base, packages, platform, user))
        return self.reference


def make_systems(images: FakeImages, **changes: bytes) -> Systems:
    derived = replace(BASE, tag="with-packages")
    extra = {path.replace("_", "/"): body for path, body in changes.items()}
    images.add_image(derived, [make_tar(TINY_BASE), make_tar({"/usr/bin/dot": b"dot", **extra})])
    return Systems(replace(derived, tag=None, digest=images.fetch_manifest(derived).digest))


def test_os_packages_are_in_the_base_of_the_plan(images, tmp_path):
    """The base is resolved before the plan, so that the plan pins the very base with its packages."""
    config, systems = replace(CONFIG, system_apt=("graphviz", "tree", "graphviz")), make_systems(images)

    planned = plan(images, make_source(NOTEBOOK), config, cache=tmp_path, systems=systems)

    assert planned.findings == ()
    assert planned.plan.base == systems.reference
    pinned = replace(BASE, digest=images.fetch_manifest(BASE).digest)
    assert systems.asked == [(pinned, ("graphviz", "tree"), "linux/amd64", "")]


def test_os_packages_are_not_installed_for_a_plan_with_errors(images, tmp_path):
    """What is wrong is told first; it takes no minutes."""
    config, systems = replace(CONFIG, system_apt=("graphviz",), hubs=("demo",)), make_systems(images)

    planned = plan(images, make_source({"jupyterhub": "5.0"}), config, cache=tmp_path, systems=systems)

    assert (planned.plan, systems.asked) == (None, [])


def test_os_packages_that_change_python_are_refused(images, tmp_path):
    """The packages were chosen for another one."""
    config = replace(CONFIG, system_apt=("graphviz",))
    systems = make_systems(images, **{"_usr_bin_python3.11": b"\x7fELF\0some text\x003.11.9\0more"})

    planned = plan(images, make_source(NOTEBOOK), config, cache=tmp_path, systems=systems)

    assert summarise(planned.findings) == [("SystemPackagesChangePython", "error")]


def test_lock_that_is_a_link_is_missing(images, tmp_path):
    """Links are never followed."""
    source = FakeSource({"Pipfile": b"", "Pipfile.lock": "-> /etc/passwd"})

    planned = plan(images, source, cache=tmp_path)

    assert planned.plan is None


def test_facts_of_a_base_are_kept_by_digest(images, tmp_path):
    """The second plan reads no layer of the base."""
    first = plan(images, make_source(NOTEBOOK), cache=tmp_path)
    manifest = json.loads(images.fetch_manifest(BASE).body)
    del images.blobs[BASE.name, manifest["layers"][0]["digest"]]

    second = plan(images, make_source(NOTEBOOK), cache=tmp_path)

    assert second.plan == first.plan


def test_damaged_facts_are_read_again(images, tmp_path):
    """A cache is never a reason to fail."""
    plan(images, make_source(NOTEBOOK), cache=tmp_path)
    for path in [path for path in tmp_path.rglob("*") if path.is_file()]:
        path.write_text("{")

    assert plan(images, make_source(NOTEBOOK), cache=tmp_path).plan is not None


def test_cache_that_cannot_be_written_is_told(images, tmp_path):
    """A file where the folder should be is no traceback."""
    (tmp_path / "cache").write_text("a file")

    with pytest.raises(BuildFailed, match="the facts of the base failed"):
        plan(images, make_source(NOTEBOOK), cache=tmp_path / "cache")


def test_dockerfile_plan_needs_no_base_and_no_lock(images, tmp_path):
    """Its images stand in its own part; the lock is ignored and said to be."""
    source = make_source(NOTEBOOK, extra={"Dockerfile": b"FROM scratch\n"})

    planned = plan(images, source, cache=tmp_path)

    assert (planned.plan.strategy, planned.plan.builder) == (Strategy.DOCKERFILE, "dockerfile-1")
    assert (planned.plan.base, planned.plan.packages, planned.plan.dockerfile) == (None, (), "Dockerfile")
    assert planned.plan.container == ContainerPlan(dockerfile_text="FROM scratch\n", context=".")
    assert planned.plan.ignored == ("Pipfile", "Pipfile.lock")
    assert (planned.base_size_bytes, planned.locked) == (None, None)


def test_working_tree_without_a_commit_states_the_epoch(images, tmp_path):
    """There is no time to state, and the clock must not get in."""
    listed = make_source(NOTEBOOK)
    source = FakeSource(listed.bodies, commit=None)

    planned = plan(images, source, cache=tmp_path)

    assert (planned.plan.commit, planned.plan.created_at) == (None, "1970-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("changes", "paths", "expected"),
    [
        ({}, {"Pipfile.lock"}, ("layered", ())),
        ({}, {"Dockerfile", "Pipfile.lock"}, ("dockerfile", ("Pipfile.lock",))),
        ({}, {"Containerfile", "Dockerfile"}, ("dockerfile", ("Containerfile",))),
        ({}, {"Containerfile"}, ("dockerfile", ())),
        ({"strategy": Strategy.LAYERED}, {"Dockerfile", "Pipfile"}, ("layered", ("Dockerfile",))),
        ({"strategy": Strategy.SOURCE}, {"Dockerfile"}, ("source", ("Dockerfile",))),
        ({"legacy": True}, {"Pipfile.lock"}, ("source", ())),
        ({"legacy": True}, {"Containerfile"}, ("dockerfile", ())),
        (
            {"dockerfile": DockerfileConfig(path="images/Dockerfile")},
            {"images/Dockerfile", "Dockerfile"},
            ("dockerfile", ("Dockerfile",)),
        ),
        ({"dockerfile": DockerfileConfig(path="gone/Dockerfile")}, {"README"}, ("layered", ())),
    ],
)
def test_strategy_follows_the_config_then_the_files(changes, paths, expected):
    """The rule of the strategies, and what each of them leaves aside."""
    choice = choose_strategy(replace(CONFIG, **changes), frozenset(paths))

    assert (choice.strategy.value, choice.ignored) == expected
    assert choice.reason.endswith(".")


def test_dockerfile_that_is_not_there_is_named_and_missed(images, tmp_path):
    """The usual name, when the config names none."""
    config = replace(CONFIG, strategy=Strategy.DOCKERFILE)

    planned = plan(images, FakeSource({"README.md": b""}), config, cache=tmp_path)

    assert planned.plan is None
    assert [(finding.code, finding.path) for finding in planned.findings] == [("DockerfileMissing", "Dockerfile")]


def test_marker_that_cannot_be_evaluated_keeps_the_package():
    """Leaving it out would hide that it was wanted; the lock's own findings name broken markers."""
    facts = read(TINY_BASE)
    packages = tuple(
        LockedPackage(name=name, version="1", hashes=(), source="index", markers=markers)
        for name, markers in (("broken", "nonsense ("), ("undefined", "python_version ~= 'x'"), ("plain", None))
    )
    lock = Lock(path="Pipfile.lock", python_version="3.11", sources=(), default=packages)

    assert [package.name for package in select_packages(lock, dev=False, facts=facts)] == [
        "broken",
        "plain",
        "undefined",
    ]


@pytest.mark.parametrize(
    ("hubs", "majors", "expected"),
    [
        (("demo",), {"demo": 5}, []),
        (("demo",), {"demo": 4}, [("HubVersionMismatch", "error")]),
        (("demo",), {}, []),
        ((), {"demo": 4}, []),
    ],
)
def test_locked_jupyterhub_must_have_the_hubs_major(images, tmp_path, hubs, majors, expected):
    """A lock with another major version than a named hub runs is refused before anything is built."""
    inputs = PlanInputs(
        source=make_source(NOTEBOOK),
        config=replace(CONFIG, hubs=hubs),
        image=IMAGE,
        bases={"3.11": BASE},
        trust=Trust.OWNER,
        source_repo_id=7,
        target_repository="registry.example.org/team/ts",
        hub_majors=majors,
    )

    planned = make_plan(inputs, images=images, layers=OwnerCaches(tmp_path).open(owner=OWN, trust=Trust.OWNER).layers)

    assert summarise(planned.findings) == expected


def test_hub_major_is_not_asked_of_a_lock_without_jupyterhub():
    """What is missing is told by another finding."""
    lock = Lock(path="Pipfile.lock", python_version="3.11", sources=(), default=())

    assert check_hub_majors((), replace(CONFIG, hubs=("demo",)), {"demo": 5}, lock=lock) == ()


def test_error_of_the_disk_is_said(images, tmp_path, monkeypatch):
    """A lock that cannot be read ends the plan with a message, not with an error of the system."""
    source = make_source(NOTEBOOK)
    refusal = PermissionError(errno.EACCES, "Permission denied", "Pipfile.lock")
    monkeypatch.setattr(source, "open", Mock(side_effect=refusal))

    with pytest.raises(BuildFailed) as caught:
        plan(images, source, cache=tmp_path)

    assert caught.value.message == "planning failed: [Errno 13] Permission denied: 'Pipfile.lock'"
