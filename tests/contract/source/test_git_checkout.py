"""Commits of other repositories by real git: over ssh that ends on this machine, and refused over anything else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hublish.bootstrap.usercommits import UserCommits
from hublish.errors import SourceInvalid, SourceMissing
from tests.e2e.command_line import commit_all

URL = "ssh://git@git.example.invalid/lib"
FILES = {"setup.py": "", "lib.py": "x = 1\n"}


@pytest.fixture
def commit(tmp_path: Path) -> str:
    """The commit of a repository that is served."""
    folder = tmp_path / "server" / "lib"
    folder.mkdir(parents=True)
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return commit_all(folder, "first")


@pytest.fixture
def commits(tmp_path: Path) -> UserCommits:
    """A user whose ssh runs what the server would, without a server."""
    ssh = tmp_path / "ssh"
    # git's last word is the command: git-upload-pack '/lib'
    ssh.write_text('#!/bin/sh\nfor last; do :; done\ncd "${0%/*}/server" && eval "exec $(echo "$last" | tr -d /)"\n')
    ssh.chmod(0o755)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_SSH_COMMAND": str(ssh)}
    return UserCommits(folder=tmp_path / "commits", environ=environ)


def test_commit_is_a_source_and_is_kept(commits: UserCommits, commit: str, tmp_path: Path) -> None:
    """The tree of that commit; a second look asks nobody."""
    first = commits.fetch_commit(URL, commit)
    (tmp_path / "ssh").unlink()
    second = commits.fetch_commit(URL, commit)

    assert sorted(first.tree.paths) == sorted(FILES)
    assert first.tree.commit == commit
    assert second.tree == first.tree


def test_ssh_has_nobody_to_ask(commits: UserCommits, commit: str, tmp_path: Path) -> None:
    """Without a command of the user's own it fails at once, where it would ask; it has no terminal either."""
    (tmp_path / "bin").mkdir()
    ssh = tmp_path / "bin" / "ssh"
    ssh.write_text(f'#!/bin/sh\necho "$1 $2" > {tmp_path}/options\nps -o sid= -p $$ > {tmp_path}/session\nexit 255\n')
    ssh.chmod(0o755)
    environ = {"PATH": f"{ssh.parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    with pytest.raises(SourceMissing):
        UserCommits(folder=commits.folder, environ=environ).fetch_commit(URL, commit)

    assert (tmp_path / "options").read_text() == "-o BatchMode=yes\n"
    assert int((tmp_path / "session").read_text()) != os.getsid(0)


def test_ssh_that_the_user_told_git_is_kept(commits: UserCommits, commit: str, tmp_path: Path) -> None:
    """As `git fetch` would use it."""
    (tmp_path / ".gitconfig").write_text(f"[core]\n\tsshCommand = {tmp_path}/ssh\n")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    fetched = UserCommits(folder=commits.folder, environ=environ).fetch_commit(URL, commit)

    assert fetched.tree.commit == commit


def test_commit_that_is_not_there_is_said_in_gits_words(commits: UserCommits, commit: str) -> None:
    """Nothing of the try is left."""
    with pytest.raises(SourceMissing, match=f"git cannot fetch the commit {'b' * 40} of {URL}: "):
        commits.fetch_commit(URL, "b" * 40)
    assert list(commits.folder.iterdir()) == []


@pytest.mark.parametrize("scheme", ["file://", ""])
def test_repository_of_this_machine_is_not_read(commits: UserCommits, commit: str, scheme: str, tmp_path: Path) -> None:
    """A lock cannot name a folder beside the repository, whatever its grammar let through."""
    with pytest.raises(SourceMissing, match="transport 'file' not allowed"):
        commits.fetch_commit(f"{scheme}{tmp_path}/server/lib", commit)


def test_changed_checkout_is_not_taken(commits: UserCommits, commit: str) -> None:
    """What is kept counts while it is what it was."""
    commits.fetch_commit(URL, commit)
    (folder,) = commits.folder.iterdir()
    (folder / "lib.py").write_text("x = 2\n")

    with pytest.raises(SourceInvalid, match=f"is not the commit {commit} any more"):
        commits.fetch_commit(URL, commit)


def test_machine_without_git_says_so(commits: UserCommits, commit: str, tmp_path: Path) -> None:
    """And what to install."""
    (tmp_path / "empty").mkdir()
    without = UserCommits(folder=commits.folder, environ={"PATH": str(tmp_path / "empty")})

    with pytest.raises(SourceInvalid, match="git is not installed"):
        without.fetch_commit(URL, commit)
