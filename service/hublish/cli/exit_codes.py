"""Which exit code a command ends with: the one table, decided from the classes of `hublish.errors`.

The numbers are part of the command line's contract (docs/reference/cli.md prints this table); scripts branch on them.
"""

from __future__ import annotations

from enum import IntEnum

from hublish.errors import (
    BuildCancelled,
    FindingsError,
    GitHubFailed,
    HublishError,
    NotAllowed,
    PullRequestTaken,
    ReferenceInvalid,
    RegistryFailed,
    ServerFailed,
    SettingsInvalid,
    SourceMissing,
    WebhookRefused,
)

_REFUSED_STATUSES = frozenset({401, 403})


class ExitCode(IntEnum):
    """How a command ended. USAGE is also what the parser of the command line itself answers."""

    OK = 0
    FAILED = 1
    USAGE = 2
    FINDINGS = 3
    REFUSED = 4
    UNREACHABLE = 5
    DIFFERENT = 6
    UNKNOWN = 7
    INTERRUPTED = 130


MEANINGS: dict[ExitCode, str] = {
    ExitCode.OK: "done; warnings may have been printed",
    ExitCode.FAILED: "failed: the build, a check of `doctor`, or an error nobody foresaw",
    ExitCode.USAGE: "the command line itself is wrong: an unknown option, a path or run that does not exist",
    ExitCode.FINDINGS: "a file has errors: config, lock, plan, payload or the operator's settings",
    ExitCode.REFUSED: "not allowed, or a server refused the credentials",
    ExitCode.UNREACHABLE: "a server or the network failed; the same command may succeed later",
    ExitCode.DIFFERENT: "`verify`: the image is not what its lock and source give",
    ExitCode.UNKNOWN: "`verify`: cannot say, for a reason that is printed: another commit, a changed folder, another builder",
    ExitCode.INTERRUPTED: "stopped with Ctrl-C; nothing half done is left",
}

# The first row whose class fits decides; classes that are not listed end as FAILED.
_TABLE: tuple[tuple[tuple[type[HublishError], ...], ExitCode], ...] = (
    ((FindingsError, SettingsInvalid), ExitCode.FINDINGS),
    ((ReferenceInvalid, SourceMissing), ExitCode.USAGE),
    ((NotAllowed, PullRequestTaken, WebhookRefused), ExitCode.REFUSED),
    ((ServerFailed,), ExitCode.UNREACHABLE),
)


def make_exit_code(error: HublishError, *, interrupted: bool = False) -> ExitCode:
    """Make the exit code of a command that ended with `error`.

    Args:
        error: what stopped it.
        interrupted: a person pressed Ctrl-C; a cancelled build is then INTERRUPTED, at its time limit it is FAILED.
    """
    if interrupted and isinstance(error, BuildCancelled):
        return ExitCode.INTERRUPTED
    if isinstance(error, RegistryFailed | GitHubFailed) and error.status in _REFUSED_STATUSES:
        return ExitCode.REFUSED
    return next((code for classes, code in _TABLE if isinstance(error, classes)), ExitCode.FAILED)
