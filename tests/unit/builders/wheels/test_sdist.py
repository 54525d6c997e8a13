"""Which file is a source distribution, and what it says it needs; all of it is a stranger's."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from hublish.builders.wheels.sdist import find_sdist, read_build_requirements
from hublish.core.locks.lock import LockedPackage
from hublish.core.ports import IndexFile
from hublish.errors import WheelInvalid
from tests.unit.builders.wheels.sdists import make_sdist


def offer(*names: str) -> list[IndexFile]:
    return [IndexFile(filename=name, url="", sha256=f"{n:064d}", size_bytes=1) for n, name in enumerate(names)]


def find(files: list[IndexFile], *, hashes: int = 9) -> str | None:
    texts = tuple(f"sha256:{number:064d}" for number in range(hashes))
    package = LockedPackage(name="alpha-x", version="1.0", hashes=texts, source="index")
    found = find_sdist(package, files)
    return None if found is None else found.filename


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["alpha_x-1.0-py3-none-any.whl", "alpha-x-1.0.zip", "alpha_x-1.0.tar.gz"], "alpha_x-1.0.tar.gz"),
        (["alpha_x-1.0.zip"], "alpha_x-1.0.zip"),
        (["alpha_x-1.1.tar.gz", "beta-1.0.tar.gz", "alpha_x-1.0.tar.bz2", "alpha_x-one.tar.gz", "x.exe"], None),
        ([], None),
    ],
)
def test_sdist_of_the_locked_version_is_found(names: list[str], expected: str | None) -> None:
    """By its name; a .tar.gz before a .zip; other kinds are no standard ones."""
    assert find(offer(*names)) == expected


def test_sdist_that_is_not_locked_is_none() -> None:
    """Only hashes of the lock count."""
    assert find(offer("alpha_x-1.0.zip", "alpha_x-1.0.tar.gz"), hashes=1) == "alpha_x-1.0.zip"


def write(tmp_path: Path, files: dict[str, str], *, kind: str = ".tar.gz") -> Path:
    path = tmp_path / f"alpha-1.0{kind}"
    if kind == ".zip":
        body = io.BytesIO()
        with zipfile.ZipFile(body, "w") as archive:
            for name, text in files.items():
                archive.writestr(f"alpha-1.0/{name}", text)
        path.write_bytes(body.getvalue())
    else:
        path.write_bytes(make_sdist("alpha", "1.0", files))
    return path


@pytest.mark.parametrize("kind", [".tar.gz", ".zip"])
@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"setup.py": "", "sub/pyproject.toml": "["}, ("setuptools>=40.8.0",)),
        ({"pyproject.toml": "[tool.x]\n"}, ("setuptools>=40.8.0",)),
        ({"a": "", "pyproject.toml": '[build-system]\nrequires = ["hatchling>1", "x; extra"]\n'}, ("hatchling>1", "x; extra")),
    ],
)  # fmt: skip
def test_requirements_are_read_as_written(tmp_path, files, expected, kind) -> None:
    """Nothing of the package is run; what the standard says holds where it says nothing."""
    assert read_build_requirements(write(tmp_path, files, kind=kind)) == expected


@pytest.mark.parametrize(
    "text",
    ["[", "build-system = 1", "[build-system]\nrequires = 'x'", "#" * (1 << 20 | 1), f"[build-system]\nrequires = {['x'] * 101}"],
)  # fmt: skip
def test_strange_pyproject_is_refused(tmp_path, text) -> None:
    """Broken, of another shape, or larger than any."""
    with pytest.raises(WheelInvalid, match=r"^alpha-1\.0\.tar\.gz: "):
        read_build_requirements(write(tmp_path, {"pyproject.toml": text}))


@pytest.mark.parametrize("kind", [".tar.gz", ".zip"])
def test_what_is_no_archive_is_refused(tmp_path, kind) -> None:
    """Other bytes, and an archive cut short."""
    path = write(tmp_path, {"setup.py": "x" * 9000}, kind=kind)
    for body in (b"no archive", path.read_bytes()[:60]):
        path.write_bytes(body)
        with pytest.raises(WheelInvalid, match="the source distribution cannot be read"):
            read_build_requirements(path)


def test_header_of_any_length_is_not_read(tmp_path) -> None:
    """A few kilobytes can unpack to a gigabyte of one extended header, which tarfile would read as a whole."""
    member = tarfile.TarInfo("x")
    member.type, member.size = tarfile.XHDTYPE, 1 << 30
    path = tmp_path / "alpha-1.0.tar.gz"
    path.write_bytes(gzip.compress(member.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20)))

    with pytest.raises(WheelInvalid, match="the header of an entry is longer than 1048576 bytes"):
        read_build_requirements(path)


def test_archive_with_too_many_files_is_refused(tmp_path, monkeypatch) -> None:
    """Looking into it ends."""
    monkeypatch.setattr("hublish.builders.wheels.sdist._MEMBERS_LIMIT", 2)

    with pytest.raises(WheelInvalid, match="more than"):
        read_build_requirements(write(tmp_path, {"a": "", "b": "", "c": ""}))
