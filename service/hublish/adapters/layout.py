"""An OCI image layout on disk as a place to read images from and write them to.

A layout is one repository: references choose by tag or digest, their registry and repository are not looked at. What is
written is what skopeo and buildah read: the tag stands in the annotation `org.opencontainers.image.ref.name` of
`index.json`. Every file is written beside and renamed, every digest is verified.

Source: OCI image-spec v1.1, image-layout.md and annotations.md.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from hublish.builders.disk import hash_file, replace_file, write_file
from hublish.core.ports import BlobPush, Manifest
from hublish.core.reference import Reference
from hublish.errors import ImageInvalid, clip

_REF_NAME = "org.opencontainers.image.ref.name"
_INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
_MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# A registry need not take larger manifests (distribution-spec); an index.json is one.
_LARGEST_MANIFEST_BYTES = 4 * 2**20
_CHUNK_BYTES = 1 << 20


class OCILayout:
    """Images in a folder; safe to share between threads and processes."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; it is created by the first write."""
        self._folder = folder

    # -- reading ------------------------------------------------------------------------------------------------------

    def fetch_manifest(self, reference: Reference) -> Manifest | None:
        """Read the manifest under the reference's digest, else its tag, else the only one there is.

        Args:
            reference: its digest or tag counts; one that has neither means the only image of the layout.

        Returns:
            None when the layout has no such manifest, or several and the reference chooses none.

        Raises:
            ImageInvalid: the folder is no layout, or the bytes do not match the digest.
        """
        described = self._find_descriptor(reference)
        digest = reference.digest if described is None else _digest_of(described)
        if digest is None:
            return None
        path = self._blob_path(digest)
        try:
            body = path.read_bytes() if path.stat().st_size <= _LARGEST_MANIFEST_BYTES else None
        except FileNotFoundError:
            return None
        if body is None:
            raise ImageInvalid(
                f"the manifest {digest} in {self._folder} is larger than {_LARGEST_MANIFEST_BYTES} bytes"
            )
        _verify_digest(digest, "sha256:" + hashlib.sha256(body).hexdigest(), self._folder)
        return Manifest(body=body, media_type=_media_type_of(described, body), digest=digest)

    @contextmanager
    def open_blob(self, reference: Reference, digest: str) -> Iterator[BinaryIO]:
        """Open a blob as stored; reading it to its end verifies the digest.

        Args:
            reference: not looked at; a layout is one repository.
            digest: "sha256:..." of the blob.

        Raises:
            ImageInvalid: there is no such blob; or, from the last `read`, its bytes do not match.
        """
        try:
            stream = self._blob_path(digest).open("rb")
        except FileNotFoundError:
            raise ImageInvalid(f"the blob {digest} of {reference} is missing in {self._folder}") from None
        with stream, _VerifiedReader(stream, digest=digest, folder=self._folder) as verified:
            yield io.BufferedReader(verified, _CHUNK_BYTES)

    # -- writing ------------------------------------------------------------------------------------------------------

    def ensure_blob(
        self,
        reference: Reference,  # noqa: ARG002 - a layout is one repository
        *,
        digest: str,
        size_bytes: int,
        open_body: Callable[[], BinaryIO],
        mount_from: tuple[Reference, ...] = (),  # noqa: ARG002 - nothing to mount from
        progress: Callable[[int], None] | None = None,
    ) -> BlobPush:
        """Make sure the layout holds the blob; a damaged one is written anew.

        Raises:
            ImageInvalid: `open_body()` gave other bytes than `digest` and `size_bytes` say; nothing was kept.
            DiskFull: no space is left.
        """
        path = self._blob_path(digest)
        if _is_intact(path, digest=digest, size_bytes=size_bytes):
            return BlobPush(transfer="present", uploaded_bytes=0)
        found = hashlib.sha256()
        written = 0
        with open_body() as body, replace_file(path) as stream:
            while chunk := body.read(_CHUNK_BYTES):
                stream.write(chunk)
                found.update(chunk)
                written += len(chunk)
                if progress is not None:
                    progress(len(chunk))
            _verify_digest(digest, "sha256:" + found.hexdigest(), self._folder)
            if written != size_bytes:
                raise ImageInvalid(f"expected {size_bytes} bytes for the blob {digest}, found {written}")
        return BlobPush(transfer="written", uploaded_bytes=written)

    def ensure_manifest(self, reference: Reference, *, body: bytes, media_type: str) -> str:
        """Store a manifest and list it in `index.json` under the reference's tag.

        A tag that named another manifest moves. Without a tag the manifest is listed without a name.

        Returns:
            Its digest.

        Raises:
            ImageInvalid: the folder is no layout, or the reference's digest is another one.
            DiskFull: no space is left.
        """
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        if reference.digest is not None:
            _verify_digest(reference.digest, digest, self._folder)
        self.ensure_blob(reference, digest=digest, size_bytes=len(body), open_body=lambda: io.BytesIO(body))
        with self._locked():
            index = self._load_index() if (self._folder / "index.json").exists() else _empty_index()
            listed = {"mediaType": media_type, "digest": digest, "size": len(body)}
            index["manifests"] = _list_manifest(index["manifests"], listed, reference.tag)
            write_file(self._folder / "oci-layout", _LAYOUT)
            write_file(self._folder / "index.json", json.dumps(index, separators=(",", ":")).encode())
        return digest

    # -- files --------------------------------------------------------------------------------------------------------

    def _blob_path(self, digest: str) -> Path:
        if _DIGEST.fullmatch(digest) is None:
            raise ImageInvalid(f"expected a digest sha256:<64 hex digits>, found {clip(digest)}")
        return self._folder / "blobs" / "sha256" / digest.removeprefix("sha256:")

    def _find_descriptor(self, reference: Reference) -> dict[str, Any] | None:
        listed = self._load_index()["manifests"]
        if reference.digest is not None:
            found = [item for item in listed if item["digest"] == reference.digest]
        elif reference.tag is not None:
            names = (reference.tag, str(reference))
            found = [item for item in listed if item.get("annotations", {}).get(_REF_NAME) in names]
        else:
            found = listed if len({item["digest"] for item in listed}) == 1 else []
        return found[0] if found else None

    def _load_index(self) -> dict[str, Any]:
        path = self._folder / "index.json"
        try:
            if not (self._folder / "oci-layout").is_file() or path.stat().st_size > _LARGEST_MANIFEST_BYTES:
                raise FileNotFoundError
            index = json.loads(path.read_bytes())
        except (FileNotFoundError, ValueError):
            raise ImageInvalid(
                f"{self._folder} is no OCI image layout (files oci-layout and index.json)",
                hint="Make one with `hublish build --output`, `skopeo copy` or `buildah push`.",
            ) from None
        if not _is_index(index):
            raise ImageInvalid(f"{path} is no OCI image index: expected a list `manifests` of descriptors")
        return dict(index)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # The folder itself is locked: a lock file would be a stranger in the layout.
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


class _VerifiedReader(io.RawIOBase):
    """Hashes what is read and compares when the end is reached."""

    def __init__(self, stream: BinaryIO, *, digest: str, folder: Path) -> None:
        super().__init__()
        self._stream = stream
        self._digest = digest
        self._folder = folder
        self._found = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = self._stream.read(len(buffer))
        if not chunk:
            _verify_digest(self._digest, "sha256:" + self._found.hexdigest(), self._folder)
        self._found.update(chunk)
        buffer[: len(chunk)] = chunk
        return len(chunk)


def _empty_index() -> dict[str, Any]:
    return {"schemaVersion": 2, "mediaType": _INDEX_TYPE, "manifests": []}


def _list_manifest(listed: list[dict[str, Any]], new: dict[str, Any], tag: str | None) -> list[dict[str, Any]]:
    """The list with `new` under `tag`: another manifest of that name, and a nameless line of this one, make room."""
    kept = [item for item in listed if item.get("annotations", {}).get(_REF_NAME) != tag or tag is None]
    kept = [item for item in kept if item["digest"] != new["digest"] or _REF_NAME in item.get("annotations", {})]
    if tag is not None:
        return [*kept, {**new, "annotations": {_REF_NAME: tag}}]
    return kept if any(item["digest"] == new["digest"] for item in kept) else [*kept, new]


def _is_index(index: object) -> bool:
    listed = index.get("manifests") if isinstance(index, dict) else None
    return isinstance(listed, list) and all(
        isinstance(item, dict) and isinstance(item.get("digest"), str) and isinstance(item.get("annotations", {}), dict)
        for item in listed
    )


def _digest_of(descriptor: dict[str, Any]) -> str:
    return str(descriptor["digest"])


def _media_type_of(descriptor: dict[str, Any] | None, body: bytes) -> str:
    """By the descriptor, else by the manifest's own word, else by its shape (`mediaType` is optional in both)."""
    if descriptor is not None and isinstance(descriptor.get("mediaType"), str):
        return str(descriptor["mediaType"])
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise ImageInvalid("expected a manifest, found bytes that are no JSON object")
    if isinstance(parsed.get("mediaType"), str):
        return str(parsed["mediaType"])
    return _INDEX_TYPE if "manifests" in parsed else _MANIFEST_TYPE


def _is_intact(path: Path, *, digest: str, size_bytes: int) -> bool:
    try:
        if path.stat().st_size != size_bytes:
            return False
        return "sha256:" + hash_file(path) == digest
    except FileNotFoundError:
        return False


def _verify_digest(expected: str, found: str, folder: Path) -> None:
    if found != expected:
        raise ImageInvalid(f"expected {clip(expected)} in {folder}, found bytes with {found}")
