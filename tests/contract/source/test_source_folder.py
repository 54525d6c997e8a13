"""A folder as a source tree: real git, real symlinks."""

from __future__ import annotations

import hashlib
import io
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from hublish.adapters.source_archive import ArchiveSourceFetcher
from hublish.core.finding import Finding, Severity
from hublish.core.ports import Source
from hublish.core.repository import RefKind, Repository, ResolvedRef
from hublish.core.source import FileMode, SourceFile, SourceTree
from tests.contract.source.folder_parts import load
from tests.sandbox.checkout import COMMIT_SECONDS, Checkout

FILES = {
    "Pipfile": "[packages]\n",
    "run.sh*": "#!/bin/sh\n",
    "notebooks/ä b.ipynb": "{}",
    "link": "-> ./notebooks//ä b.ipynb",
    "outside": "-> /etc/passwd",
}


def make_file(path: str, body: str, mode: FileMode = FileMode.REGULAR) -> SourceFile:
    digest = hashlib.sha256(body.encode()).hexdigest()
    if mode is FileMode.SYMLINK:
        return SourceFile(path=path, mode=mode, size_bytes=0, sha256=digest, link=body)
    return SourceFile(path=path, mode=mode, size_bytes=len(body.encode()), sha256=digest)


def fetch(checkout: Checkout, commit: str, cache: Path) -> SourceTree:
    fetcher = ArchiveSourceFetcher(
        fetch_tarball=lambda repository, sha: closing(io.BytesIO(checkout.make_tarball(sha))), cache=cache
    )
    repository = Repository(id=1, owner="org", name="ts", installation_id=1, default_branch="main")
    return fetcher.fetch_source(repository, ResolvedRef(name="main", kind=RefKind.BRANCH, sha=commit)).tree


def test_folder_is_a_source(checkout: Checkout) -> None:
    """The folder fits the port (mypy checks the shapes)."""
    source: Source = load(checkout.folder)

    assert source.tree.files == ()


def test_clean_checkout_is_its_commit(checkout: Checkout) -> None:
    """Paths, modes, link texts, commit and time are those of the commit."""
    commit = checkout.commit(FILES)
    expected = SourceTree(
        name="ts",
        commit=commit,
        committed_at=datetime.fromtimestamp(COMMIT_SECONDS, UTC),
        files=(
            make_file("Pipfile", "[packages]\n"),
            make_file("link", "./notebooks//ä b.ipynb", FileMode.SYMLINK),
            make_file("notebooks/ä b.ipynb", "{}"),
            make_file("outside", "/etc/passwd", FileMode.SYMLINK),
            make_file("run.sh", "#!/bin/sh\n", FileMode.EXECUTABLE),
        ),
    )

    assert load(checkout.folder).tree == expected


def test_clean_checkout_equals_its_tarball(checkout: Checkout, tmp_path: Path) -> None:
    """A build from a checkout and a build from GitHub see one digest, export-ignore, line ends and .gitignore included."""
    attributes = "docs export-ignore\n*.tmp export-ignore\n*.bat text eol=crlf\n"
    extra = {
        ".gitattributes": attributes,
        "docs/a/b.md": "x",
        "docs/c.md": "x",
        "z.tmp": "x",
        "w.bat": "a\n",
        ".gitignore": "*.log\n",
    }
    checkout.commit({**FILES, **extra})
    checkout.git("checkout-index", "--all", "--force")
    (checkout.folder / "w.bat").unlink()
    checkout.git("checkout", "--", "w.bat")
    checkout.write({"ignored.log": "x"})
    commit = checkout.git("rev-parse", "HEAD").decode().strip()
    tree = load(checkout.folder).tree

    assert tree.digest == fetch(checkout, commit, tmp_path / "cache").digest
    assert (tree.commit, tree.findings) == (
        commit,
        (
            Finding(
                severity=Severity.NOTE,
                code="ExportIgnored",
                message="marked export-ignore, so the image does not hold it: docs/a/b.md, docs/c.md, z.tmp",
                path="docs/a/b.md",
                hint="Remove the attribute from .gitattributes to keep it.",
            ),
        ),
    )


def test_changed_file_is_taken_as_it_is(checkout: Checkout) -> None:
    """With a change that is not committed the content on disk counts, and there is no commit."""
    checkout.commit({"a": "old", "gone": "x"})
    checkout.write({"a*": "new"})
    (checkout.folder / "gone").unlink()
    expected = SourceTree(
        name="ts", commit=None, committed_at=None, files=(make_file("a", "new", FileMode.EXECUTABLE),)
    )

    assert load(checkout.folder).tree == expected


def test_new_file_is_included(checkout: Checkout) -> None:
    """A file that is untracked but not ignored counts; an ignored one does not."""
    checkout.commit({".gitignore": "*.log\n"})
    checkout.write({"new.py": "x", "new.log": "x"})
    tree = load(checkout.folder).tree

    assert (tree.commit, sorted(tree.paths)) == (None, [".gitignore", "new.py"])


def test_checkout_without_commit_has_none(checkout: Checkout) -> None:
    """Before the first commit the files are there, the commit is not."""
    checkout.write({"a": "x"})
    checkout.git("add", "a")
    tree = load(checkout.folder).tree

    assert (tree.commit, sorted(tree.paths)) == (None, ["a"])


def test_part_of_a_checkout_has_no_commit(checkout: Checkout) -> None:
    """A folder inside a checkout is listed by git, relative to itself."""
    checkout.commit({"a": "x", "sub/b": "x", ".gitignore": "*.log\n"})
    checkout.write({"sub/c.log": "x"})
    tree = load(checkout.folder / "sub").tree

    assert (tree.name, tree.commit, sorted(tree.paths)) == ("sub", None, ["b"])


def test_folder_that_its_checkout_ignores_is_walked(checkout: Checkout) -> None:
    """A folder that the checkout around it ignores stands for itself."""
    checkout.commit({".gitignore": "build\n"})
    checkout.write({"build/b": "x", "build/__pycache__/c": "x"})

    assert sorted(load(checkout.folder / "build").tree.paths) == ["b"]


def test_plain_folder_is_walked_without_caches(tmp_path: Path) -> None:
    """Without git everything counts but version control and well-known caches."""
    for name in ("b/c.py", "a.py", "__pycache__/x.pyc", ".ipynb_checkpoints/a", "node_modules/m/i.js", "b/.venv/x"):
        path = tmp_path / "plain" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    (tmp_path / "plain" / "dir-link").symlink_to("b")
    tree = load(tmp_path / "plain").tree

    assert (tree.name, tree.commit, [file.path for file in tree.files]) == (
        "plain",
        None,
        ["a.py", "b/c.py", "dir-link"],
    )


def test_submodule_pointer_and_rewriting_are_told(checkout: Checkout, tmp_path: Path) -> None:
    """What the image will lack is said: LFS content, a submodule's files, rewritten keywords."""
    inner = Checkout.make(tmp_path / "inner")
    inner.commit({"x": "x"})
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 5\n"
    checkout.git("submodule", "--quiet", "add", str(inner.folder), "vendor/inner")
    checkout.commit({"model.bin": pointer, "s/.gitattributes": "*.py export-subst\n"})
    tree = load(checkout.folder).tree

    assert [(item.code, item.path, item.line) for item in tree.findings] == [
        ("GitLFSPointer", "model.bin", None),
        ("Submodule", "vendor/inner", None),
        ("ExportSubst", "s/.gitattributes", 1),
    ]
    assert sorted(tree.paths) == [".gitmodules", "model.bin", "s/.gitattributes"]


def test_nested_checkout_is_left_out(checkout: Checkout) -> None:
    """Another repository inside the folder is not part of this one."""
    checkout.commit({"a": "x"})
    Checkout.make(checkout.folder / "other").commit({"b": "x"})

    assert sorted(load(checkout.folder).tree.paths) == ["a"]
