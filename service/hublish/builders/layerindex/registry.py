"""The layer index in a registry: one artifact under the tag `hublish-cache` beside the images it was learnt from.

Its first file is the signed index; the files behind it are what entries lead to, so that a registry's clean-up keeps
them. A reader believes what a known key signed for the same owner and the owner's own code, and nothing else; whatever
cannot be believed is left aside with one remark. The registry itself is not trusted, and an old index that it hands out
again is harmless: each key covers everything its entry depends on, so that an entry is either right or never asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hublish.builders.layerindex.document import IndexDocument, parse_index
from hublish.builders.layerindex.entries import BlobPointer, Table
from hublish.builders.layerindex.envelope import ENVELOPE_TYPE, open_envelope
from hublish.core.ports import ImageReader, Manifest
from hublish.core.reference import Reference
from hublish.errors import HublishError, ImageInvalid, clip
from hublish.oci.artifact import Artifact, parse_artifact
from hublish.oci.manifest import Descriptor, make_digest

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

CACHE_TAG = "hublish-cache"
ARTIFACT_TYPE = "application/vnd.hublish.layer-index.v1"
INDEX_TYPE = "application/vnd.hublish.layer-index.v1+json"
FILE_TYPES = {
    Table.LAYERS: "application/vnd.hublish.layer-contents.v1+json+gzip",
    Table.BASES: "application/vnd.hublish.base-facts.v1+json+gzip",
}
ENVELOPE_LIMIT_BYTES = 64 << 20
FILE_LIMIT_BYTES = 32 << 20


class RegistryIndex:
    """The index of one repository, read when it is first asked; safe to share between threads.

    Args:
        images: where it is read from.
        repository: whose index.
        open_keys: gives the keys whose signatures count; called when there is an index to look at.
        owner: whose builds must have written it.
    """

    def __init__(
        self,
        images: ImageReader,
        repository: Reference,
        *,
        open_keys: Callable[[], Sequence[Ed25519PublicKey]],
        owner: str,
    ) -> None:
        self._images = images
        self._repository = replace(repository, tag=None, digest=None)
        self._open_keys = open_keys
        self._owner = owner
        self._lock = threading.Lock()
        self._asked = False
        self._document: IndexDocument | None = None
        self._artifact: Artifact | None = None
        self._remarks: list[str] = []

    @property
    def repository(self) -> Reference | None:
        """The repository that holds the layers of the entries."""
        return self._repository

    def find(self, table: Table, key: str) -> object | None:
        """An entry of the index, if that can be believed."""
        document = self.load()
        return None if document is None else document.tables[table].get(key)

    def read_blob(self, table: Table, pointer: BlobPointer) -> bytes | None:
        """A file that the index names."""
        known = self.list_files()
        if known.get(pointer.digest) != pointer.size_bytes or pointer.size_bytes > FILE_LIMIT_BYTES:
            return None
        try:
            return self._read(
                Descriptor(media_type=FILE_TYPES[table], digest=pointer.digest, size_bytes=pointer.size_bytes)
            )
        except HublishError as error:
            self._remark(error)
            return None

    def list_files(self) -> dict[str, int]:
        """Digest -> size of the files that stand beside the index; none where the index cannot be believed."""
        if self.load() is None or self._artifact is None:
            return {}
        return {blob.digest: blob.size_bytes for blob in self._artifact.blobs[1:]}

    def take_remarks(self) -> tuple[str, ...]:
        """Why the index, or a file of it, is not used."""
        with self._lock:
            taken, self._remarks = tuple(self._remarks), []
        return taken

    def load(self, manifest: Manifest | None = None) -> IndexDocument | None:
        """Read the index once; None when there is none that can be believed.

        Args:
            manifest: of the artifact, where it was fetched already.
        """
        with self._lock:
            if not self._asked:
                self._asked = True
                try:
                    self._fetch(manifest)
                except HublishError as error:
                    self._note(error)
            return self._document

    def _fetch(self, manifest: Manifest | None) -> None:
        if manifest is None:
            manifest = self._images.fetch_manifest(self._repository.with_tag(CACHE_TAG))
        if manifest is None:
            return
        artifact = parse_artifact(manifest.body)
        first = artifact.blobs[0] if artifact.blobs else None
        if artifact.artifact_type != ARTIFACT_TYPE or first is None or first.media_type != ENVELOPE_TYPE:
            raise ImageInvalid(f"expected an artifact of the type {ARTIFACT_TYPE} with a signed index in it")
        if first.size_bytes > ENVELOPE_LIMIT_BYTES:
            raise ImageInvalid(f"expected an index of at most {ENVELOPE_LIMIT_BYTES} bytes, got {first.size_bytes}")
        payload = open_envelope(self._read(first), payload_type=INDEX_TYPE, keys=self._open_keys())
        self._document, self._artifact = parse_index(payload, owner=self._owner), artifact

    def _read(self, descriptor: Descriptor) -> bytes:
        with self._images.open_blob(self._repository, descriptor.digest) as stream:
            body = stream.read(descriptor.size_bytes + 1)
        if len(body) != descriptor.size_bytes or make_digest(body) != descriptor.digest:
            raise ImageInvalid(f"a file of the layer index is not what its digest {descriptor.digest} says")
        return body

    def _remark(self, error: HublishError) -> None:
        with self._lock:
            self._note(error)

    def _note(self, error: HublishError) -> None:
        self._remarks.append(f"warning: the layer index of {self._repository.name} is not used: {clip(error.message)}")
