"""Trees of commits from tarballs: honest ones made by git, and ones made to do harm."""

from __future__ import annotations

import errno
import gzip
import io
import tarfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hublish.adapters.source_archive import ArchiveSourceFetcher, StoredSource
from hublish.core.ports import Source, SourceFetcher
from hublish.core.repository import RefKind, Repository, ResolvedRef
from hublish.core.source_rules import SourceLimits
from hublish.errors import DiskFull, GitHubFailed, HublishError, SourceInvalid
from tests.sandbox.checkout import Checkout

COMMIT = "0123456789" * 4
REPOSITORY = Repository(id=7, owner="org", name="ts", installation_id=1, default_branch="main")


@dataclass(slots=True, kw_only=True)
class Door:
    """The GitHub side: gives these bodies one after the other, the last one again and again."""

    bodies: list[bytes]
    calls: list[tuple[str, str]] = field(default_factory=list)

    def open(self, repository: Repository, sha: str) -> AbstractContextManager[BinaryIO]:
        self.calls.append((repository.full_name, sha))
        return closing(io.BytesIO(self.bodies.pop(0) if len(self.bodies) > 1 else self.bodies[0]))


def make_fetcher(
    door: Callable[..., AbstractContextManager[BinaryIO]], cache: Path, **changes: object
) -> ArchiveSourceFetcher:
    arguments: dict[str, object] = {"fetch_tarball": door, "cache": cache, "sleep": lambda seconds: None, **changes}
    return ArchiveSourceFetcher(**arguments)  # type: ignore[arg-type]


def fetch(body: bytes, cache: Path, *, commit: str = COMMIT, **changes: object) -> StoredSource:
    return make_fetcher(Door(bodies=[body]).open, cache, **changes).fetch_source(REPOSITORY, make_ref(commit))


def make_ref(commit: str) -> ResolvedRef:
    return ResolvedRef(name="v1", kind=RefKind.TAG, sha=commit)


def make_member(
    name: str, *, kind: bytes = tarfile.REGTYPE, body: bytes = b"", link: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size, member.mtime = kind, link, len(body), 1767323045
    return member, body


def make_tarball(*members: tuple[tarfile.TarInfo, bytes], commit: str | None = COMMIT) -> bytes:
    body = io.BytesIO()
    headers = {} if commit is None else {"comment": commit}
    with tarfile.open(fileobj=body, mode="w:gz", format=tarfile.PAX_FORMAT, pax_headers=headers) as archive:
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    return body.getvalue()


def list_files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


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


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (make_member("top/../../etc/cron.d/x"), "expected a path inside the repository, found ../../etc/cron.d/x"),
        (make_member("top//etc/passwd"), "expected a path inside the repository, found /etc/passwd"),
        (make_member("/etc/passwd"), "expected one folder at the top of the tarball, found also /etc/passwd"),
        (make_member("other/a"), "expected one folder at the top of the tarball, found also other/a"),
        (make_member("file"), "expected one folder at the top of the tarball, found also file"),
        (make_member("top/a/./b"), "expected a path inside the repository, found a/./b"),
        (make_member("top/" + "x" * 300), "a path is longer than 1024 bytes, or a part of it than 255: " + "x" * 255),
        (
            make_member("top/hard", kind=tarfile.LNKTYPE, link="top/a"),
            "hard is a hard link; a repository holds files, folders and symlinks only",
        ),
        (
            make_member("top/dev", kind=tarfile.CHRTYPE),
            "dev is a character device; a repository holds files, folders and symlinks only",
        ),
        (
            make_member("top/dev", kind=tarfile.BLKTYPE),
            "dev is a block device; a repository holds files, folders and symlinks only",
        ),
        (
            make_member("top/pipe", kind=tarfile.FIFOTYPE),
            "pipe is a named pipe; a repository holds files, folders and symlinks only",
        ),
        (
            make_member("top/odd", kind=tarfile.CONTTYPE),
            "odd is of an unknown kind; a repository holds files, folders and symlinks only",
        ),
        (
            make_member("top/link", kind=tarfile.SYMTYPE, link=""),
            "the symlink link has an empty, overlong or broken target",
        ),
        (make_member("top/a"), "two entries have the path a"),
        (make_member("top/a/b"), "the path a/b leads through a file or a symlink"),
    ],
)
def test_hostile_member_is_refused(tmp_path: Path, member: tuple[tarfile.TarInfo, bytes], message: str) -> None:
    """Each trick is refused by name, and nothing of the tarball stays on disk."""
    with pytest.raises(SourceInvalid) as caught:
        fetch(make_tarball(make_member("top/a"), member), tmp_path)

    assert (caught.value.message.startswith(message), list_files(tmp_path)) == (True, [])


def test_path_through_a_symlink_is_refused(tmp_path: Path) -> None:
    """A symlink followed by a file below it, the classic way out, is refused."""
    body = make_tarball(
        make_member("top/d", kind=tarfile.SYMTYPE, link="/etc"), make_member("top/d/passwd", body=b"root::0")
    )
    with pytest.raises(SourceInvalid) as caught:
        fetch(body, tmp_path)

    assert caught.value.message == "the path d/passwd leads through a file or a symlink"


def test_case_clash_is_allowed(tmp_path: Path) -> None:
    """Names that differ in case only are different files, whatever this machine's disk thinks."""
    body = make_tarball(make_member("top/a", body=b"1"), make_member("top/A", body=b"2"))

    assert fetch(body, tmp_path).tree.paths == frozenset({"a", "A"})


@pytest.mark.parametrize(
    ("commit", "found"), [("f" * 40, "f" * 40), (None, "None")], ids=["another commit", "no commit"]
)
def test_tarball_of_another_commit_is_refused(tmp_path: Path, commit: str | None, found: str) -> None:
    """The commit that git writes into the tarball must be the one that was asked for."""
    with pytest.raises(SourceInvalid) as caught:
        fetch(make_tarball(make_member("top/a"), commit=commit), tmp_path)

    assert caught.value.message == f"expected the tarball of commit {COMMIT}, found {found}"


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (SourceLimits(files=3), "the repository has more than 3 files and folders"),
        (SourceLimits(file_bytes=9), "a0 has 10 bytes, more than the 9 allowed"),
        (SourceLimits(total_bytes=35), "the repository has more than 35 bytes"),
        (SourceLimits(total_bytes=40, files=4), "the tarball unpacks to more than 8232 bytes"),
    ],
)
def test_tarball_above_a_limit_is_refused(tmp_path: Path, limits: SourceLimits, message: str) -> None:
    """Entries, bytes of one file, bytes of all and bytes in all are capped."""
    members = [make_member(f"top/a{number}", body=b"0123456789") for number in range(4)]
    with pytest.raises(SourceInvalid) as caught:
        fetch(make_tarball(*members), tmp_path, limits=limits)

    assert (caught.value.message, list_files(tmp_path)) == (message, [])


def test_million_entries_are_refused_early(tmp_path: Path) -> None:
    """A tarball of very many entries is left at the first one too many."""
    header = make_member("top/d", kind=tarfile.DIRTYPE)[0].tobuf(tarfile.USTAR_FORMAT)
    pax = tarfile.TarInfo.create_pax_global_header({"comment": COMMIT})
    body = gzip.compress(pax + header * 120_000, compresslevel=1)
    with pytest.raises(SourceInvalid) as caught:
        fetch(body, tmp_path, limits=SourceLimits(ratio=5000))

    assert caught.value.message == "the repository has more than 100000 files and folders"


def test_bomb_is_refused_by_its_ratio(tmp_path: Path) -> None:
    """A tarball that unpacks to hundreds of times its size is left long before its end."""
    body = make_tarball(make_member("top/zeros", body=bytes(100 * 2**20)))
    with pytest.raises(SourceInvalid) as caught:
        fetch(body, tmp_path)

    assert caught.value.message == "the tarball unpacks to more than 200 times its size"


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_huge_header_is_refused(tmp_path: Path, kind: bytes) -> None:
    """A header that claims more than a mebibyte is not read into memory."""
    member = tarfile.TarInfo("top/x")
    member.type, member.size = kind, 2**30
    pax = tarfile.TarInfo.create_pax_global_header({"comment": COMMIT})
    with pytest.raises(SourceInvalid) as caught:
        fetch(gzip.compress(pax + member.tobuf(tarfile.GNU_FORMAT)), tmp_path)

    assert caught.value.message == "a header of the tarball claims 1073741824 bytes"


def test_chain_of_headers_is_refused(tmp_path: Path) -> None:
    """Thousands of headers for headers end in an answer, not in a crash."""
    header = tarfile.TarInfo("top/x")
    header.type, header.size = tarfile.XHDTYPE, 0
    pax = tarfile.TarInfo.create_pax_global_header({"comment": COMMIT})
    with pytest.raises(SourceInvalid) as caught:
        fetch(gzip.compress(pax + header.tobuf(tarfile.GNU_FORMAT) * 5000), tmp_path)

    assert caught.value.message == "the tarball has a broken header (RecursionError)"


@pytest.mark.parametrize("headers", [{"mtime": "1e99"}, {"mtime": "nan"}, {"size": "-5"}])
def test_odd_numbers_are_refused(tmp_path: Path, headers: dict[str, str]) -> None:
    """A time or size that is no usable number is an error of its own kind, not a crash."""
    member, body = make_member("top/a", body=b"1")
    member.pax_headers = headers
    with pytest.raises((SourceInvalid, GitHubFailed)):
        fetch(make_tarball((member, body)), tmp_path)

    assert list_files(tmp_path) == []


def test_empty_tarball_is_refused(tmp_path: Path) -> None:
    """A tarball without any entry is no commit."""
    with pytest.raises(SourceInvalid) as caught:
        fetch(make_tarball(commit=None), tmp_path)

    assert caught.value.message == "the tarball is empty"


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


def test_header_that_is_no_header_is_not_the_end(tmp_path: Path) -> None:
    """Garbage between entries is an error; reading it as the end would lose files in silence."""
    plain = gzip.decompress(make_tarball(make_member("top/a"), make_member("top/b")))
    at = plain.index(b"top/b")
    body = gzip.compress(plain[:at] + b"\xff" * 512 + plain[at + 512 :])
    with pytest.raises(GitHubFailed) as caught:
        fetch(body, tmp_path)

    assert caught.value.message == "the tarball broke off or is damaged: bad checksum"


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


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 3000), st.binary(min_size=1, max_size=8))
def test_damaged_tarball_never_crashes(tmp_path: Path, position: int, patch: bytes) -> None:
    """Any bytes changed anywhere give a tree or an error of hublish, never another one."""
    plain = bytearray(gzip.decompress(make_tarball(make_member("top/a", body=b"x" * 600), make_member("top/b"))))
    plain[position : position + len(patch)] = patch
    try:
        tree = fetch(gzip.compress(bytes(plain)), tmp_path / str(abs(hash(bytes(plain))))).tree
    except HublishError:
        return

    assert tree.commit == COMMIT
