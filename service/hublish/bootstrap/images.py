"""Images of registries and of layouts on disk, behind one port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from hublish.adapters.layout import OCILayout
from hublish.core.ports import ImageReader, Manifest
from hublish.core.reference import Reference
from hublish.errors import BuildFailed

LAYOUT_HOST = "oci-layout.invalid"
"""Registry name of an image that lies in a layout on disk; .invalid can never be a host's name (RFC 6761)."""


class Images:
    """Images of registries and of one layout, behind one port: a base, or an image to be verified, may lie in either."""

    def __init__(self, registry: ImageReader) -> None:
        self._registry = registry
        self._layouts: dict[str, OCILayout] = {}

    def add_layout(self, folder: Path) -> Reference:
        """Make the only image of a layout readable; returns its reference.

        Raises:
            BuildFailed: the layout holds no image, or several.
        """
        layout = OCILayout(folder)
        anywhere = Reference(registry=LAYOUT_HOST, repository=f"layout-{len(self._layouts) + 1}")
        manifest = layout.fetch_manifest(anywhere)
        if manifest is None:
            raise BuildFailed(f"{folder} does not hold exactly one image", hint="give a layout with one image")
        self._layouts[anywhere.repository] = layout
        return anywhere.with_digest(manifest.digest)

    def fetch_manifest(self, reference: Reference) -> Manifest | None:
        """See ImageReader."""
        return self._find(reference).fetch_manifest(reference)

    @contextmanager
    def open_blob(self, reference: Reference, digest: str) -> Iterator[BinaryIO]:
        """See ImageReader."""
        with self._find(reference).open_blob(reference, digest) as body:
            yield body

    def _find(self, reference: Reference) -> ImageReader:
        return self._layouts[reference.repository] if reference.registry == LAYOUT_HOST else self._registry
