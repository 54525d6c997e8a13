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

    def verify_no_folder(self, path: str, *, wheel: str) -> None:
        """Verify that no wheel brought files in a folder of this name.

        Raises:
            BuildFailed: one did.
        """
        for taken, (first, _) in self.taken.items():
            if taken.startswith(f"{path}/"):
                raise make_folder_conflict(path, wheel, first)


def make_conflict(path: str, first: str, second: str) -> BuildFailed:
    """Make the error for one path that two wheels bring with different bytes."""
    return BuildFailed(f"{first} and {second} both bring {clip(path)}, with different bytes", hint=CONFLICT_HINT)


def make_folder_conflict(path: str, file_of: str, folder_of: str) -> BuildFailed:
    """Make the error for one path that is a file of one wheel and a folder of another."""
    return BuildFailed(
        f"{file_of} brings {clip(path)} as a file, {folder_of} brings files in a folder of that name",
        hint=CONFLICT_HINT,
    )
