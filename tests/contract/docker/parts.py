"""What the tests of docker's outputs share: a small image over busybox-like nothing, and the way to write it."""

from __future__ import annotations

import io
from dataclasses import dataclass

from hublish.core.ports import ImageWriter
from hublish.core.reference import Reference
from hublish.oci.manifest import OCI_MANIFEST, parse_manifest
from tests.fakes import FakeImages, make_tar

NAME = Reference(registry="registry.example.org", repository="team/ts", tag="v1")


@dataclass
class SmallImage:
    """An image of two layers in memory."""

    images: FakeImages
    manifest: bytes

    @property
    def image_id(self) -> str:
        return parse_manifest(self.manifest).config.digest

    def blobs(self) -> dict[str, bytes]:
        parsed = parse_manifest(self.manifest)
        return {blob.digest: self.images.blobs[NAME.name, blob.digest] for blob in (parsed.config, *parsed.layers)}

    def write(self, output: ImageWriter, name: Reference = NAME) -> str:
        """Write it as a build does: blobs, then the manifest."""
        for digest, body in self.blobs().items():
            output.ensure_blob(name, digest=digest, size_bytes=len(body), open_body=lambda body=body: io.BytesIO(body))
        return output.ensure_manifest(name, body=self.manifest, media_type=OCI_MANIFEST)


def make_image(text: bytes = b"hello\n") -> SmallImage:
    images = FakeImages()
    digest = images.add_image(NAME, [make_tar({"/etc": (0o755, 0, 0), "/etc/a": text}), make_tar({"/b": b"b" * 5000})])
    manifest = images.fetch_manifest(NAME.with_digest(digest))
    assert manifest is not None
    return SmallImage(images, manifest.body)
