"""Which wheel brought which path, and the error for a path that two wheels bring with different bytes."""

from __future__ import annotations

from dataclasses import dataclass

from hublish.errors import BuildFailed, clip

CONFLICT_HINT = "Only one of the two can be installed: remove or replace one, then lock again."


@dataclass(slots=True)
class Claims:
    """Which wheel brought which path of one layer: `path -> (wheel, fingerprint)`."""

    taken: dict[str, tuple[str, str]]

    def take(self, path: str, *, wheel: str, fingerprint: str) -> bool:
        """Claim a path; False when the same bytes are there already.

        Raises:
            BuildFailed: other bytes are there.
        """
        earlier = self.taken.get(path)
        if earlier is None:
            self.taken[path] = (wheel, fingerprint)
            return True
        if earlier[1] != fingerprint:
            raise make_conflict(path, earlier[0], wheel)
        return False


def make_conflict(path: str, first: str, second: str) -> BuildFailed:
    """Make the error for one path that two wheels bring with different bytes."""
    return BuildFailed(f"{first} and {second} both bring {clip(path)}, with different bytes", hint=CONFLICT_HINT)
