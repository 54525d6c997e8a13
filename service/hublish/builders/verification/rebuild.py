"""An image rebuilt from its plan, with nothing kept from earlier builds, to be compared with what stands in the registry.

Only downloads may be kept: each is verified by its hash in the lock before a byte of it is used.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Protocol

from hublish.builders.baseimage.image import BaseImage, read_base_image
from hublish.builders.disk import hash_file
from hublish.builders.layered.build import build_layered
from hublish.builders.verification.comparison import Comparison, Side
from hublish.builders.verification.verdict import OpenedImage, Verdict, Verification, find_plan_doubt
from hublish.core.locks.lockfile import IndexSource
from hublish.core.plan import Plan
from hublish.core.ports import (
    BlobPush,
    CommitFetcher,
    ContainerRunner,
    ImageReader,
    ImageWriter,
    IndexFile,
    PackageIndex,
    ProgressSink,
    Source,
)
from hublish.core.reference import Reference
from hublish.errors import WheelInvalid, clip

_TARGET = Reference(registry="rebuilt.invalid", repository="image", tag="latest")


class ImageStore(ImageReader, ImageWriter, Protocol):
    """A place that images are written to and read from again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildTools:
    """What a rebuild works with.

    Attributes:
        images: where image and base are read from.
        index: where wheels come from; each is hashed here, so that kept downloads are fine.
        output: an empty place for the rebuilt image.
        workspace: an empty folder, so that no layer, byte-code or fact of an earlier build is taken.
        workers: processes that make layers.
        log: told what happens, line by line.
        progress: told how far it is.
        cancelled: True once it is to stop.
        runner: builds wheels of packages that have none.
        commits: brings packages of other repositories.
    """

    images: ImageReader
    index: PackageIndex
    output: ImageStore
    workspace: Path
    workers: int
    log: Callable[[str], None]
    progress: ProgressSink
    cancelled: Callable[[], bool]
    runner: ContainerRunner | None = None
    commits: CommitFetcher | None = None


def verify_by_rebuild(opened: OpenedImage, plan: Plan, source: Source, *, tools: RebuildTools) -> Verification:
    """Rebuild an image and compare.

    Args:
        opened: the image.
        plan: of the source on the image's base.
        source: the tree the plan was made from.
        tools: what it works with.

    Raises:
        HublishError: what the builder raises; the image's own blobs are missing or broken.
    """
    doubt, pinned = find_plan_doubt(opened.claims, plan), plan.base
    if doubt is not None or pinned is None:
        return Verification(verdict=Verdict.UNKNOWN, doubt=doubt)
    remarks: list[str] = []
    name = opened.claims.source_name
    if name is not None and name != plan.source_name:
        remarks.append(f"the source is called {name}, as in the image; a folder may have any name")
        plan = replace(plan, source_name=name)
    base = read_base_image(tools.images, pinned, platform=plan.platform)
    _build(plan, source, tools=tools, base=base)
    rebuilt = read_base_image(tools.output, _TARGET, platform=plan.platform)
    comparison = Comparison(
        image=Side(what="the image", images=tools.images, image=opened.image),
        rebuilt=Side(what="the rebuilt image", images=tools.output, image=rebuilt),
        base_layers=len(base.manifest.layers),
        log=tools.log,
    )
    layers, recompressed = comparison.compare_layers()
    config, more = comparison.compare_configs(base=pinned, layers_differ=bool(layers))
    remarks += more
    if recompressed:
        remarks.append(f"{recompressed} layers are stored in other bytes; what they unpack to is the same")
    rebuilt_digest = rebuilt.reference.digest
    if not (layers or config or remarks) and rebuilt_digest != opened.reference.digest:
        remarks.append("layers and config are the same, the manifest states them in other words")
    return Verification(
        verdict=Verdict.DIFFERENT if layers or config else Verdict.EQUAL,
        rebuilt_digest=rebuilt_digest,
        equal_layers=comparison.equal_layers,
        layers=layers,
        config=config,
        remarks=tuple(remarks),
    )


def _build(plan: Plan, source: Source, *, tools: RebuildTools, base: BaseImage) -> None:
    build_layered(
        plan,
        source=source,
        images=tools.images,
        output=_WithoutBase(tools.output, frozenset(layer.digest for layer in base.manifest.layers)),
        target=_TARGET,
        index=_HashedIndex(tools.index),
        workspace=tools.workspace,
        workers=tools.workers,
        log=tools.log,
        progress=tools.progress,
        cancelled=tools.cancelled,
        runner=tools.runner,
        commits=tools.commits,
    )


class _HashedIndex:
    """An index whose files are hashed once more: a proof takes nobody's word for them, not even its own client's."""

    def __init__(self, index: PackageIndex) -> None:
        self._index = index

    def list_files(
        self, source: IndexSource, name: str, *, hashes: AbstractSet[str] | None = None
    ) -> tuple[IndexFile, ...]:
        """See PackageIndex."""
        return self._index.list_files(source, name, hashes=hashes)

    def fetch_file(self, source: IndexSource, file: IndexFile, progress: Callable[[int], None] | None = None) -> Path:
        """See PackageIndex."""
        path = self._index.fetch_file(source, file, progress)
        if _is_intact(path, file):
            return path
        path.unlink()
        path = self._index.fetch_file(source, file, progress)
        if not _is_intact(path, file):
            raise WheelInvalid(f"{clip(file.filename)}: expected sha256:{file.sha256}, the file has other bytes")
        return path

    def find_file(self, file: IndexFile) -> Path | None:
        """See PackageIndex."""
        path = self._index.find_file(file)
        return path if path is not None and _is_intact(path, file) else None

    def fetch_metadata(self, source: IndexSource, file: IndexFile) -> bytes | None:
        """See PackageIndex."""
        return self._index.fetch_metadata(source, file)


def _is_intact(path: Path, file: IndexFile) -> bool:
    return hash_file(path) == file.sha256


class _WithoutBase:
    """An output that takes everything but the base's layers: they are compared by digest, and can be gigabytes."""

    def __init__(self, output: ImageWriter, base: frozenset[str]) -> None:
        self._output = output
        self._base = base

    def ensure_blob(
        self,
        reference: Reference,
        *,
        digest: str,
        size_bytes: int,
        open_body: Callable[[], BinaryIO],
        mount_from: tuple[Reference, ...] = (),
        progress: Callable[[int], None] | None = None,
    ) -> BlobPush:
        """See ImageWriter."""
        if digest in self._base:
            return BlobPush(transfer="present", uploaded_bytes=0)
        return self._output.ensure_blob(
            reference,
            digest=digest,
            size_bytes=size_bytes,
            open_body=open_body,
            mount_from=mount_from,
            progress=progress,
        )

    def ensure_manifest(self, reference: Reference, *, body: bytes, media_type: str) -> str:
        """See ImageWriter."""
        return self._output.ensure_manifest(reference, body=body, media_type=media_type)
