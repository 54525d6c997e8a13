"""buildah with a store of its own, as root: how it is called, and how its store is emptied."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path


class Buildah:
    """A private store of buildah's in one folder.

    Its temporary folder, where cache mounts live, is in there too, so that an empty folder is an empty machine.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        store, run = folder / "store", folder / "run"
        self.words = ("buildah", "--root", str(store), "--runroot", str(run))

    def environment(self) -> dict[str, str]:
        """The environment of its commands: ours, and the temporary folder."""
        temporary = self.folder / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        return {**os.environ, "TMPDIR": str(temporary)}

    def bud(self, dockerfile: Path, context: Path, image: str, arguments: Sequence[str]) -> list[str]:
        """The command that builds an image.

        chroot isolation starts no container runtime and no network of its own, which is the quickest that buildah has.
        """
        fixed = ["bud", "--isolation", "chroot", "--layers", "--tls-verify=false", "--file", str(dockerfile)]
        return [*self.words, *fixed, "--tag", image, *arguments, str(context)]

    def remove(self) -> None:
        """Remove the store with all that is mounted in it."""
        mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        for mount in sorted((path for path in mounts if path.startswith(f"{self.folder}/")), reverse=True):
            subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True, timeout=60)
        shutil.rmtree(self.folder, ignore_errors=True)
