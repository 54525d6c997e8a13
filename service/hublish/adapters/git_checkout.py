"""A commit of a git repository into a folder of this machine, by the git program and the access of whoever runs it.

For a person's own machine only. git itself compares what comes with the commit's id; transports other than https and ssh,
and questions at the terminal, ssh's among them, are refused.
"""

from __future__ import annotations

import shutil
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path

from hublish.core.redact import redact
from hublish.errors import SourceInvalid, SourceMissing, clip

_SECONDS = 600
_GIT = (
    "git", "-c", "protocol.allow=never", "-c", "protocol.https.allow=always", "-c", "protocol.ssh.allow=always",
    "-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false", "-c", "init.defaultBranch=main",
)  # fmt: skip
_QUIET_SSH = "ssh -o BatchMode=yes"


def ensure_checkout(url: str, commit: str, folder: Path, *, environ: Mapping[str, str]) -> None:
    """Check a commit out into a folder, unless it is there.

    Args:
        url: https or ssh.
        commit: 40 hex digits.
        folder: of the checkout; appears whole or not at all.
        environ: for git: PATH, HOME and what it says of access.

    Raises:
        SourceMissing: the repository cannot be read, or does not give this commit.
        SourceInvalid: there is no git here, or it took too long.
    """
    if folder.is_dir():
        return
    staging = folder.with_name(f".part-{uuid.uuid4().hex}")
    staging.mkdir(parents=True)
    try:
        _run(("init", "-q"), staging, url=url, commit=commit, environ=environ)
        environ = _choose_ssh(environ, staging)
        for command in (
            ("fetch", "-q", "--depth", "1", "--no-tags", "--no-recurse-submodules", "--", url, commit),
            ("checkout", "-q", "--detach", commit),
        ):
            _run(command, staging, url=url, commit=commit, environ=environ)
        staging.rename(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _run(command: tuple[str, ...], folder: Path, *, url: str, commit: str, environ: Mapping[str, str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603 -- no shell; the place has the grammar of core.locks.vcs
            (*_GIT, *command),
            cwd=folder,
            env={**environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            # Without a terminal of its own, ssh has nobody to ask for a passphrase or about an unknown host.
            start_new_session=True,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError as exc:
        raise SourceInvalid(
            f"git is not installed, which {clip(url)} has to be fetched by", hint="Install git."
        ) from exc
    except subprocess.TimeoutExpired as exc:
        raise SourceInvalid(f"fetching {clip(url)} took longer than {_SECONDS} seconds") from exc
    if done.returncode != 0:
        said = redact(clip(done.stderr.decode(errors="replace").strip().replace("\n", "; ")))
        raise SourceMissing(
            f"git cannot fetch the commit {commit} of {clip(url)}: {said}",
            hint="The commit must be on the server, and you must be able to read it by `git fetch`.",
        )


def _choose_ssh(environ: Mapping[str, str], folder: Path) -> Mapping[str, str]:
    """The environment with an ssh that asks nothing, unless the user says there, or to git, which one it is to be."""
    if "GIT_SSH_COMMAND" in environ or "GIT_SSH" in environ:
        return environ
    named = subprocess.run(  # noqa: S603 -- no shell; all of it is written here
        (*_GIT, "config", "--get", "core.sshCommand"),
        cwd=folder,
        env={**environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_SECONDS,
        check=False,
    )
    return environ if named.returncode == 0 else {**environ, "GIT_SSH_COMMAND": _QUIET_SSH}
