"""Packages that a lock names by their source: which bytes count, what is built, what is refused."""

from __future__ import annotations

import hashlib
import tarfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from hublish.builders.wheels.packagesource import PackageSources, list_folder, locate_folders
from hublish.core.building import BuildSucceeded
from hublish.core.finding import Finding, Severity
from hublish.core.locks.lock import LockedPackage, PackageOrigin
from hublish.core.source import SourceTree
from hublish.errors import BuildFailed, SourceInvalid, StrategyUnavailable, WheelMissing
from tests.fakes import FakeSource
from tests.sandbox.wheels import make_wheel, wheel_filename
from tests.unit.builders.samples import Bench
from tests.unit.builders.wheels.sdists import FakeRunner, leave_wheel, make_sdist

COMMIT = "a" * 40
PROJECT = b"[build-system]\nrequires = ['setuptools']\n"
FILES = {
    "libs/alpha/pyproject.toml": PROJECT,
    "libs/alpha/alpha.py": b"x = 1\n",
    "libs/alpha/link": "-> alpha.py",
    "libs/alphabet/setup.py": b"",
    "vendor/alpha-1.0.tar.gz": make_sdist("alpha", "1.0"),
    "README.md": b"hello\n",
}
FROM_FOLDER = LockedPackage(
    name="alpha", version="", hashes=(), source="", origin=PackageOrigin.PATH, location="libs/alpha", line=7
)
FROM_ARCHIVE = replace(FROM_FOLDER, location="vendor/alpha-1.0.tar.gz")
FROM_COMMIT = replace(
    FROM_FOLDER, origin=PackageOrigin.VCS, location=f"git+https://example.com/octo/alpha@{COMMIT}#subdirectory=py"
)


@dataclass
class Commits:
    """A CommitFetcher: one tree for every commit."""

    source: FakeSource
    asked: list[tuple[str, str]] = field(default_factory=list)

    def fetch_commit(self, url: str, commit: str) -> FakeSource:
        self.asked.append((url, commit))
        return self.source


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path, source=FakeSource(FILES))
    bench.add_base()
    for name, version in (("setuptools", "80.0"), ("wheel", "0.45"), ("pip", "26.3")):
        bench.index.add(wheel_filename(name, version), make_wheel(name, version))
    return bench


@pytest.fixture
def runner() -> FakeRunner:
    return FakeRunner(leaves=leave_wheel("alpha", "3.2"))


def build(
    bench: Bench, runner: FakeRunner, package: LockedPackage, *, commits: Commits | None = None
) -> BuildSucceeded:
    """Build an image with the package as the plan has it."""
    located, findings = locate_folders([package], bench.source.tree, lock_path="Pipfile.lock")
    assert findings == ()
    bench.packages = list(located)
    return bench.build(runner=runner, commits=commits)


def read_archive(bench: Bench, package: LockedPackage, folder: Path, *, commits: Commits | None = None) -> Path:
    return PackageSources(source=bench.source, commits=commits).write_archive(package, folder)


def test_folder_counts_by_its_own_files() -> None:
    """Another file of the repository changes nothing, one of the folder does; its name alone is not enough."""
    first, *_ = locate_folders([FROM_FOLDER], FakeSource(FILES).tree, lock_path="Pipfile.lock")
    same, *_ = locate_folders([FROM_FOLDER], FakeSource({**FILES, "README.md": b"!"}).tree, lock_path="Pipfile.lock")
    other, *_ = locate_folders(
        [FROM_FOLDER], FakeSource({**FILES, "libs/alpha/alpha.py": b"x = 2\n"}).tree, lock_path="Pipfile.lock"
    )

    assert first == same != other
    assert [len(package.hashes) for package in (*first, *other)] == [1, 1]


def test_archive_counts_by_its_hash() -> None:
    """As the commit has it."""
    located = locate_folders([FROM_ARCHIVE, FROM_COMMIT], FakeSource(FILES).tree, lock_path="Pipfile.lock")
    digest = hashlib.sha256(FILES["vendor/alpha-1.0.tar.gz"]).hexdigest()

    assert located == ((replace(FROM_ARCHIVE, hashes=(f"sha256:{digest}",)), FROM_COMMIT), ())


def test_whole_tree_is_a_folder_too() -> None:
    """A repository that is a package itself."""
    tree = FakeSource({"setup.py": b""}).tree
    ((package,), findings) = locate_folders([replace(FROM_FOLDER, location=".")], tree, lock_path="Pipfile.lock")

    assert findings == ()
    assert package.hashes == (tree.digest,)
    assert list_folder(tree, ".") == tree.files


@pytest.mark.parametrize("place", ["libs", "libs/alph", "README.md", "gone.tar.gz"])
def test_place_without_a_package_is_an_error(place: str) -> None:
    """On its line in the lock."""
    package = replace(FROM_FOLDER, location=place)
    expected = Finding(
        severity=Severity.ERROR,
        code="PackageMissing",
        message=f"`alpha`: the repository holds no package at `{place}`: neither pyproject.toml nor setup.py is there",
        hint="correct its path in the Pipfile, and lock again",
        path="Pipfile.lock",
        line=7,
    )

    assert locate_folders([package], FakeSource(FILES).tree, lock_path="Pipfile.lock") == ((package,), (expected,))


def test_archive_of_a_folder_holds_that_folder_and_is_the_same_each_time(bench: Bench, tmp_path: Path) -> None:
    """Files, modes and links below one top folder; no time, no user."""
    first, second = (read_archive(bench, FROM_FOLDER, tmp_path / name) for name in ("one", "two"))
    with tarfile.open(first) as archive:
        members = [(member.name, member.linkname, member.mtime, member.uname) for member in archive]

    assert members == [
        ("package/alpha.py", "", 0, ""),
        ("package/link", "alpha.py", 0, ""),
        ("package/pyproject.toml", "", 0, ""),
    ]
    assert first.read_bytes() == second.read_bytes()


def test_archive_of_the_repository_is_taken_as_it_is(bench: Bench, tmp_path: Path) -> None:
    """Under a name that has its ending only."""
    path = read_archive(bench, FROM_ARCHIVE, tmp_path / "one")

    assert (path.name, path.read_bytes()) == ("source.tar.gz", FILES["vendor/alpha-1.0.tar.gz"])


def test_folder_of_a_commit_is_fetched_by_its_id(bench: Bench, tmp_path: Path) -> None:
    """From where the lock says."""
    commits = Commits(FakeSource({"py/setup.py": b"", "c/x.c": b""}))
    path = read_archive(bench, FROM_COMMIT, tmp_path / "one", commits=commits)
    with tarfile.open(path) as archive:
        names = archive.getnames()

    assert commits.asked == [("https://example.com/octo/alpha", COMMIT)]
    assert names == ["package/setup.py"]


def test_commit_without_that_folder_is_refused(bench: Bench, tmp_path: Path) -> None:
    """Nothing is built from nothing."""
    with pytest.raises(SourceInvalid, match="alpha: there is no folder py in what it comes from"):
        read_archive(bench, FROM_COMMIT, tmp_path / "one", commits=Commits(FakeSource({"setup.py": b""})))


@pytest.mark.parametrize("package", [FROM_FOLDER, FROM_ARCHIVE, FROM_COMMIT])
def test_wheel_is_built_once_and_its_version_is_what_the_build_made(
    bench: Bench, runner: FakeRunner, package: LockedPackage
) -> None:
    """The same place again builds nothing; the image says which version it holds."""
    commits = Commits(FakeSource({"py/pyproject.toml": PROJECT}))
    first = build(bench, runner, package, commits=commits)
    second = build(bench, runner, package, commits=commits)
    (task,) = runner.tasks

    assert first.packages == (("alpha", "3.2"),)
    assert second.digest == first.digest
    assert (task.title, task.network) == ("the wheel of alpha", False)
    assert sorted(task.files) == [
        "pip-26.3-py3-none-any.whl",
        "setuptools-80.0-py3-none-any.whl",
        "source.tar.gz",
        "wheel-0.45-py3-none-any.whl",
    ]
    assert not list((bench.folder / "workspace" / "built").glob(".part-*"))


def test_changed_folder_is_built_again(bench: Bench, runner: FakeRunner) -> None:
    """Its wheel has other bytes, so that the layer is another."""
    first = build(bench, runner, FROM_FOLDER)
    bench.source = FakeSource({**FILES, "libs/alpha/alpha.py": b"x = 2\n"})
    runner.leaves = leave_wheel("alpha", "3.2", "x = 2\n")
    second = build(bench, runner, FROM_FOLDER)

    assert len(runner.tasks) == 2
    assert first.digest != second.digest


def test_requirement_of_a_built_version_is_checked(bench: Bench, runner: FakeRunner) -> None:
    """What could not be known when it was planned is looked at when the wheel is there."""
    bench.add_package("beta", requires=["alpha>=4"])
    (beta,) = bench.packages
    located, _ = locate_folders([FROM_FOLDER], bench.source.tree, lock_path="Pipfile.lock")
    bench.packages = [*located, beta]

    with pytest.raises(BuildFailed, match=r"beta 1\.0 requires alpha>=4, but 3\.2 is locked"):
        bench.build(runner=runner)


@pytest.mark.parametrize("package", [FROM_FOLDER, FROM_COMMIT])
def test_without_an_engine_or_access_nothing_is_built(bench: Bench, runner: FakeRunner, package: LockedPackage) -> None:
    """The reason is said."""
    runner.works = package is FROM_COMMIT
    reason = (
        "alpha comes from another repository, and nothing here may fetch from there"
        if runner.works
        else "alpha: the lock names its source, of which a wheel would have to be built"
    )

    with pytest.raises((WheelMissing, StrategyUnavailable), match=reason):
        build(bench, runner, package)
    assert runner.tasks == []


def test_tree_of_files_without_names_has_a_digest() -> None:
    """Where the folder lies does not count."""
    moved = {path.replace("libs/", "lib/"): body for path, body in FILES.items()}
    listed = [
        SourceTree(name="", commit=None, committed_at=None, files=list_folder(FakeSource(files).tree, place)).digest
        for files, place in ((FILES, "libs/alpha"), (moved, "lib/alpha"))
    ]

    assert listed[0] == listed[1]
