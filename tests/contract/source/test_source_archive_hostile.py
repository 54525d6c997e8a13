"""Tarballs made to do harm: each trick is refused, and nothing of it stays."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hublish.core.source_rules import SourceLimits
from hublish.errors import GitHubFailed, HublishError, SourceInvalid
from tests.contract.source.parts import (
    COMMIT,
    fetch,
    list_files,
    make_member,
    make_tarball,
)


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


def test_attributes_that_would_fill_the_memory_are_refused(tmp_path: Path) -> None:
    """Files that are read whole are counted over the whole tree, as thousands of them pack to nothing."""
    members = [make_member(f"top/{number}/.gitattributes", body=b"#" * (1 << 18)) for number in range(17)]

    with pytest.raises(SourceInvalid) as caught:
        fetch(make_tarball(*members), tmp_path)

    assert caught.value.message == "the files .gitattributes hold more than 4194304 bytes together"


def test_path_through_a_symlink_is_refused(tmp_path: Path) -> None:
    """A symlink followed by a file below it, the classic way out, is refused."""
    body = make_tarball(
        make_member("top/d", kind=tarfile.SYMTYPE, link="/etc"), make_member("top/d/passwd", body=b"root::0")
    )
    with pytest.raises(SourceInvalid) as caught:
        fetch(body, tmp_path)

    assert caught.value.message == "the path d/passwd leads through a file or a symlink"


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
    # Ten gzip members after the first: a million headers need not be packed one by one.
    body = gzip.compress(pax) + gzip.compress(header * 100_000, compresslevel=1) * 10
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


def test_header_that_is_no_header_is_not_the_end(tmp_path: Path) -> None:
    """Garbage between entries is an error; reading it as the end would lose files in silence."""
    plain = gzip.decompress(make_tarball(make_member("top/a"), make_member("top/b")))
    at = plain.index(b"top/b")
    body = gzip.compress(plain[:at] + b"\xff" * 512 + plain[at + 512 :])
    with pytest.raises(GitHubFailed) as caught:
        fetch(body, tmp_path)

    assert caught.value.message == "the tarball broke off or is damaged: bad checksum"


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
