"""The installed `hublish` command as tests start it, and small repositories for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

HUBLISH = Path(sys.executable).parent / "hublish"
RUN_SECONDS = 300
GIT_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_AUTHOR_DATE": "2026-11-21T10:00:00Z",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_COMMITTER_DATE": "2026-11-21T10:00:00Z",
}


def run_hublish(
    command: str, *arguments: object, prefix: tuple[str, ...] = (), code: int | None = 0, **environment: str
) -> dict:
    """Run a command with --json; returns its document. `code` is the exit code it must end with; None: any."""
    done = subprocess.run(
        [*prefix, str(HUBLISH), *command.split(), "--json", *(str(argument) for argument in arguments)],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    assert code in (None, done.returncode), done.stdout[-3000:] + done.stderr[-3000:]
    return json.loads(done.stdout)


def build(folder: Path, *arguments: object, prefix: tuple[str, ...] = (), **environment: str) -> dict:
    """Run `hublish build` on a folder and return its result."""
    return run_hublish("build", folder, *arguments, prefix=prefix, **environment)["result"]


def write_repository(folder: Path, pipfile: str, lock: str) -> Path:
    """Write a small notebook repository."""
    folder.mkdir(parents=True)
    (folder / "Pipfile").write_text(pipfile)
    (folder / "Pipfile.lock").write_text(lock)
    (folder / "notebook.ipynb").write_text('{"cells": []}\n')
    (folder / "run.sh").write_text("#!/bin/sh\necho run\n")
    (folder / "run.sh").chmod(0o755)
    return folder


def run_git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, with an author and a time that never change; returns what it printed."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={**os.environ, **GIT_ENVIRONMENT},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


def commit_all(folder: Path, message: str) -> str:
    """Commit everything in a folder, which becomes a repository if it is none; returns the commit."""
    if not (folder / ".git").exists():
        run_git(folder, "init", "-q", "-b", "main")
    run_git(folder, "add", "-A")
    run_git(folder, "commit", "-q", "-m", message)
    return run_git(folder, "rev-parse", "HEAD")
