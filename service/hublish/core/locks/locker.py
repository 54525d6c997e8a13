"""The port behind which locks are made, and what is asked of it. Resolving may run code of packages: never in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from hublish.core.reference import Reference
from hublish.core.repository import Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class LockRequest:
    """A lock that is to be made.

    Attributes:
        repository: whose Pipfile it is; its owner decides which engine serves.
        pipfile: the Pipfile, parsed before.
        base: image whose Python resolves; whether the owner may build on it was checked.
    """

    repository: Repository
    pipfile: bytes = field(repr=False)
    base: Reference


class Locker(Protocol):
    """Makes a Pipfile.lock in an isolating engine, from the sources that the operator lists and no others."""

    def make_lock(
        self, request: LockRequest, *, log: Callable[[str], None], verify_running: Callable[[], None]
    ) -> bytes:
        """Make the lock, with the Pipfile's own sources and hash, whatever was asked in their place.

        Each line of the resolver is told to `log`. `verify_running` raises when it is to stop. Raises StrategyUnavailable:
        no isolating engine serves this owner. NotAllowed: a source is not listed. LockFailed: the resolver failed, or the
        Pipfile asks for what a lock made here must not have. BuildFailed, EngineFailed, IndexFailed, RegistryFailed.
        """

    def close(self) -> None:
        """Stop what is at work, as this process ends; it fails as transient, so that it is made again at the next start."""
