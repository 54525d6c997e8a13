"""Wheels installed into one layer: the work of one process, from files to a blob, with nothing kept between."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hublish.builders.environment import TargetEnvironment
from hublish.builders.layertree import open_layer_file
from hublish.builders.wheelfile import open_wheel
from hublish.builders.wheelinstall import Claims, WheelInstallation
from hublish.oci.layers import LayerBlob


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelLayerJob:
    """What one process is asked to do.

    Attributes:
        wheels: archives, in the order they are installed.
        environment: where they go.
        bytecode: whether modules are compiled.
        folder: where the blob is written, under its digest's hex.
    """

    wheels: tuple[Path, ...]
    environment: TargetEnvironment
    bytecode: bool
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelContents:
    """What one wheel brought: its file name, and `(absolute path, short hash)` of each file."""

    wheel: str
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelLayer:
    """A finished layer and what is in it."""

    blob: LayerBlob
    contents: tuple[WheelContents, ...]


def make_wheel_layer(job: WheelLayerJob) -> WheelLayer:
    """Install wheels into a layer.

    Raises:
        WheelInvalid: a wheel breaks its format, its RECORD or a limit.
        BuildFailed: two wheels bring one path with different bytes.
    """
    claims = Claims({})
    contents: list[WheelContents] = []
    with open_layer_file(job.folder, job.environment) as layer:
        for path in job.wheels:
            with open_wheel(path) as wheel:
                installation = WheelInstallation(
                    wheel, layer.tree, job.environment, claims=claims, bytecode=job.bytecode
                )
                installation.run()
            contents.append(WheelContents(wheel=path.name, files=tuple(sorted(installation.files.items()))))
    return WheelLayer(blob=layer.finished, contents=tuple(contents))
