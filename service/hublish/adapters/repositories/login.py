"""The login for a registry's own API: one line of a file, read each time, so that a rotated secret counts at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hublish.errors import SettingsInvalid

LIMIT_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginFile:
    """Where a login lies; None for none."""

    path: Path | None

    def load(self) -> str:
        """Load the line; "" where there is no file.

        Raises:
            SettingsInvalid: the file cannot be read, or holds no line of printable characters; nothing of it is shown.
        """
        if self.path is None:
            return ""
        try:
            with self.path.open("rb") as file:
                line = file.read(LIMIT_BYTES).decode("utf-8").strip()
        except (OSError, UnicodeDecodeError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8"
            raise SettingsInvalid(f"{self.path} cannot be read: {reason}", hint="check the path and its mode") from exc
        if not line or not line.isprintable():
            raise SettingsInvalid(f"expected one line in {self.path}", hint="write the login into it, and no more")
        return line
