"""A git checkout for tests: real git, fixed names and times, no configuration of this machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# 2026-01-02 03:04:05 UTC, so that commits have the same SHA in every run.
COMMIT_SECONDS = 1767323045


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """A checkout of a repository that has no commit yet."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Checkout:
        """Make an empty repository in a new folder."""
        folder.mkdir(parents=True)
        checkout = cls(folder=folder)
        checkout.git("init", "--quiet", "--initial-branch=main")
        return checkout

    @property
    def environ(self) -> dict[str, str]:
        """What git is started with."""
        who = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _WHO.items()}
        isolation = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "HOME": "/nonexistent"}
        return {"PATH": os.environ["PATH"], **who, **isolation}

    def git(self, *arguments: str) -> bytes:
        """Run git in the folder and return what it prints."""
        command = ["git", "-c", "protocol.file.allow=always", *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self.environ, check=True, capture_output=True, timeout=60
        ).stdout

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """Write files; a name that ends in `*` is made executable, `-> target` as content makes a symlink."""
        for name, content in files.items():
            path = self.folder / name.rstrip("*")
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str) and content.startswith("-> "):
                path.symlink_to(content.removeprefix("-> "))
                continue
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            path.chmod(0o755 if name.endswith("*") else 0o644)

    def commit(self, files: Mapping[str, str | bytes]) -> str:
        """Write files and commit everything; returns the SHA."""
        self.write(files)
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "--message=change")
        return self.git("rev-parse", "HEAD").decode().strip()

    def make_tarball(self, commit: str = "HEAD") -> bytes:
        """The tarball of a commit in GitHub's form: gzip, one folder at its top."""
        return self.git("archive", "--format=tar.gz", "--prefix=org-ts-0123456/", commit)

    def list_tree(self, commit: str) -> tuple[tuple[str, str, str], ...]:
        """(path, mode, type) of every entry, as GitHub's tree listing gives them."""
        lines = self.git("ls-tree", "-r", "-t", "-z", commit).decode().split("\0")[:-1]
        return tuple((path, *head.split(" ")[:2]) for head, _, path in (line.partition("\t") for line in lines))  # type: ignore[misc]


_WHO = {"NAME": "A Person", "EMAIL": "person@example.org", "DATE": f"{COMMIT_SECONDS} +0000"}
