"""The one error family of hublish.

Every error carries what a person needs: a stable CamelCase `code`, a message that says what was expected, what came
and where, a `hint` that says what to do, and `transient` (a retry may help). A client's exception never crosses a
layer: the adapter wraps it here with `raise ... from exc`. Foreign text is capped by `clip` before it enters a message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from hublish.core.finding import Finding

FOREIGN_TEXT_LIMIT = 256


def join_hint(message: str, hint: str) -> str:
    """What is wrong and how to mend it in one line; a message has no full stop of its own, a hint is sentences."""
    if not hint:
        return message
    return f"{message}{'' if message.endswith(('.', '!', '?')) else '.'} {hint}"


def clip(text: str, *, limit: int = FOREIGN_TEXT_LIMIT) -> str:
    """Make foreign text safe to show: control characters become spaces, at most `limit` characters are kept.

    Args:
        text: anything that came from outside (a server's body, a key, a path).
        limit: the longest result in characters; a longer text ends in "…".

    Returns:
        One printable line.
    """
    # Classes Cc (controls, ESC) and Cf (bidirectional overrides, zero-width) are what `isprintable` refuses.
    line = "".join(character if character.isprintable() else " " for character in text[: limit * 4])
    line = " ".join(line.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


class HublishError(Exception):
    """Root of all errors hublish raises on purpose.

    Attributes:
        code: stable CamelCase name, the class name; shown to users and kept in the database.
        message: what was expected, what came, and where.
        hint: what to do about it; empty when there is nothing a person can do.
        transient: True when the same call may succeed later.
    """

    transient_by_default: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "", transient: bool | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.transient = self.transient_by_default if transient is None else transient

    @property
    def code(self) -> str:
        """The stable CamelCase name of this error: its class name."""
        return type(self).__name__


# -- values -----------------------------------------------------------------------------------------------------------


class ReferenceInvalid(HublishError):
    """An image reference breaks the grammar; `offset` is the 0-based first bad character."""

    def __init__(self, message: str, *, offset: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.offset = offset


class StoredValueInvalid(HublishError):
    """A value in the database or between two steps is not what this version of hublish wrote."""


class ValueInvalid(HublishError):
    """A short text (a duration, a size, a path, a tag, a name) breaks its grammar."""


class TransitionInvalid(HublishError):
    """A run was asked to make a move its state does not allow; nothing was changed."""


# -- files of the repository ------------------------------------------------------------------------------------------


class FindingsError(HublishError):
    """A file has faults; all of them are in `findings`, at least one with severity error."""

    def __init__(self, message: str, *, findings: tuple[Finding, ...], hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.findings = findings


class ConfigInvalid(FindingsError):
    """`.hublish.yaml` or `.aicoe-ci.yaml` cannot be used as it stands."""


class LockInvalid(FindingsError):
    """Pipfile and Pipfile.lock are missing, stale, or hold an entry that cannot be built."""


class LockFailed(HublishError):
    """A lock could not be made: pipenv is missing, found no versions that fit together, or ran out of time."""


class DockerfileInvalid(HublishError):
    """A text is no Dockerfile; `line` is the 1-based line that shows it."""

    def __init__(self, message: str, *, line: int) -> None:
        super().__init__(message)
        self.line = line


class PlanInvalid(FindingsError):
    """The plan of a build has findings that forbid it (no wheel for the target, jupyterhub missing, ...)."""


class SourceInvalid(HublishError):
    """The tree of a repository breaks a guard: size, count, ratio, a path that escapes, a device."""


class SourceMissing(HublishError):
    """A repository, ref or commit does not exist or cannot be seen."""


# -- what the operator allows -----------------------------------------------------------------------------------------


class NotAllowed(HublishError):
    """The operator's settings or the hub's consent do not allow what a repository asked for."""


class SettingsInvalid(HublishError):
    """The operator's settings file cannot be used."""


class StrategyUnavailable(HublishError):
    """No engine here can execute the strategy the plan names."""


# -- builds -----------------------------------------------------------------------------------------------------------


class BuildFailed(HublishError):
    """A build ended without an image; the message is its first error."""


class BuildCancelled(HublishError):
    """A build was stopped on request or at its time limit."""


class WheelInvalid(HublishError):
    """A wheel's bytes do not match its hash, its RECORD or its own headers."""


class WheelMissing(HublishError):
    """No file of the index has a hash of the lock and fits the target; or the file is gone."""


class LayerMissing(HublishError):
    """A layer that an earlier build made lies nowhere any more; it has to be made anew."""


class BaseUnsupported(HublishError):
    """The base image has no Python, or one that the layers cannot be made for."""


class ImageInvalid(HublishError):
    """An image's bytes do not match its descriptors."""


class SignatureInvalid(HublishError):
    """A signed document is not signed, signed by a key nobody here knows, or was changed since."""


class DiskFull(HublishError):
    """No space left where hublish writes."""

    transient_by_default = True


# -- servers ----------------------------------------------------------------------------------------------------------


class ServerFailed(HublishError):
    """A server could not be reached, answered with an error, or with bytes that break its protocol."""


class RegistryFailed(ServerFailed):
    """An image registry refused, failed or answered other bytes; `status` is the HTTP status or None."""

    def __init__(
        self, message: str, *, hint: str = "", transient: bool | None = None, status: int | None = None
    ) -> None:
        super().__init__(message, hint=hint, transient=transient)
        self.status = status


class IndexFailed(ServerFailed):
    """A package index refused, failed or answered other bytes."""


class EngineFailed(ServerFailed):
    """A container engine could not be reached, refused, or failed."""


class GitHubFailed(ServerFailed):
    """GitHub refused or failed.

    `status` is the HTTP status or None when no answer came; `retry_after_seconds` is how long GitHub asked to wait.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        transient: bool | None = None,
        status: int | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint, transient=transient)
        self.status = status
        self.retry_after_seconds = retry_after_seconds


class DatabaseFailed(ServerFailed):
    """The database could not be reached, read or written."""


# -- catalogs ---------------------------------------------------------------------------------------------------------


class CatalogInvalid(HublishError):
    """A hub's image list has a shape that cannot be edited without touching other bytes."""


class PullRequestTaken(HublishError):
    """A person pushed to the branch of hublish's pull request; hublish stops there."""


# -- runs -------------------------------------------------------------------------------------------------------------


class RunCancelled(HublishError):
    """A person stopped the run; its answer says so."""


class BaseAwaited(HublishError):
    """The run must wait for a base with packages, and where it was planned nothing may wait; `owner` is whose run it is."""

    transient_by_default = True

    def __init__(self, message: str, *, owner: str) -> None:
        super().__init__(message)
        self.owner = owner


class QueueFull(HublishError):
    """So many builds wait already that no more are taken."""


# -- webhooks ---------------------------------------------------------------------------------------------------------


class WebhookRefused(HublishError):
    """A delivery is unsigned, wrongly signed, too large or not JSON; `status` is the HTTP status to answer."""

    def __init__(self, message: str, *, status: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


# -- API --------------------------------------------------------------------------------------------------------------


class ApiRefused(HublishError):
    """A request of the HTTP API cannot be served; `status` is the HTTP status to answer, `reason` its stable CamelCase name.

    `retry_after_seconds` says when the same request may be served; None where it never will.
    """

    def __init__(
        self, message: str, *, status: int, reason: str, hint: str = "", retry_after_seconds: int | None = None
    ) -> None:
        super().__init__(message, hint=hint, transient=retry_after_seconds is not None)
        self.status = status
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds

    @property
    def code(self) -> str:
        """The stable CamelCase name of what is wrong with the request."""
        return self.reason
