"""What is refused in a folder: programs, changes while building, ways out, sockets, too much."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from hublish.core.source_rules import SourceLimits
from hublish.errors import SourceInvalid, SourceMissing
from tests.contract.source.folder_parts import load
from tests.sandbox.checkout import Checkout


def test_repository_cannot_run_programs(checkout: Checkout, tmp_path: Path) -> None:
    """A folder from elsewhere whose git configuration names a program does not get it run."""
    checkout.commit({"a": "x"})
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    checkout.git("config", "core.fsmonitor", str(program))
    (checkout.folder / ".git" / "hooks" / "post-index-change").write_text(program.read_text())
    (checkout.folder / ".git" / "hooks" / "post-index-change").chmod(0o755)
    load(checkout.folder)

    assert not (tmp_path / "ran").exists()


def test_file_is_opened_as_listed(checkout: Checkout) -> None:
    """The bytes are those that were hashed."""
    checkout.commit({"d/a": "content"})
    with load(checkout.folder).open("d/a") as stream:
        content = stream.read()

    assert content == b"content"


def test_file_that_changed_since_is_refused(checkout: Checkout) -> None:
    """A build never mixes two states of a folder."""
    checkout.commit({"a": "content"})
    source = load(checkout.folder)
    checkout.write({"a": "changed"})
    with pytest.raises(SourceInvalid) as caught:
        source.open("a")

    assert caught.value.message == "a changed since it was listed"


@pytest.mark.parametrize("path", ["../secret", "link", "unknown"])
def test_only_files_of_the_tree_are_opened(checkout: Checkout, path: str) -> None:
    """Neither a path outside nor a symlink is opened."""
    checkout.commit({"link": "-> ../secret"})
    (checkout.folder.parent / "secret").write_text("secret")
    with pytest.raises(SourceInvalid) as caught:
        load(checkout.folder).open(path)

    assert caught.value.message == f"{path} is no file of the source tree"


def test_folder_swapped_for_a_symlink_is_a_symlink(checkout: Checkout) -> None:
    """A tracked folder that became a symlink is one; what it held before is gone, and nobody looks behind it."""
    checkout.commit({"d/passwd": "mine"})
    (checkout.folder / "d" / "passwd").unlink()
    (checkout.folder / "d").rmdir()
    (checkout.folder / "d").symlink_to("/etc")

    assert [(file.path, file.link) for file in load(checkout.folder).tree.files] == [("d", "/etc")]


def test_hidden_symlink_is_not_followed(checkout: Checkout) -> None:
    """A symlink that git ignores, in the place of a tracked folder, does not lead the reader outside."""
    checkout.commit({"d/passwd": "mine", ".gitignore": "d\n"})
    (checkout.folder / "d" / "passwd").unlink()
    (checkout.folder / "d").rmdir()
    (checkout.folder / "d").symlink_to("/etc")
    with pytest.raises(SourceInvalid) as caught:
        load(checkout.folder)

    assert caught.value.message.startswith("d/passwd cannot be read: ")


def test_socket_is_refused(tmp_path: Path) -> None:
    """A socket, as any device, is no source."""
    folder = tmp_path / "plain"
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "s"))
        with pytest.raises(SourceInvalid) as caught:
            load(folder)

    assert caught.value.message == "s is a device, a socket or a pipe; only files and symlinks are allowed"


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (SourceLimits(files=1), "the repository has more than 1 files and folders"),
        (SourceLimits(file_bytes=2), "a has 3 bytes, more than the 2 allowed"),
        (SourceLimits(total_bytes=5), "the repository has more than 5 bytes"),
    ],
)
def test_folder_above_a_limit_is_refused(checkout: Checkout, limits: SourceLimits, message: str) -> None:
    """Number of files, size of one and size of all are capped."""
    checkout.commit({"a": "123", "b": "456"})
    with pytest.raises(SourceInvalid) as caught:
        load(checkout.folder, limits=limits)

    assert caught.value.message == message


def test_missing_folder_is_told(tmp_path: Path) -> None:
    """A path that is no folder is named."""
    with pytest.raises(SourceMissing) as caught:
        load(tmp_path / "none")

    assert caught.value.message == f"expected a folder, found none at {tmp_path}/none"


def test_broken_checkout_is_told(tmp_path: Path) -> None:
    """A folder with a broken .git is not taken for a plain one."""
    (tmp_path / "ts" / ".git").mkdir(parents=True)
    with pytest.raises(SourceInvalid) as caught:
        load(tmp_path / "ts")

    assert caught.value.message.startswith(f"git rev-parse failed in {tmp_path}/ts: fatal: not a git repository")


def test_missing_git_is_told(checkout: Checkout) -> None:
    """A checkout on a machine without git says what to install."""
    with pytest.raises(SourceInvalid) as caught:
        load(checkout.folder, environ={"PATH": "/nonexistent"})

    assert (caught.value.message, caught.value.hint) == (
        f"git could not list {checkout.folder}: FileNotFoundError",
        "The folder is a git checkout; install git, or remove its .git folder.",
    )
