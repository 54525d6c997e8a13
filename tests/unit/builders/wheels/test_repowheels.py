"""Wheels of the repository: found in the tree, layered as they are, refused where they are not what the lock says."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from hublish.builders.wheels.repowheels import add_repository_wheels, locate_wheels
from hublish.core.finding import Finding, Severity
from hublish.core.locks.lock import LockedPackage, PackageOrigin
from hublish.errors import BuildFailed, WheelInvalid
from tests.fakes import FakeSource
from tests.sandbox.wheels import make_wheel
from tests.unit.builders.samples import INDEX, TARGET, Bench

NAME = "local-1.0-py3-none-any.whl"
PATH = f"wheels/{NAME}"
BODY = make_wheel("local", "1.0")
HASH = f"sha256:{hashlib.sha256(BODY).hexdigest()}"


def make_package(*hashes: str, path: str = PATH) -> LockedPackage:
    return LockedPackage(
        name="local", version="1.0", hashes=hashes, source="", origin=PackageOrigin.FILE, location=path, line=7
    )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path, source=FakeSource({PATH: BODY, "README.md": b"hello\n", "link.whl": f"-> {PATH}"}))
    bench.add_base()
    bench.add_package("alpha")
    bench.packages += [make_package(HASH)]
    return bench


@pytest.mark.parametrize("hashes", [(), (HASH,), ("sha256:" + "0" * 64, HASH)])
def test_wheel_of_the_tree_gets_its_own_hash(hashes: tuple[str, ...]) -> None:
    """Where the lock has hashes one of them must fit; packages of an index are left as they are."""
    other = LockedPackage(name="alpha", version="1.0", hashes=("sha256:0",), source="index")
    located = locate_wheels([other, make_package(*hashes)], FakeSource({PATH: BODY}).tree, lock_path="Pipfile.lock")

    assert located == ((other, make_package(HASH)), ())


@pytest.mark.parametrize(
    ("package", "expected"),
    [
        (make_package(path="gone.whl"), ("WheelMissing", "`local`: the repository holds no file `gone.whl`", "commit the wheel")),
        (make_package(path="link.whl"), ("WheelMissing", "`local`: the repository holds no file `link.whl`", "commit the wheel")),
        (make_package("sha256:0"), ("WheelInvalid", f"`local`: `{PATH}` has another hash than the lock says", "lock again")),
    ],
)  # fmt: skip
def test_wheel_that_is_not_there_or_another_is_an_error(
    bench: Bench, package: LockedPackage, expected: tuple[str, str, str]
) -> None:
    """Missing, a link, other bytes; on the package's line in the lock."""
    code, message, hint = expected
    finding = Finding(severity=Severity.ERROR, code=code, message=message, hint=hint, path="Pipfile.lock", line=7)

    assert locate_wheels([package], bench.source.tree, lock_path="Pipfile.lock") == ((package,), (finding,))


def test_wheel_of_the_repository_is_layered_beside_those_of_an_index(bench: Bench) -> None:
    """The image holds both; the index is never asked for the repository's."""
    bench.build()
    paths = bench.images.files(TARGET)
    site = "/opt/hublish/venv/lib/python3.11/site-packages"

    assert f"{site}/local/__init__.py" in paths
    assert f"{site}/alpha/__init__.py" in paths
    assert list(bench.folder.glob("workspace/wheels/*/*")) == [
        bench.folder / "workspace/wheels" / HASH.removeprefix("sha256:") / NAME
    ]


def test_copied_wheel_is_used_again(bench: Bench) -> None:
    """A second build reads the copy under the hash."""
    index = add_repository_wheels(bench.index, bench.packages, source=bench.source, folder=bench.folder / "wheels")
    (file,) = index.list_files(INDEX, "local")
    first = index.fetch_file(INDEX, file)
    bench.source.bodies.clear()
    os.utime(first, (1, 1))

    assert index.fetch_file(INDEX, file) == first
    assert first.stat().st_mtime > 1


def test_damaged_copy_is_made_anew(bench: Bench) -> None:
    """A copy that has its length and none of its bytes any more would fail every build."""
    index = add_repository_wheels(bench.index, bench.packages, source=bench.source, folder=bench.folder / "wheels")
    (file,) = index.list_files(INDEX, "local")
    body = index.fetch_file(INDEX, file).read_bytes()
    index.fetch_file(INDEX, file).write_bytes(bytes(len(body)))

    assert index.fetch_file(INDEX, file).read_bytes() == body


def test_other_bytes_than_planned_are_refused(bench: Bench) -> None:
    """The tree may change between plan and build on a user's disk; nothing is left behind."""
    index = add_repository_wheels(bench.index, bench.packages, source=bench.source, folder=bench.folder / "wheels")
    (file,) = index.list_files(INDEX, "local")
    bench.source.bodies[PATH] = b"other"

    with pytest.raises(WheelInvalid, match="is not what it was when the build was planned"):
        index.fetch_file(INDEX, file)
    assert [path for path in bench.folder.glob("wheels/*/*") if path.is_file()] == []


def test_folder_that_cannot_be_written_is_told(bench: Bench) -> None:
    """A file where the folder should be is no traceback."""
    (bench.folder / "wheels").write_text("a file")
    index = add_repository_wheels(bench.index, bench.packages, source=bench.source, folder=bench.folder / "wheels")
    (file,) = index.list_files(INDEX, "local")

    with pytest.raises(BuildFailed, match="the wheels of the repository failed"):
        index.fetch_file(INDEX, file)


def test_metadata_is_asked_of_the_index_only(bench: Bench) -> None:
    """The repository's wheel is here already; those of an index are asked for there."""
    bench.index.metadata = {"alpha-1.0-py3-none-any.whl": b"alpha's", NAME: b"another's"}
    index = add_repository_wheels(bench.index, bench.packages, source=bench.source, folder=bench.folder / "wheels")
    files = [file for name in ("alpha", "local") for file in index.list_files(INDEX, name)]

    assert [index.fetch_metadata(INDEX, file) for file in files] == [b"alpha's", None]


def test_plan_without_such_wheels_keeps_its_index(bench: Bench) -> None:
    """Nothing stands between a build and its index without need."""
    assert (
        add_repository_wheels(bench.index, bench.packages[:1], source=bench.source, folder=bench.folder) is bench.index
    )
