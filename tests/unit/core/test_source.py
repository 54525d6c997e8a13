"""Trees, repositories, findings: the small values everything else is made of."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest

from hublish.core.finding import Finding, Severity, has_error
from hublish.core.repository import Permission, Repository
from hublish.core.source import FileMode, SourceFile, SourceTree

FILE = SourceFile(path="a.py", mode=FileMode.REGULAR, size_bytes=1, sha256="a" * 64)
TREE = SourceTree(name="ts", commit=None, committed_at=None, files=(FILE,))
FINDING = Finding(severity=Severity.WARNING, code="UnknownKey", message="m", path=".hublish.yaml")


def test_digest_of_a_tree_is_the_hash_of_its_listing() -> None:
    """Path, mode and content hash of every file, as compact JSON."""
    listing = f'[["a.py","644","{"a" * 64}"]]'
    expected = "sha256:" + hashlib.sha256(listing.encode()).hexdigest()

    assert TREE.digest == expected
    assert TREE.paths == frozenset({"a.py"})


def test_digest_of_a_tree_depends_on_its_files_only() -> None:
    """Name and commit do not count; a mode does."""
    renamed = dataclasses.replace(TREE, name="other", commit="b" * 40)
    executable = dataclasses.replace(TREE, files=(dataclasses.replace(FILE, mode=FileMode.EXECUTABLE),))

    assert renamed.digest == TREE.digest
    assert executable.digest != TREE.digest


def test_repository_is_called_as_github_writes_it() -> None:
    """Owner and name with a slash between."""
    repository = Repository(id=1, owner="Octo", name="ts", installation_id=2, default_branch="main")

    assert repository.full_name == "Octo/ts"


def test_write_and_admin_may_build() -> None:
    """Read and none may not."""

    assert {item for item in Permission if item.covers(Permission.WRITE)} == {Permission.WRITE, Permission.ADMIN}


@pytest.mark.parametrize(
    ("line", "column", "expected"),
    [(None, None, ".hublish.yaml"), (3, None, ".hublish.yaml:3"), (3, 5, ".hublish.yaml:3:5")],
)
def test_place_of_a_finding_holds_what_is_known(line: int | None, column: int | None, expected: str) -> None:
    """As compilers print it."""

    assert dataclasses.replace(FINDING, line=line, column=column).place == expected


def test_only_an_error_stops_a_build() -> None:
    """Warnings and notes do not, however many."""
    error = dataclasses.replace(FINDING, severity=Severity.ERROR)
    note = dataclasses.replace(FINDING, severity=Severity.NOTE)

    assert has_error((FINDING, note, error)) is True
    assert has_error((FINDING, note)) is False
    assert has_error(()) is False
