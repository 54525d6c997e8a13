"""The bases of a container build under names of this machine: fetched by hublish's own client, never by the engine.

So the engine needs no credential, asks no registry, and builds on exactly the bytes that the plan pinned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from hublish.builders.baseimage.image import BaseImage, read_base_image, verify_size
from hublish.builders.dockerfile.pinning import render_pinned
from hublish.builders.dockerfile.stages import DockerfileInputs, ImageUse, read_dockerfile
from hublish.builders.layered.assembly import Image
from hublish.builders.push import PushAhead, push_image
from hublish.core.container import BasePin, ContainerBuild
from hublish.core.finding import has_error
from hublish.core.ports import ImageReader, ImageWriter, ProgressSink
from hublish.core.reference import Reference
from hublish.errors import BuildFailed
from hublish.oci.manifest import ImageManifest, render_manifest

LOCAL_HOST = "hublish.invalid"
"""Registry name of images that only this machine's engine has; .invalid can never be a host's name (RFC 6761)."""
_KEPT_DIGITS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalBase:
    """One base.

    Attributes:
        pinned: as the plan's Dockerfile names it.
        local: what it is called here.
        image: manifest and config.
    """

    pinned: Reference
    local: Reference
    image: BaseImage


def open_bases(build: ContainerBuild, images: ImageReader) -> tuple[LocalBase, ...]:
    """Read manifest and config of every base.

    Raises:
        BaseUnsupported: one is gone, or is none for the platform that is asked for.
        BuildFailed: together they are larger than the image may be.
        RegistryFailed: it cannot be read.
    """
    platforms = {use.name: use.platform for use in _find_uses(build)}
    bases = tuple(_open_base(pin, images, platforms.get(str(pin.image)) or build.platform) for pin in build.bases)
    for base in bases:
        verify_size(base.image, named=base.pinned, limit_bytes=build.size_bytes)
    return bases


def _open_base(pin: BasePin, images: ImageReader, platform: str) -> LocalBase:
    image = read_base_image(images, pin.image, platform=platform)
    digits = (image.reference.digest or "").removeprefix("sha256:")[:_KEPT_DIGITS]
    return LocalBase(pinned=pin.image, local=Reference(registry=LOCAL_HOST, repository="base", tag=digits), image=image)


def render_local(build: ContainerBuild, bases: tuple[LocalBase, ...]) -> str:
    """Render the Dockerfile with the bases under their names here; no other byte changes.

    Raises:
        BuildFailed: the plan's Dockerfile cannot be read, or names an image that it does not pin.
    """
    uses = _find_uses(build)
    names: Mapping[str, LocalBase] = {str(base.pinned): base for base in bases}
    for use in uses:
        if use.name not in names:
            raise BuildFailed(f"the plan's Dockerfile names {use.name} in line {use.line}, which the plan does not pin")
    pins = [BasePin(name=name, image=base.local) for name, base in names.items()]
    return render_pinned(build.dockerfile_text, uses, pins)


def _find_uses(build: ContainerBuild) -> tuple[ImageUse, ...]:
    read = read_dockerfile(
        DockerfileInputs(
            text=build.dockerfile_text,
            path="Dockerfile",
            args=build.args,
            target=build.target,
            platform=build.platform,
            config_path="",
        )
    )
    if has_error(read.findings):
        raise BuildFailed(f"the plan's Dockerfile cannot be built: {read.findings[0].message}")
    return read.uses


def copy_base(
    base: LocalBase,
    *,
    images: ImageReader,
    output: ImageWriter,
    progress: ProgressSink,
    verify_running: Callable[[], None],
) -> None:
    """Copy a base to where the engine reads it, under its name here.

    Raises:
        RegistryFailed: a layer cannot be read.
        ImageInvalid: a layer is not what the manifest says.
    """
    manifest = ImageManifest(config=base.image.manifest.config, layers=base.image.manifest.layers)
    image = Image(
        config_body=base.image.config_body,
        manifest_body=render_manifest(manifest, annotations={}),
        config=replace(base.image.manifest.config),
        base=base.image,
        layers=(),
    )
    ahead = PushAhead(images=images, output=output, target=base.local, limit_bytes=0, verify_running=verify_running)
    with ahead:
        push_image(
            image,
            ahead=ahead,
            images=images,
            output=output,
            target=base.local,
            progress=progress,
            verify_running=verify_running,
        )
