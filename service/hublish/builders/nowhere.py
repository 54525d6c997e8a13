"""Nowhere as a place for an image: a build that is only tried takes every step but the push, and needs no login that writes.

Nothing is read, sent or kept. The digest is the one that a registry would report, as it depends on the manifest alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from hublish.core.ports import BlobPush
from hublish.core.reference import Reference
from hublish.oci.manifest import make_digest

NOWHERE = Reference(registry="nowhere.invalid", repository="image", tag="tried")
"""What stands for a target where builders want one; .invalid can never be a host's name (RFC 6761)."""


class Nowhere:
    """An ImageWriter that writes nothing."""

    def ensure_blob(
        self,
        reference: Reference,  # noqa: ARG002  # the port's
        *,
        digest: str,  # noqa: ARG002  # the port's
        size_bytes: int,  # noqa: ARG002  # the port's
        open_body: Callable[[], BinaryIO],  # noqa: ARG002  # the port's
        mount_from: tuple[Reference, ...] = (),  # noqa: ARG002  # the port's
        progress: Callable[[int], None] | None = None,  # noqa: ARG002  # the port's
    ) -> BlobPush:
        """See ImageWriter; the body is not opened."""
        return BlobPush(transfer="dropped", uploaded_bytes=0)

    def ensure_manifest(self, reference: Reference, *, body: bytes, media_type: str) -> str:  # noqa: ARG002  # the port's
        """See ImageWriter; the digest is of what would have been written."""
        return make_digest(body)
