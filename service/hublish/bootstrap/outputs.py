"""From the name of a place to the writer that puts an image there, and from one place to another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import BinaryIO

from hublish.adapters.layout import OCILayout
from hublish.adapters.registry import RegistryClient
from hublish.bootstrap.images import LAYOUT_HOST
from hublish.builders.attachment import attach_document
from hublish.builders.push import open_until_closed
from hublish.core.building import BuildSucceeded, Progress, Step
from hublish.core.output import Output, OutputKind
from hublish.core.plan import Plan
from hublish.core.ports import ImageWriter, ProgressSink
from hublish.core.reference import Reference
from hublish.core.sbom import SBOM_MEDIA_TYPE, render_sbom
from hublish.errors import BuildCancelled, BuildFailed, ImageInvalid, StrategyUnavailable
from hublish.oci.manifest import parse_manifest


def find_target(output: Output) -> Reference:
    """Find what a build is told of its target: outside registries nothing can be mounted or kept, so no registry is named."""
    if output.kind is OutputKind.REGISTRY:
        return output.reference
    return Reference(registry=LAYOUT_HOST, repository="output", tag=output.reference.tag)


def make_writer(
    output: Output,
    *,
    registry: ImageWriter,
    environ: Mapping[str, str],
    progress: ProgressSink,
    cancelled: Callable[[], bool],
) -> ImageWriter:
    """Make the writer of an output.

    Args:
        output: where the image goes.
        registry: the client of registries.
        environ: names the Docker Engine.
        progress: told of bytes while an archive is written or sent.
        cancelled: True once the build is to stop; asked while an archive is written or sent.

    Raises:
        BuildFailed: a layout or an archive without a path.
        StrategyUnavailable: an engine is meant, and its client is not installed.
    """
    if output.kind is OutputKind.REGISTRY:
        return registry

    def tell(done_bytes: int, total_bytes: int) -> None:
        if cancelled():
            raise BuildCancelled("the build was stopped before its image was complete; nothing was published")
        progress(Progress(step=Step.OUTPUT, done=done_bytes, total=total_bytes, label=output.kind.value))

    if output.kind is OutputKind.ENGINE:
        return _make_engine(environ, output.reference, tell)
    if output.path is None:
        raise BuildFailed(f"an image that goes to {output.kind.value} needs a path")
    if output.kind is OutputKind.LAYOUT:
        return OCILayout(output.path)
    from hublish.adapters.docker.archive import DockerArchive  # noqa: PLC0415 -- start-up time of other builds

    return DockerArchive(output.path, name=output.reference, progress=tell)


def _make_engine(environ: Mapping[str, str], name: Reference, tell: Callable[[int, int], None]) -> ImageWriter:
    try:
        from hublish.adapters.docker.engine import DockerEngine  # noqa: PLC0415 -- an extra, and slow to import
    except ModuleNotFoundError as exc:
        raise StrategyUnavailable(
            "the client of Docker Engine is not installed",
            hint="Install hublish[docker], or write a file: `--output docker-archive:FILE` and `docker load -i FILE`.",
        ) from exc
    return DockerEngine(environ, name=name, progress=tell)


def attach_sbom(
    plan: Plan, outcome: BuildSucceeded, *, output: Output, registry: RegistryClient, log: Callable[[str], None]
) -> None:
    """Put the bill of materials beside an image that was pushed; other places have none to be beside of."""
    if output.kind is OutputKind.REGISTRY:
        attach_document(
            render_sbom(plan, outcome),
            media_type=SBOM_MEDIA_TYPE,
            image=output.reference.with_digest(outcome.digest),
            images=registry,
            output=registry,
            log=log,
        )


def copy_image(name: Reference, *, source: Path, target: Path) -> None:
    """Copy an image from one OCI layout into another, under its tag.

    Raises:
        ImageInvalid: it is not in `source`, or `target` is no layout.
        DiskFull: no space is left.
    """
    layouts = OCILayout(source), OCILayout(target)
    manifest = layouts[0].fetch_manifest(name)
    if manifest is None:
        raise ImageInvalid(f"the layout {source} holds no image of the tag {name.tag}")
    parsed = parse_manifest(manifest.body)
    for blob in (parsed.config, *parsed.layers):
        layouts[1].ensure_blob(
            name,
            digest=blob.digest,
            size_bytes=blob.size_bytes,
            open_body=partial(_open_blob, layouts[0], name, blob.digest),
        )
    layouts[1].ensure_manifest(name, body=manifest.body, media_type=manifest.media_type)


def _open_blob(layout: OCILayout, name: Reference, digest: str) -> BinaryIO:
    return open_until_closed(layout.open_blob(name, digest))
