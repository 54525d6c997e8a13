"""From the names of images in a Dockerfile to digests, and the same Dockerfile with those in their place.

A name is resolved once, when the plan is made; what cannot be resolved is a finding at its line. No other byte changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hublish.builders.baseimage.image import read_base_image
from hublish.builders.dockerfile.stages import ImageUse
from hublish.core.container import BasePin
from hublish.core.finding import Finding, Severity
from hublish.core.ports import ImageReader
from hublish.core.reference import Reference, parse_reference
from hublish.errors import BaseUnsupported, HublishError, RegistryFailed

# Every engine reads a name without a registry as one of Docker Hub, and one without a tag as "latest".
DEFAULT_REGISTRY = "docker.io"
DEFAULT_TAG = "latest"


def resolve_images(
    uses: Iterable[ImageUse], *, images: ImageReader, platform: str, path: str
) -> tuple[tuple[BasePin, ...], tuple[Finding, ...]]:
    """Resolve every image to a digest.

    Args:
        uses: where the Dockerfile names them.
        images: where they lie.
        platform: `os/architecture` of the build; an image of another is refused unless its FROM asks for it.
        path: of the Dockerfile, for findings.

    Returns:
        `(pins, each name once; findings)`.

    Raises:
        RegistryFailed: a registry failed in a way that may pass.
    """
    pins: dict[str, BasePin] = {}
    findings = []
    for use in uses:
        if use.name in pins:
            continue
        try:
            pins[use.name] = BasePin(name=use.name, image=_resolve(use, images, platform))
        except HublishError as error:
            if isinstance(error, RegistryFailed) and error.transient:
                raise
            findings.append(
                Finding(
                    severity=Severity.ERROR,
                    code=error.code,
                    message=error.message,
                    hint=error.hint,
                    path=path,
                    line=use.line,
                )
            )
    return tuple(pins.values()), tuple(findings)


def render_pinned(text: str, uses: Iterable[ImageUse], pins: Iterable[BasePin]) -> str:
    """Put the digests where the names stand; every use must have its pin."""
    by_name: Mapping[str, Reference] = {pin.name: pin.image for pin in pins}
    for use in sorted(uses, key=lambda use: use.word.start, reverse=True):
        word = f"{use.flag}{by_name[use.name]}{use.rest}"
        text = text[: use.word.start] + word + text[use.word.end :]
    return text


def _resolve(use: ImageUse, images: ImageReader, platform: str) -> Reference:
    reference = parse_reference(use.name, default_registry=DEFAULT_REGISTRY)
    if reference.tag is None and reference.digest is None:
        reference = reference.with_tag(DEFAULT_TAG)
    if use.platform in (None, platform):
        return reference.with_digest(read_base_image(images, reference, platform=platform).named_digest)
    manifest = images.fetch_manifest(reference)
    if manifest is None:
        raise BaseUnsupported(f"the base image {reference} does not exist", hint="Check its name and tag.")
    return reference.with_digest(manifest.digest)
