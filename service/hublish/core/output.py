"""Where a built image goes, as a value: a registry, a folder, a file, or the engine of this machine."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from hublish.core.reference import Reference


class OutputKind(Enum):
    """The kinds of places; the values are the words that other tools have for them."""

    REGISTRY = "docker"
    LAYOUT = "oci"
    ARCHIVE = "docker-archive"
    ENGINE = "docker-daemon"


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One place for one image.

    Attributes:
        kind: what it is.
        reference: name and tag the image gets there; a layout keeps the tag alone.
        path: folder of a layout, file of an archive; None for the others.
    """

    kind: OutputKind
    reference: Reference
    path: Path | None = None

    def __str__(self) -> str:
        place = "" if self.path is None else f":{self.path}"
        match self.kind:
            case OutputKind.REGISTRY:
                return str(self.reference)
            case OutputKind.LAYOUT:
                return f"oci{place}"
            case _:
                return f"{self.kind.value}{place}:{self.reference}"
