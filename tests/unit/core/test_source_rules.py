"""Guards of source trees and the remarks on their content."""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime

import pytest

from hublish.core.finding import Finding, Severity
from hublish.core.source import FileMode, SourceFile, SourceTree
from hublish.core.source_rules import (
    SourceLimits,
    SourceTally,
    check_content,
    find_file,
    is_lfs_pointer,
    make_tree,
    verify_content,
    verify_link,
    verify_path,
)
from hublish.errors import SourceInvalid

LIMITS = SourceLimits(total_bytes=100, file_bytes=60, files=3, path_bytes=300)
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 12345\n"


def make_file(path: str, *, body: bytes = b"") -> SourceFile:
    return SourceFile(
        path=path, mode=FileMode.REGULAR, size_bytes=len(body), sha256=hashlib.sha256(body).hexdigest(), link=None
    )


@pytest.mark.parametrize("path", ["a", "a/b.txt", "a b", "ü/é", ".hidden/..almost", "back\\slash", "a\nb"])
def test_ordinary_path_is_accepted(path: str) -> None:
    """What git itself allows inside a tree passes."""
    assert verify_path(path, limits=LIMITS) is None


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "expected a path inside the repository, found an empty one"),
        ("/etc/passwd", "expected a path inside the repository, found /etc/passwd"),
        ("../x", "expected a path inside the repository, found ../x"),
        ("a/../../x", "expected a path inside the repository, found a/../../x"),
        ("a/./x", "expected a path inside the repository, found a/./x"),
        ("a//x", "expected a path inside the repository, found a//x"),
        ("a/", "expected a path inside the repository, found a/"),
        ("a\0b", "a path holds a NUL character: a b"),
        ("caf\udce9", "a path is not UTF-8: caf?"),
        ("x" * 256, "a path is longer than 300 bytes, or a part of it than 255: " + "x" * 256),
        ("/".join(["x" * 100] * 3), "a path is longer than 300 bytes, or a part of it than 255: "),
    ],
)
def test_path_that_escapes_or_breaks_is_refused(path: str, message: str) -> None:
    """Each way out of the tree, and each path that other tools choke on, is refused by name."""
    with pytest.raises(SourceInvalid) as caught:
        verify_path(path, limits=LIMITS)

    assert caught.value.message.startswith(message)


@pytest.mark.parametrize("target", ["a", "../../etc/passwd", "/proc/self"])
def test_link_may_point_anywhere(target: str) -> None:
    """A symlink is text; where it leads is the container's affair."""
    assert verify_link("l", target) is None


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("", "the symlink l has an empty, overlong or broken target"),
        ("a\0b", "the symlink l has an empty, overlong or broken target"),
        ("x" * 4096, "the symlink l has an empty, overlong or broken target"),
        ("\udcff", "the target of the symlink l is not UTF-8"),
    ],
)
def test_broken_link_is_refused(target: str, message: str) -> None:
    """A target no file system takes is refused."""
    with pytest.raises(SourceInvalid) as caught:
        verify_link("l", target)

    assert caught.value.message == message


def test_tally_refuses_the_entry_too_many() -> None:
    """The fourth entry of a tree that may have three is refused."""
    tally = SourceTally(LIMITS)
    for name in "abc":
        tally.add(name, 1)
    with pytest.raises(SourceInvalid) as caught:
        tally.add("d", 1)

    assert caught.value.message == "the repository has more than 3 files and folders"


def test_tally_refuses_a_large_file() -> None:
    """One file above the cap is refused with both numbers."""
    with pytest.raises(SourceInvalid) as caught:
        SourceTally(LIMITS).add("big", 61)

    assert caught.value.message == "big has 61 bytes, more than the 60 allowed"


def test_tally_refuses_a_large_tree() -> None:
    """Files that fit one by one but not together are refused."""
    tally = SourceTally(LIMITS)
    tally.add("a", 60)
    with pytest.raises(SourceInvalid) as caught:
        tally.add("b", 41)

    assert caught.value.message == "the repository has more than 100 bytes"


def test_tree_is_sorted_by_path() -> None:
    """The order in which entries come does not matter."""
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    expected = SourceTree(
        name="ts", commit="c" * 40, committed_at=moment, files=(make_file("a/b"), make_file("a0"), make_file("b"))
    )

    tree = make_tree(
        name="ts",
        commit="c" * 40,
        committed_at=moment,
        files=[make_file("b"), make_file("a0"), make_file("a/b")],
    )

    assert tree == expected


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["b", "a", "a"], "two entries have the path a"),
        (["a", "a/b"], "the path a/b leads through a file or a symlink"),
        (["x/y", "x/y/z/w"], "the path x/y/z/w leads through a file or a symlink"),
    ],
)
def test_tree_with_two_meanings_is_refused(paths: list[str], message: str) -> None:
    """One path twice, or a path below a file or symlink, could be unpacked in two ways."""
    with pytest.raises(SourceInvalid) as caught:
        make_tree(name="ts", commit=None, committed_at=None, files=[make_file(path) for path in paths])

    assert caught.value.message == message


def test_file_is_found_by_path() -> None:
    """Each file of a tree is found, whatever its neighbours are called."""
    files = [make_file(path) for path in ("a", "a.b", "b/c")]
    tree = make_tree(name="ts", commit=None, committed_at=None, files=files)

    assert [find_file(tree, file.path) for file in files] == files


@pytest.mark.parametrize("path", ["", "a", "link", "z"])
def test_only_files_are_found(path: str) -> None:
    """A path that is not listed, or is a symlink, is no file."""
    link = SourceFile(path="link", mode=FileMode.SYMLINK, size_bytes=0, sha256="0" * 64, link="b")
    tree = make_tree(name="ts", commit=None, committed_at=None, files=[make_file("b"), link])
    with pytest.raises(SourceInvalid) as caught:
        find_file(tree, path)

    assert caught.value.message == f"{path} is no file of the source tree"


def test_content_as_listed_is_rewound() -> None:
    """A stream that holds what the tree says stands at its start again."""
    stream = io.BytesIO(b"hello")
    verify_content(stream, make_file("a", body=b"hello"))

    assert stream.read() == b"hello"


def test_content_that_changed_is_refused() -> None:
    """A stream that holds something else is refused."""
    with pytest.raises(SourceInvalid) as caught:
        verify_content(io.BytesIO(b"other"), make_file("a", body=b"hello"))

    assert caught.value.message == "a changed since it was listed"


@pytest.mark.parametrize(
    ("expected", "content"),
    [
        (True, POINTER),
        (True, POINTER.replace(b"oid", b"ext-0-foo sha256:bb\noid", 1)),
        (False, POINTER + b" " * 1024),
        (False, b"import numpy\n"),
        (False, b"version https://example.com/spec/v1\nsize 1\n"),
        (False, b""),
    ],
)
def test_lfs_pointer_is_known_by_its_content(expected: bool, content: bytes) -> None:
    """Only a small file in the pointer's form is one."""
    assert is_lfs_pointer(content) is expected


def test_nothing_remarkable_gives_no_finding() -> None:
    """A tree without oddities is not commented on."""
    assert check_content() == ()


def test_content_that_the_image_lacks_is_named() -> None:
    """Pointers, submodules, left-out files and rewritten files are each said once, with names."""
    expected = (
        Finding(
            severity=Severity.WARNING,
            code="GitLFSPointer",
            message="in Git LFS, so the image holds a pointer instead of the content: a.bin, b.bin",
            path="a.bin",
            hint="Commit the content itself, or fetch it when the notebook starts.",
        ),
        Finding(
            severity=Severity.WARNING,
            code="Submodule",
            message="a submodule, so the image does not hold its files: vendor",
            path="vendor",
            hint="Copy the files into the repository, or add them as a locked package.",
        ),
        Finding(
            severity=Severity.NOTE,
            code="ExportIgnored",
            message="marked export-ignore, so the image does not hold it: 0, 1, 2, 3, 4 and 2 more",
            path="0",
            hint="Remove the attribute from .gitattributes to keep it.",
        ),
        Finding(
            severity=Severity.WARNING,
            code="ExportSubst",
            message="git rewrites the files that fit *.py in a tarball (export-subst)",
            path="sub/.gitattributes",
            line=3,
            hint="Their content may differ between a checkout and the image; remove the attribute.",
        ),
    )

    findings = check_content(
        lfs_pointers=["b.bin", "a.bin"],
        submodules=["vendor"],
        export_ignored=[str(number) for number in range(7)],
        attributes={"sub/.gitattributes": b"# x export-subst\n\n*.py export-subst\n*.md -export-subst\n"},
    )

    assert findings == expected
