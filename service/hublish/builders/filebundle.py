"""Files on their way through a registry: an artifact whose blobs are the files as they are, each with its name.

What comes back is what a stranger's code left: names, number and size are held against limits, and every byte against its
digest.

Source: OCI image-spec v1.1, manifest.md ("Guidelines for artifact usage").
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from hublish.builders.disk import replace_file
from hublish.core.ports import ImageReader, ImageWriter
from hublish.core.reference import Reference
from hublish.errors import ImageInvalid, clip
from hublish.oci.artifact import EMPTY, EMPTY_BODY, parse_artifact, render_artifact
from hublish.oci.manifest import OCI_MANIFEST, Descriptor

ARTIFACT_TYPE = "application/vnd.hublish.files.v1"
FILES_LIMIT = 1000
_FILE_TYPE = "application/octet-stream"
_KEY = "io.github.hublish.file."
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,254}")
_CHUNK_BYTES = 1 << 20


def push_files(files: Mapping[str, Path], *, output: ImageWriter, target: Reference) -> str:
    """Put files into a registry; returns the digest of their artifact. The same files give the same digest.

    Args:
        files: name -> file.
        output: where they go.
        target: repository and tag.

    Raises:
        RegistryFailed, ImageInvalid: see ImageWriter.
    """
    blobs = []
    for name in sorted(files):
        blob = _describe(files[name])
        output.ensure_blob(target, digest=blob.digest, size_bytes=blob.size_bytes, open_body=_open_later(files[name]))
        blobs.append(blob)
    output.ensure_blob(
        target, digest=EMPTY.digest, size_bytes=EMPTY.size_bytes, open_body=lambda: io.BytesIO(EMPTY_BODY)
    )
    names = {f"{_KEY}{number}": name for number, name in enumerate(sorted(files))}
    return output.ensure_manifest(
        target, body=render_artifact(ARTIFACT_TYPE, blobs, annotations=names), media_type=OCI_MANIFEST
    )


def parse_files(body: bytes, *, limit_bytes: int) -> dict[str, Descriptor]:
    """Parse the manifest of an artifact of files: name -> blob.

    Raises:
        ImageInvalid: it is none, or its files have names, a number or a size that no such artifact has.
    """
    artifact = parse_artifact(body)
    if artifact.artifact_type != ARTIFACT_TYPE:
        raise ImageInvalid(f"expected an artifact of files, got one of {clip(artifact.artifact_type)}")
    names = [artifact.annotations.get(f"{_KEY}{number}", "") for number in range(len(artifact.blobs))]
    if len(names) > FILES_LIMIT or len(set(names)) != len(names):
        raise ImageInvalid(f"expected at most {FILES_LIMIT} files, each with a name of its own, got {len(names)}")
    strange = next((name for name in names if _NAME.fullmatch(name) is None), None)
    if strange is not None:
        raise ImageInvalid(f"expected plain names of files, got {clip(strange)!r}")
    if sum(blob.size_bytes for blob in artifact.blobs) > limit_bytes:
        raise ImageInvalid(f"the files have more than {limit_bytes} bytes")
    return dict(zip(names, artifact.blobs, strict=True))


def fetch_files(
    place: Reference, folder: Path, *, images: ImageReader, limit_bytes: int, verify_running: Callable[[], None]
) -> dict[str, Path]:
    """Bring the files of an artifact into a folder.

    Args:
        place: where the artifact stands, pinned by digest.
        folder: made when needed.
        images: the registry.
        limit_bytes: of all files.
        verify_running: raises when it is to stop.

    Returns:
        Name -> file, by name.

    Raises:
        ImageInvalid: there is no such artifact, or it is not what it says.
        RegistryFailed: it cannot be read. DiskFull.
    """
    found = images.fetch_manifest(place)
    if found is None:
        raise ImageInvalid(f"the registry has no {place}")
    files = parse_files(found.body, limit_bytes=limit_bytes)
    return {
        name: fetch_file(place, files[name], folder / name, images=images, verify_running=verify_running)
        for name in sorted(files)
    }


def fetch_file(
    place: Reference, blob: Descriptor, path: Path, *, images: ImageReader, verify_running: Callable[[], None]
) -> Path:
    """Bring one blob here; returns the path.

    Raises:
        ImageInvalid: it has other bytes than its digest and size say; nothing is kept.
        RegistryFailed: it cannot be read. DiskFull.
    """
    digest, size_bytes = hashlib.sha256(), 0
    with images.open_blob(place, blob.digest) as body, replace_file(path) as copy:
        while chunk := body.read(_CHUNK_BYTES):
            verify_running()
            size_bytes += len(chunk)
            if size_bytes > blob.size_bytes:
                break
            digest.update(chunk)
            copy.write(chunk)
        if (size_bytes, f"sha256:{digest.hexdigest()}") != (blob.size_bytes, blob.digest):
            raise ImageInvalid(f"the blob {blob.digest} of {place.name} is not what its digest and size say")
    return path


def _open_later(path: Path) -> Callable[[], BinaryIO]:
    return lambda: path.open("rb")


def _describe(path: Path) -> Descriptor:
    with path.open("rb") as body:
        digest = hashlib.file_digest(body, "sha256").hexdigest()
        return Descriptor(media_type=_FILE_TYPE, digest=f"sha256:{digest}", size_bytes=_measure(body))


def _measure(body: BinaryIO) -> int:
    return body.seek(0, io.SEEK_END)
