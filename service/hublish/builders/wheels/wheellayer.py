"""Wheels installed into one layer: the work of one process, from files to a blob, with nothing kept between."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hublish.builders.layered.environment import TargetEnvironment
from hublish.builders.layered.layertree import LayerTree, open_layer_file
from hublish.builders.layerindex.contents import WheelContents
from hublish.builders.wheels.bytecodecache import BytecodeCache, make_bytecode_key
from hublish.builders.wheels.claims import Claims
from hublish.oci.layers import LayerBlob

if TYPE_CHECKING:
    from hublish.builders.wheels.wheelfile import CheckedWheel


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelLayerJob:
    """What one process is asked to do.

    Attributes:
        wheels: archives, in the order they are installed.
        environment: where they go.
        bytecode: whether modules are compiled.
        folder: where the blob is written, under its digest's hex.
        hashes: sha256 of each archive, for the cache.
        cache: of byte-code; None compiles everything.
    """

    wheels: tuple[Path, ...]
    environment: TargetEnvironment
    bytecode: bool
    folder: Path
    hashes: tuple[str, ...] = ()
    cache: BytecodeCache | None = None


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
    # Here, because a build whose layers are all known must wait for no installer.
    from hublish.builders.wheels.wheelfile import open_wheel  # noqa: PLC0415  # start-up time

    claims = Claims({})
    contents: list[WheelContents] = []
    with open_layer_file(job.folder, job.environment) as layer:
        for number, path in enumerate(job.wheels):
            with open_wheel(path) as wheel:
                files = _install(wheel, layer.tree, job, claims=claims, number=number)
            contents.append(WheelContents(wheel=path.name, files=tuple(sorted(files.items()))))
    return WheelLayer(blob=layer.finished, contents=tuple(contents))


def _install(
    wheel: CheckedWheel, tree: LayerTree, job: WheelLayerJob, *, claims: Claims, number: int
) -> dict[str, str]:
    from hublish.builders.wheels.wheelinstall import WheelInstallation  # noqa: PLC0415  # start-up time

    known, key, cache = None, "", job.cache if job.bytecode else None
    if cache is not None:
        key = make_bytecode_key(job.hashes[number], job.environment, distribution=wheel.distribution)
        known = cache.load(key)
    installation = WheelInstallation(wheel, tree, job.environment, claims=claims, bytecode=job.bytecode, known=known)
    installation.run()
    if cache is not None and known is None and installation.compiled is not None:
        cache.store(key, installation.compiled)
    return installation.files
