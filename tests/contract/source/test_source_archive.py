"""Trees of commits from tarballs: fetched once, kept, replaced when damaged."""

from __future__ import annotations

import errno
import gzip
import io
import tarfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from hublish.core.ports import Source, SourceFetcher
from hublish.core.repository import Repository
from hublish.errors import DiskFull, GitHubFailed, SourceInvalid
from tests.contract.source.parts import (
    COMMIT,
    REPOSITORY,
    Door,
    fetch,
    list_files,
    make_fetcher,
    make_member,
    make_ref,
    make_tarball,
)
from tests.sandbox.checkout import Checkout


def test_fetcher_fits_its_ports(tmp_path: Path) -> None:
    """Fetcher and source have the shapes of the ports (mypy checks them)."""
    fetcher: SourceFetcher = make_fetcher(Door(bodies=[b""]).open, tmp_path)
    source: Source = fetch(make_tarball(make_member("top/a")), tmp_path)

    assert (fetcher, source) != (None, None)


def test_commit_is_fetched_once(tmp_path: Path) -> None:
    """The second call is served from disk, under the repository's name of today."""
    checkout = Checkout.make(tmp_path / "ts")
    commit = checkout.commit({"a/b.txt": "content", "run*": "#!/bin/sh\n", "link": "-> a/b.txt"})
    door = Door(bodies=[checkout.make_tarball()])
    fetcher = make_fetcher(door.open, tmp_path / "cache")
    first = fetcher.fetch_source(REPOSITORY, make_ref(commit))
    renamed = Repository(id=7, owner="new", name="renamed", installation_id=1, default_branch="main")
    second = fetcher.fetch_source(renamed, make_ref(commit))
    with second.open("a/b.txt") as stream:
        content = stream.read()

    assert [(file.path, file.mode.value, file.link) for file in first.tree.files] == [
        ("a/b.txt", "644", None),
        ("link", "link", "a/b.txt"),
        ("run", "755", None),
    ]
    assert (second.tree.files, second.tree.committed_at) == (first.tree.files, first.tree.committed_at)
    assert (first.tree.name, second.tree.name, content) == ("ts", "renamed", b"content")
    assert door.calls == [("org/ts", commit)]


@pytest.mark.parametrize("path", ["link", "none", "../listing.json", "listing.json"])
def test_only_files_of_the_tree_are_opened(tmp_path: Path, path: str) -> None:
    """Neither symlinks nor other files of the cache are opened."""
    source = fetch(make_tarball(make_member("top/link", kind=tarfile.SYMTYPE, link="/etc/passwd")), tmp_path)
    with pytest.raises(SourceInvalid) as caught:
        source.open(path)

    assert caught.value.message == f"{path} is no file of the source tree"


def test_missing_content_is_told(tmp_path: Path) -> None:
    """Pointers, submodules, left-out files and rewritten keywords are found with the listing, and told again from disk."""
    inner = Checkout.make(tmp_path / "inner")
    inner.commit({"x": "x"})
    checkout = Checkout.make(tmp_path / "ts")
    checkout.git("submodule", "--quiet", "add", str(inner.folder), "vendor/inner")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 5\n"
    attributes = "docs export-ignore\n*.py export-subst\n"
    commit = checkout.commit({"m.bin": pointer, "docs/a.md": "x", ".gitattributes": attributes})
    body = checkout.make_tarball()
    listed = fetch(body, tmp_path / "one", commit=commit, list_tree=lambda repository, sha: checkout.list_tree(sha))
    again = fetch(b"unused", tmp_path / "one", commit=commit)
    unlisted = fetch(body, tmp_path / "two", commit=commit)
    too_long = fetch(body, tmp_path / "three", commit=commit, list_tree=lambda repository, sha: ())

    expected = [
        ("GitLFSPointer", "m.bin", None),
        ("Submodule", "vendor/inner", None),
        ("ExportIgnored", "docs/a.md", None),
        ("ExportSubst", ".gitattributes", 2),
    ]
    assert [(item.code, item.path, item.line) for item in listed.tree.findings] == expected
    assert again.tree == listed.tree
    without_listing = [expected[0], expected[1], expected[3]]
    assert [(item.code, item.path, item.line) for item in unlisted.tree.findings] == without_listing
    assert too_long.tree == unlisted.tree


def test_case_clash_is_allowed(tmp_path: Path) -> None:
    """Names that differ in case only are different files, whatever this machine's disk thinks."""
    body = make_tarball(make_member("top/a", body=b"1"), make_member("top/A", body=b"2"))

    assert fetch(body, tmp_path).tree.paths == frozenset({"a", "A"})


@pytest.mark.parametrize("keep", [0, 10, 200, -9, -300])
def test_broken_off_tarball_is_fetched_again(tmp_path: Path, keep: int) -> None:
    """A tarball that ends early is asked for once more; the whole one then counts."""
    checkout = Checkout.make(tmp_path / "ts")
    commit = checkout.commit({"a": "content " * 3, "b": bytes(range(256)) * 40})
    body = checkout.make_tarball()
    door = Door(bodies=[body[:keep], body])
    tree = make_fetcher(door.open, tmp_path / "cache").fetch_source(REPOSITORY, make_ref(commit)).tree

    assert (tree.paths, len(door.calls)) == (frozenset({"a", "b"}), 2)


def test_padding_after_the_end_is_harmless(tmp_path: Path) -> None:
    """Archives are padded to whole blocks of any size."""
    plain = gzip.decompress(make_tarball(make_member("top/a")))

    assert fetch(gzip.compress(plain + bytes(10**6)), tmp_path).tree.paths == frozenset({"a"})


def test_tarball_that_always_breaks_off_is_told(tmp_path: Path) -> None:
    """After the last try the error is transient and nothing stays."""
    door = Door(bodies=[make_tarball(make_member("top/a", body=b"x" * 5000))[:-20]])
    waits: list[float] = []
    with pytest.raises(GitHubFailed) as caught:
        make_fetcher(door.open, tmp_path, sleep=waits.append).fetch_source(REPOSITORY, make_ref(COMMIT))

    assert (caught.value.transient, len(door.calls), waits, list_files(tmp_path)) == (True, 3, [1.0, 2.0], [])


def test_refusal_of_the_door_passes(tmp_path: Path) -> None:
    """What the GitHub side says is final is not tried again."""

    @contextmanager
    def refuse(repository: Repository, sha: str) -> Iterator[BinaryIO]:
        calls.append(sha)
        raise GitHubFailed("refused", status=403)
        yield io.BytesIO()

    calls: list[str] = []
    with pytest.raises(GitHubFailed) as caught:
        make_fetcher(refuse, tmp_path).fetch_source(REPOSITORY, make_ref(COMMIT))

    assert (caught.value.message, calls) == ("refused", [COMMIT])


@pytest.mark.parametrize("sha", ["main", "../../x", "A" * 40, "a" * 39])
def test_ref_that_is_no_commit_is_refused(tmp_path: Path, sha: str) -> None:
    """Only a full SHA becomes a path of the cache."""
    door = Door(bodies=[b""])
    with pytest.raises(SourceInvalid) as caught:
        make_fetcher(door.open, tmp_path).fetch_source(REPOSITORY, make_ref(sha))

    assert (caught.value.message, door.calls) == (f"expected a commit of 40 hex digits, found {sha}", [])


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "listing.json").write_text("{"),
        lambda folder: (folder / "listing.json").unlink(),
        lambda folder: (folder / "listing.json").write_text(
            (folder / "listing.json").read_text().replace('"644"', '"755"')
        ),
        lambda folder: (folder / "listing.json").write_text(
            (folder / "listing.json").read_text().replace("/target", "/other")
        ),
        lambda folder: next(path for path in folder.iterdir() if len(path.name) == 64).write_bytes(b"changed"),
        lambda folder: next(path for path in folder.iterdir() if len(path.name) == 64).unlink(),
    ],
    ids=["broken listing", "no listing", "other mode", "other link", "other content", "no content"],
)
def test_damaged_cache_is_replaced(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    """Whatever changed on disk is noticed, and the commit is fetched anew."""
    body = make_tarball(
        make_member("top/a", body=b"content"), make_member("top/l", kind=tarfile.SYMTYPE, link="/target")
    )
    door = Door(bodies=[body])
    fetcher = make_fetcher(door.open, tmp_path)
    first = fetcher.fetch_source(REPOSITORY, make_ref(COMMIT))
    damage(tmp_path / "7" / COMMIT)
    second = fetcher.fetch_source(REPOSITORY, make_ref(COMMIT))
    with second.open("a") as stream:
        content = stream.read()

    assert (second.tree, content, len(door.calls)) == (first.tree, b"content", 2)


def test_two_that_fetch_at_once_agree(tmp_path: Path) -> None:
    """A commit that another process stored meanwhile is taken as it is."""
    body = make_tarball(make_member("top/a", body=b"content"))

    def race(repository: Repository, sha: str) -> AbstractContextManager[BinaryIO]:
        fetch(body, tmp_path)
        return closing(io.BytesIO(body))

    source = make_fetcher(race, tmp_path).fetch_source(REPOSITORY, make_ref(COMMIT))

    assert (source.tree.paths, [path.name for path in (tmp_path / "7").iterdir()]) == (frozenset({"a"}), [COMMIT])


@pytest.mark.parametrize(("error", "expected"), [(errno.ENOSPC, DiskFull), (errno.EIO, OSError)])
def test_full_disk_is_told(tmp_path: Path, error: int, expected: type[Exception]) -> None:
    """A full disk is an error of its own kind and leaves nothing."""

    @contextmanager
    def fail(repository: Repository, sha: str) -> Iterator[BinaryIO]:
        yield io.BytesIO(make_tarball(make_member("top/a")))
        raise OSError(error, "broken")

    with pytest.raises(expected):
        make_fetcher(fail, tmp_path).fetch_source(REPOSITORY, make_ref(COMMIT))

    assert list_files(tmp_path) == []
