"""Wheels that were built elsewhere for a build that can build none itself: handed over by the registry, under their hashes.

The build finds them as if it had built them: under the key that stands for everything they were asked for by.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hublish.builders.filebundle import fetch_file
from hublish.builders.layerindex.index import LayerIndex
from hublish.builders.wheels.wheelbuild import BUILT
from hublish.core.building import BuildRequest
from hublish.core.ports import ContainerTask, ImageReader
from hublish.errors import BuildFailed, StrategyUnavailable
from hublish.oci.manifest import Descriptor

_FILE_TYPE = "application/octet-stream"


class NoRunner:
    """`hublish.core.ports.ContainerRunner` where no code of a package may run."""

    def can_run(self) -> bool:
        """See ContainerRunner."""
        return False

    def run_task(
        self,
        task: ContainerTask,
        output: Path,  # noqa: ARG002  # the port's
        *,
        log: Callable[[str], None],  # noqa: ARG002  # the port's
        verify_running: Callable[[], None],  # noqa: ARG002  # the port's
    ) -> tuple[Path, ...]:
        """See ContainerRunner.

        Raises:
            StrategyUnavailable: always.
        """
        raise StrategyUnavailable(f"{task.title} is not among those that this build was handed", hint="Build again.")


def receive_wheels(request: BuildRequest, images: ImageReader, *, workspace: Path, layers: LayerIndex) -> None:
    """Bring the wheels that a build was handed into its workspace.

    Args:
        request: of the build; its wheels lie in the repository of its target.
        images: the registry.
        workspace: of the build.
        layers: told which wheel stands for which package.

    Raises:
        ImageInvalid: a wheel has other bytes than its hash says.
        RegistryFailed: it cannot be read.
    """
    for wheel in request.wheels:
        if request.target is None:
            raise BuildFailed("a build that was handed wheels needs a place for its image")
        blob = Descriptor(media_type=_FILE_TYPE, digest=f"sha256:{wheel.sha256}", size_bytes=wheel.size_bytes)
        path = workspace / BUILT / wheel.sha256 / wheel.filename
        fetch_file(request.target, blob, path, images=images, verify_running=lambda: None)
        layers.store_choice(wheel.key, filename=wheel.filename, sha256=wheel.sha256)
