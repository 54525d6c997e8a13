"""Plans: what they hold, and every finding that keeps one from being made."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hublish.builders.layerindex.ownercache import OWN, OwnerCaches
from hublish.builders.planning.pinnedpip import PIP_HASH, PIP_VERSION
from hublish.builders.planning.plancheck import check_hub_majors
from hublish.builders.planning.planner import PlanInputs, make_plan, select_packages
from hublish.core.config.file import PythonConfig
from hublish.core.config.values import DockerfileConfig
from hublish.core.container import ContainerPlan
from hublish.core.finding import Severity
from hublish.core.locks.lock import Lock, LockedPackage
from hublish.core.plan import Environment, Plan, Strategy, Trust
from hublish.core.strategy import choose_strategy
from tests.fakes import TINY_BASE, FakeSource
from tests.sandbox.wheels import make_lock
from tests.unit.builders.baseimage.parts import read
from tests.unit.builders.planning.parts import CONFIG, IMAGE, NOTEBOOK, make_source, plan, summarise
from tests.unit.builders.samples import BASE


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


def test_missing_lock_is_an_error_without_a_plan(images, tmp_path):
    """Without a lock there is nothing to install and no base to look for."""
    planned = plan(images, FakeSource({"README.md": b"x"}), cache=tmp_path)

    assert planned.plan is None
    assert planned.locked is None
    assert {finding.severity for finding in planned.findings} == {Severity.ERROR}


def test_lock_that_is_a_link_is_missing(images, tmp_path):
    """Links are never followed."""
    source = FakeSource({"Pipfile": b"", "Pipfile.lock": "-> /etc/passwd"})

    planned = plan(images, source, cache=tmp_path)

    assert planned.plan is None


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
