"""Wheels that a layered pod needs built: built once, handed over by the registry, found by the pod as if it had built them."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from hublish.bootstrap.pods.wheels import PodWheels
from hublish.builders.layered.build import build_layered
from hublish.builders.layerindex.ownercache import OwnerCaches
from hublish.builders.wheels.handedwheels import NoRunner, receive_wheels
from hublish.builders.wheels.prefetch import PrefetchTools, fetch_inputs
from hublish.core.building import BuildRequest, HandedWheel
from hublish.core.locks.lock import LockedPackage
from hublish.core.plan import Trust
from hublish.core.repository import RefKind, Repository, ResolvedRef
from hublish.engines.runs import BuildRun, find_owner
from hublish.errors import BuildFailed, ImageInvalid, StrategyUnavailable
from hublish.oci.manifest import OCI_MANIFEST
from tests.fakes import FakeLog
from tests.github_fakes import FakeCheckouts
from tests.sandbox.wheels import make_wheel, wheel_filename
from tests.unit.builders.samples import TARGET, Bench
from tests.unit.builders.wheels.sdists import FakeRunner, leave_wheel, make_sdist

REPOSITORY = Repository(id=7, owner="org", name="ts", installation_id=1, default_branch="main")
REF = ResolvedRef(name="v1", kind=RefKind.TAG, sha="a" * 40)
WHEEL = "alpha-1.0-py3-none-any.whl"
BODY = leave_wheel("alpha", "1.0")[WHEEL]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    bench.add_base()
    for name, version in (("setuptools", "80.0"), ("wheel", "0.45"), ("pip", "26.3")):
        bench.index.add(wheel_filename(name, version), make_wheel(name, version))
    bench.add_package("beta")
    digest = bench.index.add("alpha-1.0.tar.gz", make_sdist("alpha", "1.0"))
    alpha = LockedPackage(name="alpha", version="1.0", hashes=(digest,), source="index", line=7)
    bench.packages = [alpha, *bench.packages]
    return bench


@pytest.fixture
def runner() -> FakeRunner:
    return FakeRunner(leaves=leave_wheel("alpha", "1.0"))


def make_run(bench: Bench) -> BuildRun:
    """A run of a build that needs a wheel."""
    plan = bench.plan(builds_wheels=True)
    request = BuildRequest(name="build-1", plan=plan, repository=REPOSITORY, ref=REF, target=TARGET)
    return BuildRun(request=request, log=FakeLog(), clock=lambda: 0.0)


def make_pod_wheels(bench: Bench, *, workspace: str = "service") -> PodWheels:
    return PodWheels(
        sources=FakeCheckouts({REPOSITORY.full_name: bench.source}),
        images=bench.images,
        output=bench.images,
        index=bench.index,
        caches=OwnerCaches(bench.folder / workspace),
        web_url="https://github.com",
    )


def make(bench: Bench, runner: FakeRunner, *, workspace: str = "service") -> tuple[HandedWheel, ...]:
    """Make the wheels of a build."""
    return make_pod_wheels(bench, workspace=workspace).make(make_run(bench), runner, lambda: None)


def test_wheel_is_built_once_and_stands_under_its_hash(bench, runner) -> None:
    """Beside the image; a second build starts no pod, and only what was built is handed over."""
    first, second = make(bench, runner), make(bench, replace(runner, works=False))
    digest = hashlib.sha256(BODY).hexdigest()
    (wheel,) = first

    assert first == second
    assert len(runner.tasks) == 1
    assert (wheel.filename, wheel.sha256, wheel.size_bytes) == (WHEEL, digest, len(BODY))
    assert bench.images.blobs[TARGET.name, f"sha256:{digest}"] == BODY
    assert bench.images.fetch_manifest(TARGET.with_tag(f"hublish-wheel-{digest[:24]}")) is not None


def test_wheel_that_this_machine_lost_comes_back_from_the_registry(bench, runner) -> None:
    """As another replica's does; nothing is built again."""
    first = make(bench, runner)
    shutil.rmtree(bench.folder / "service" / "built")
    second = make(bench, runner)

    assert first == second
    assert len(runner.tasks) == 1


def test_wheel_that_is_nowhere_is_built_again(bench, runner) -> None:
    """A clean-up of the registry costs one more build."""
    first = make(bench, runner)
    shutil.rmtree(bench.folder / "service" / "built")
    bench.images.manifests = {key: found for key, found in bench.images.manifests.items() if key[0] != TARGET.name}
    second = make(bench, runner)

    assert first == second
    assert len(runner.tasks) == 2


@pytest.mark.parametrize("damage", ["lost", "other bytes", "no artifact"])
def test_wheel_that_the_registry_damaged_is_built_again(bench, runner, damage: str) -> None:
    """It costs one more build and a line of the log, not every build of that lock from then on."""
    first = make(bench, runner)
    shutil.rmtree(bench.folder / "service" / "built")
    (digest,) = {f"sha256:{wheel.sha256}" for wheel in first}
    tag = f"hublish-wheel-{first[0].sha256[:24]}"
    if damage == "lost":
        del bench.images.blobs[TARGET.name, digest]
    elif damage == "other bytes":
        bench.images.blobs[TARGET.name, digest] = BODY[:-1] + b"x"
    else:
        bench.images.ensure_manifest(TARGET.with_tag(tag), body=b"{}", media_type=OCI_MANIFEST)
    run = make_run(bench)
    second = make_pod_wheels(bench).make(run, runner, lambda: None)
    third = make(bench, replace(runner, works=False))
    told = [line for line in run.log.lines if line.startswith(f"{WHEEL} cannot be had from {TARGET.name}: ")]

    assert first == second == third
    assert (len(runner.tasks), len(told)) == (2, 1)


def test_other_owner_finds_nothing(bench, runner) -> None:
    """What one owner's builds made never counts for another's."""
    make(bench, runner)
    run = make_run(bench)
    stranger = replace(REPOSITORY, owner="stranger", owner_id=9)
    run.request = replace(run.request, repository=stranger)
    wheels = make_pod_wheels(bench)
    wheels.sources.sources[stranger.full_name] = bench.source
    wheels.make(run, runner, lambda: None)

    assert len(runner.tasks) == 2


def test_plan_without_a_base_is_refused(bench, runner) -> None:
    """There is nothing to build in."""
    run = make_run(bench)
    run.request = replace(run.request, plan=replace(run.request.plan, base=None))

    with pytest.raises(BuildFailed, match="without a base"):
        make_pod_wheels(bench).make(run, runner, lambda: None)


def build_in_pod(bench: Bench, wheels: tuple[HandedWheel, ...], *, workspace: str = "pod") -> str:
    """What the Steps fetch and build of a layered pod do; returns the image's digest."""
    run = make_run(bench)
    request = replace(run.request, wheels=wheels)
    folder = bench.folder / workspace
    caches = OwnerCaches(folder)
    layers = caches.open(owner=find_owner(request), trust=Trust.OWNER).layers
    receive_wheels(request, bench.images, workspace=folder, layers=layers)
    tools = PrefetchTools(
        images=bench.images, index=bench.index, layers=layers, workspace=folder, log=bench.log.append,
        progress=bench.progress.append,
    )  # fmt: skip
    fetch_inputs(request.plan, bench.source, tools)
    return build_layered(
        request.plan,
        source=bench.source,
        images=bench.images,
        output=bench.images,
        target=TARGET,
        index=bench.index,
        workspace=folder,
        workers=1,
        log=bench.log.append,
        progress=bench.progress.append,
        cancelled=lambda: False,
        cache=caches.open(owner=find_owner(request), trust=Trust.OWNER),
        runner=NoRunner(),
    ).digest


def test_pod_makes_the_image_that_another_engine_makes(bench, runner) -> None:
    """From the wheels that it is handed; it runs nothing itself."""
    expected = bench.build(workspace="other", runner=FakeRunner(leaves=leave_wheel("alpha", "1.0")))

    assert build_in_pod(bench, make(bench, runner)) == expected.digest
    assert NoRunner().can_run() is False


def test_pod_that_is_handed_nothing_builds_nothing(bench, runner) -> None:
    """The answer names the package; and what is asked for all the same is refused."""
    with pytest.raises(Exception, match=r"alpha 1\.0: the lock pins only a source distribution"):
        build_in_pod(bench, ())
    make(bench, runner)
    with pytest.raises(StrategyUnavailable, match="not among those that this build was handed"):
        NoRunner().run_task(runner.tasks[0], bench.folder, log=print, verify_running=lambda: None)


def test_wheel_of_other_bytes_is_refused(bench, runner) -> None:
    """A registry that gives another file is not believed."""
    wheels = make(bench, runner)
    bench.images.blobs[TARGET.name, f"sha256:{wheels[0].sha256}"] = BODY[:-1] + b"x"

    with pytest.raises(ImageInvalid, match="is not what its digest and size say"):
        build_in_pod(bench, wheels)


def test_wheels_need_a_place(bench, runner) -> None:
    """A request without one never reaches a pod."""
    request = replace(make_run(bench).request, target=None, wheels=make(bench, runner))

    with pytest.raises(BuildFailed, match="needs a place for its image"):
        receive_wheels(request, bench.images, workspace=bench.folder, layers=None)
