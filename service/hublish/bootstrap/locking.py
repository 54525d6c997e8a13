"""Locking a folder's Pipfile on this machine: the sources as this machine asks them, pipenv, and the lock put in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hublish.adapters.index import read_pip_configuration
from hublish.adapters.pipenv import PipenvProgram
from hublish.bootstrap.user_index import PLACEHOLDER_URL
from hublish.core.locks.renewal import redirect_sources, restore_lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Locker:
    """Makes locks.

    Attributes:
        environ: of the user's process.
        index_map: URL of a source -> URL that is asked instead.
    """

    environ: Mapping[str, str] = field(repr=False)
    index_map: Mapping[str, str]

    def lock_here(
        self, folder: Path, pipfile: bytes, *, log: Callable[[str], None], cancelled: Callable[[], bool]
    ) -> bytes:
        """Lock a Pipfile by the user's own pipenv.

        Args:
            folder: of the repository.
            pipfile: the Pipfile that stands in it, parsed before.
            log: told what pipenv prints.
            cancelled: True once it is to stop.

        Returns:
            The lock, with the Pipfile's own sources and hash, whatever was asked.

        Raises:
            LockFailed: pipenv is missing or failed.
            BuildCancelled: `cancelled` said so.
        """
        mirrors = find_mirrors(pipfile, environ=self.environ, index_map=self.index_map)
        asked = redirect_sources(pipfile, mirrors)
        lock = PipenvProgram(self.environ).lock(folder, asked, log=log, cancelled=cancelled)
        return restore_lock(lock, pipfile=pipfile, asked=asked)


def find_mirrors(pipfile: bytes, *, environ: Mapping[str, str], index_map: Mapping[str, str]) -> Mapping[str, str]:
    """What is asked in place of a Pipfile's sources: `index_map`, and pip's own index for the placeholder."""
    if PLACEHOLDER_URL in index_map or PLACEHOLDER_URL.encode() not in pipfile:
        return index_map
    pip = read_pip_configuration(environ)
    return index_map if pip is None else {**index_map, PLACEHOLDER_URL: pip.index_url}
