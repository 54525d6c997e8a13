"""Wheels built from source distributions: asked for once, kept, and told when they are not reproducible."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from hublish.core.building import BuildSucceeded
from hublish.core.locks.lock import LockedPackage
from hublish.core.ports import ContainerTask
from hublish.errors import BuildFailed, WheelMissing
from tests.sandbox.wheels import make_wheel, wheel_filename
from tests.unit.builders.samples import TARGET, Bench
from tests.unit.builders.wheels.sdists import FakeRunner, leave_wheel, make_sdist

SDIST = "alpha-1.0.tar.gz"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    bench.add_base()
    for name, version in (("setuptools", "80.0"), ("wheel", "0.45"), ("pip", "26.3")):
        bench.index.add(wheel_filename(name, version), make_wheel(name, version))
    digest = bench.index.add(SDIST, make_sdist("alpha", "1.0"))
    bench.packages = [LockedPackage(name="alpha", version="1.0", hashes=(digest,), source="index", line=7)]
    return bench


@pytest.fixture
def runner() -> FakeRunner:
    return FakeRunner(leaves=leave_wheel("alpha", "1.0"))


def build(bench: Bench, runner: FakeRunner | None, *, workspace: str = "workspace") -> BuildSucceeded:
    return bench.build(workspace=workspace, runner=runner)


def test_wheel_is_built_without_network_from_verified_files(bench, runner) -> None:
    """The task gets the source and what it needs as files, in the pinned base, and names no index."""
    outcome = build(bench, runner)
    (task,) = runner.tasks

    expected = ContainerTask(
        title="the wheel of alpha 1.0",
        base=bench.plan().base,
        platform="linux/amd64",
        script=task.script,
        files=task.files,
        network=False,
        seconds=60,
        size_bytes=2 << 30,
        hint=task.hint,
    )
    assert expected == task
    assert {name: path.read_bytes() for name, path in task.files.items()} == {
        "source.tar.gz" if name == SDIST else name: body for name, body in bench.index.wheels.items()
    }
    assert "http" not in task.script
    assert "PIP_NO_INDEX=1" in task.script
    assert outcome.packages == (("alpha", "1.0"),)
    assert "alpha 1.0 has no wheel that fits; it is built from alpha-1.0.tar.gz in the base" in bench.log
    assert "alpha 1.0: built with pip 26.3, setuptools 80.0, wheel 0.45" in bench.log


def test_second_build_builds_no_wheel_and_asks_no_index(bench, runner) -> None:
    """What one build made the next ones take, also where no engine is left and the index is down."""
    first = build(bench, runner)
    bench.index.list_files = lambda *_, **__: pytest.fail("the index was asked")
    second = build(bench, replace(runner, works=False))

    assert (first.digest, len(runner.tasks)) == (second.digest, 1)


def test_same_wheel_twice_is_the_same_image(bench, runner) -> None:
    """With nothing kept between them."""
    digests = {build(bench, runner, workspace=workspace).digest for workspace in ("one", "two")}

    assert (len(digests), len(runner.tasks)) == (1, 2)


def lose(bench: Bench) -> None:
    """Drop the layers and wheels of a workspace, not what is known of them; so a lost layer is made anew."""
    for path in [*(bench.folder / "workspace").glob("blobs/*"), *(bench.folder / "workspace").glob("built/*/*")]:
        path.unlink()
    bench.images.blobs = {key: body for key, body in bench.images.blobs.items() if key[0] != TARGET.name}
    bench.images.manifests = {key: held for key, held in bench.images.manifests.items() if key[0] != TARGET.name}


def test_wheel_of_another_owner_never_takes_the_place(bench, runner) -> None:
    """All wheels of a machine lie in one folder; the same source built elsewise has a place of its own."""
    build(bench, runner)
    folder = bench.folder / "workspace" / "built"
    (mine,) = folder.glob("*/*")
    body = mine.read_bytes()
    runner.leaves = leave_wheel("alpha", "1.0", "evil = 1\n")
    shutil.rmtree(bench.folder / "workspace" / "index")
    build(bench, runner)

    assert mine.read_bytes() == body
    assert {path.parent.name for path in folder.glob("*/*")} == {
        hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*/*")
    }
    assert len(list(folder.glob("*/*"))) == 2


def test_lost_wheel_is_built_again(bench, runner) -> None:
    """The same bytes give the same layer."""
    first = build(bench, runner)
    lose(bench)

    assert build(bench, runner).digest == first.digest
    assert len(runner.tasks) == 2


def test_wheel_that_is_not_reproducible_is_told(bench, runner) -> None:
    """The log says it, the build ends, and the next one takes the new wheel."""
    build(bench, runner)
    lose(bench)
    runner.leaves = leave_wheel("alpha", "1.0", "other = 1\n")

    with pytest.raises(BuildFailed, match=r"alpha 1\.0 is not reproducible") as caught:
        build(bench, runner)
    assert caught.value.transient
    assert any(line.startswith("warning: alpha 1.0 is not reproducible: an earlier build") for line in bench.log)
    assert build(bench, runner).size_bytes > 0
    assert len(runner.tasks) == 2


@pytest.mark.parametrize(
    ("leaves", "found"),
    [
        ({}, "nothing"),
        ({**leave_wheel("alpha", "1.0"), "x.txt": b""}, "alpha-1.0-py3-none-any.whl, x.txt"),
        (leave_wheel("beta", "1.0"), "beta-1.0-py3-none-any.whl"),
        (leave_wheel("alpha", "2.0"), "alpha-2.0-py3-none-any.whl"),
        ({"alpha.whl": b""}, "alpha.whl"),
    ],
)
def test_build_that_leaves_something_else_is_refused(bench, leaves, found) -> None:
    """One wheel, of the locked name and version."""
    with pytest.raises(BuildFailed) as caught:
        build(bench, FakeRunner(leaves=leaves))
    assert caught.value.message == (
        f"the wheel of alpha 1.0: expected one wheel of that name and version, its build left {found}"
    )
    assert list((bench.folder / "workspace" / "built").glob("*")) == []


def test_failure_of_a_build_is_its_outcome(bench, runner) -> None:
    """And nothing is kept of it."""
    runner.error = BuildFailed("the wheel of alpha 1.0 failed: no compiler")

    with pytest.raises(BuildFailed, match="no compiler"):
        build(bench, runner)


@pytest.mark.parametrize("engine", [None, FakeRunner(works=False)])
def test_without_an_engine_all_such_packages_are_listed(bench, engine) -> None:
    """As before: what is missing, and the way out."""
    with pytest.raises(WheelMissing, match=r"no wheel fits 1 of 1 packages: alpha 1\.0: the lock pins only a source"):
        build(bench, engine)


def test_package_without_wheel_and_source_is_missing(bench, runner) -> None:
    """An engine does not help."""
    bench.index.wheels.pop(SDIST)

    with pytest.raises(WheelMissing, match="the index does not know it"):
        build(bench, runner)


def test_wheel_of_a_source_that_is_gone_cannot_be_built_again(bench, runner) -> None:
    """Where wheel, layer and source are lost, the build says which."""
    build(bench, runner)
    lose(bench)
    bench.index.wheels.pop(SDIST)

    with pytest.raises(WheelMissing, match="has to be built again, and its source is gone from the index"):
        build(bench, runner)
