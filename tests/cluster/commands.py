"""One door for the programs that the lane runs: a time-out always, and the last words of what failed."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping


class CommandFailed(RuntimeError):
    """A program ended with an error; the message has its last words."""


def run(
    *command: str, seconds: float = 240, text: str | None = None, environment: Mapping[str, str] | None = None
) -> str:
    """Run a program and return what it printed.

    Args:
        command: program and arguments.
        seconds: it is killed after that long.
        text: its standard input; None gives it none.
        environment: its whole environment; None hands down ours.

    Raises:
        CommandFailed: it is not there, ended with another code than 0, or took too long.
    """
    try:
        done = subprocess.run(
            command,
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandFailed(f"{' '.join(command[:4])}: {error}") from error
    if done.returncode != 0:
        raise CommandFailed(f"{' '.join(command[:4])} ended with {done.returncode}: {done.stderr.strip()[-1500:]}")
    return done.stdout


def succeeds(*command: str, seconds: float = 240) -> bool:
    """Tell whether a program ends with 0."""
    try:
        run(*command, seconds=seconds)
    except CommandFailed:
        return False
    return True
