"""Byte-code of whole wheels on this machine's disk, so that a layer that is made again compiles nothing twice.

One wheel more in a bucket makes its layer anew; compiling is two thirds of that work. The key is everything byte-code
depends on, so what is found is what would be made. A build that is not the owner's reads what is here and never adds to it.
"""

from __future__ import annotations

import sys
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hublish.builders.disk import replace_file
from hublish.builders.keys import make_key
from hublish.builders.layered.environment import TargetEnvironment
from hublish.builders.sweep import note_use
from hublish.builders.wheels.bytecode import describe_compiler

# Raised whenever `make_bytecode` makes other bytes of the same source.
_RECIPE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BytecodeCache:
    """One file for each wheel, interpreter and place.

    Attributes:
        folder: where they lie; made when first written to.
        writable: False keeps builds of other people's code from leaving anything here.
    """

    folder: Path
    writable: bool

    def load(self, key: str) -> dict[str, bytes] | None:
        """The byte-code of a wheel, by the absolute path of its source; None when it is not here or damaged.

        A source that is missing in it cannot be compiled.
        """
        try:
            with zipfile.ZipFile(self._path(key)) as archive:
                note_use(self._path(key))
                return {"/" + info.filename: archive.read(info) for info in archive.infolist()}
        except (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error):
            # All that zipfile raises for bytes that were changed: NotImplementedError is a RuntimeError.
            return None

    def store(self, key: str, compiled: Mapping[str, bytes]) -> None:
        """Keep the byte-code of a wheel, unless this build may not."""
        if not self.writable:
            return
        with replace_file(self._path(key)) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
            # Stored, not deflated: it saves a second for each hundred megabytes.
            for path, body in compiled.items():
                archive.writestr(zipfile.ZipInfo(path.removeprefix("/")), body)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.zip"


def make_bytecode_key(sha256: str, environment: TargetEnvironment, *, distribution: str) -> str:
    """Make the key of a wheel's byte-code: its hash, this interpreter, and where its modules go."""
    folders = sorted(environment.scheme_folders(distribution).items())
    return make_key([_RECIPE, sha256, sys.implementation.cache_tag, describe_compiler(), folders])
