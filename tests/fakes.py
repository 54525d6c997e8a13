"""Ports in memory, for tests of what stands behind them. Each behaves as its port says, digests included."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from hublish.builders.disk import write_file
from hublish.core.locks.lock import IndexSource
from hublish.core.locks.locker import LockRequest
from hublish.core.ports import BlobPush, IndexFile, Manifest
from hublish.core.reference import Reference
from hublish.core.repository import Repository, ResolvedRef
from hublish.core.source import FileMode, SourceFile, SourceTree
from hublish.errors import HublishError, RegistryFailed, WheelMissing
from hublish.oci.image import HistoryEntry, ImageSpec, render_spec
from hublish.oci.manifest import (
    OCI_CONFIG,
    OCI_LAYER_GZIP,
    OCI_LAYER_ZSTD,
    OCI_MANIFEST,
    ImageManifest,
    make_descriptor,
    make_digest,
    render_manifest,
)
from hublish.oci.zstd_stream import zstd

COMPRESS: Mapping[str, Callable[[bytes], bytes]] = {
    OCI_LAYER_GZIP: lambda layer: gzip.compress(layer, mtime=0),
    OCI_LAYER_ZSTD: zstd.compress,
}
COMMITTED_AT = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
PYTHON_BODY = b"\x7fELF\0some text\x003.11.2\0more"
LIBC_BODY = b"GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\n"
# What a small Debian with Python looks like: path -> bytes, a folder's (mode, uid, gid), or a link's "-> target".
TINY_BASE: Mapping[str, bytes | tuple[int, int, int] | str] = {
    "/bin": "-> usr/bin",
    "/etc": (0o755, 0, 0),
    "/etc/passwd": b"root:x:0:0:root:/root:/bin/bash\n",
    "/home": (0o755, 0, 0),
    "/opt": (0o755, 0, 0),
    "/srv": (0o755, 0, 0),
    "/usr": (0o755, 0, 0),
    "/usr/bin": (0o755, 0, 0),
    "/usr/bin/bash": b"bash",
    "/usr/bin/python3": "-> python3.11",
    "/usr/bin/python3.11": PYTHON_BODY,
    "/usr/lib": (0o755, 0, 0),
    "/usr/lib/python3": (0o755, 0, 0),
    "/usr/lib/python3/dist-packages": (0o755, 0, 0),
    "/usr/lib/x86_64-linux-gnu": (0o755, 0, 0),
    "/usr/lib/x86_64-linux-gnu/libc.so.6": LIBC_BODY,
    "/usr/local": (0o755, 0, 0),
    "/usr/local/bin": (0o755, 0, 0),
    "/usr/local/lib": (0o755, 0, 0),
    "/usr/local/lib/python3.11": (0o755, 0, 0),
    "/usr/local/lib/python3.11/dist-packages": (0o2775, 0, 50),
}


class FakeImages:
    """A registry in memory: ImageReader and ImageWriter over one table of blobs for all repositories."""

    def __init__(self) -> None:
        self.blobs: dict[tuple[str, str], bytes] = {}
        self.manifests: dict[tuple[str, str], Manifest] = {}
        self.pushed: list[tuple[str, str]] = []

    def fetch_manifest(self, reference: Reference) -> Manifest | None:
        return self.manifests.get((reference.name, reference.digest or reference.tag or ""))

    @contextmanager
    def open_blob(self, reference: Reference, digest: str) -> Iterator[BinaryIO]:
        body = self.blobs.get((reference.name, digest))
        if body is None:
            raise RegistryFailed(f"{reference.name} holds no blob {digest}", status=404)
        yield io.BytesIO(body)

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
        if (reference.name, digest) in self.blobs:
            return BlobPush(transfer="present", uploaded_bytes=0)
        for other in mount_from:
            if other.registry == reference.registry and (other.name, digest) in self.blobs:
                self.blobs[reference.name, digest] = self.blobs[other.name, digest]
                return BlobPush(transfer="mounted", uploaded_bytes=0)
        with open_body() as stream:
            body = stream.read()
        assert make_digest(body) == digest
        assert len(body) == size_bytes
        self.blobs[reference.name, digest] = body
        self.pushed.append((reference.name, digest))
        if progress is not None:
            progress(len(body))
        return BlobPush(transfer="uploaded", uploaded_bytes=len(body))

    def lose_blob(self, repository: Reference, digest: str) -> None:
        """Take what a registry's clean-up takes: a blob, and the images that have it."""
        del self.blobs[repository.name, digest]
        for place, manifest in list(self.manifests.items()):
            if place[0] == repository.name and digest.encode() in manifest.body:
                del self.manifests[place]

    def ensure_manifest(self, reference: Reference, *, body: bytes, media_type: str) -> str:
        manifest = Manifest(body=body, media_type=media_type, digest=make_digest(body))
        self.manifests[reference.name, manifest.digest] = manifest
        if reference.tag is not None:
            self.manifests[reference.name, reference.tag] = manifest
        return manifest.digest

    def add_image(
        self,
        reference: Reference,
        layers: list[bytes],
        *,
        spec: Mapping[str, object] | None = None,
        media_type: str = OCI_LAYER_GZIP,
    ) -> str:
        """Put an image of tar streams under a reference; returns the manifest's digest."""
        values: dict[str, object] = {
            "architecture": "amd64",
            "os": "linux",
            "variant": None,
            "created": None,
            "diff_ids": tuple(make_digest(layer) for layer in layers),
            "history": tuple(HistoryEntry(created=None, created_by="base") for _ in layers),
            "environment": (("PATH", "/usr/local/bin:/usr/bin:/bin"),),
            "entrypoint": (),
            "command": (),
            "user": "",
            "working_directory": "",
            "labels": (),
            **(spec or {}),
        }
        config_body = render_spec(ImageSpec(**values))
        config = make_descriptor(config_body, media_type=OCI_CONFIG)
        self.blobs[reference.name, config.digest] = config_body
        descriptors = []
        for layer in layers:
            blob = COMPRESS.get(media_type, bytes)(layer)
            descriptor = make_descriptor(blob, media_type=media_type)
            self.blobs[reference.name, descriptor.digest] = blob
            descriptors.append(descriptor)
        body = render_manifest(ImageManifest(config=config, layers=tuple(descriptors)), annotations={})
        return self.ensure_manifest(reference, body=body, media_type=OCI_MANIFEST)

    def files(self, reference: Reference) -> dict[str, tarfile.TarInfo]:
        """All entries of an image's layers by absolute path, later layers winning; whiteouts are entries too."""
        return {path: info for path, (info, _) in self.entries(reference).items()}

    def read(self, reference: Reference, path: str) -> bytes:
        """The bytes of a file of an image."""
        return self.entries(reference)[path][1]

    def entries(self, reference: Reference) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
        """All entries of an image's layers with their bytes."""
        from hublish.oci.manifest import parse_manifest

        manifest = self.fetch_manifest(reference)
        assert manifest is not None
        found: dict[str, tuple[tarfile.TarInfo, bytes]] = {}
        for layer in parse_manifest(manifest.body).layers:
            with tarfile.open(fileobj=io.BytesIO(self.blobs[reference.name, layer.digest])) as archive:
                for member in archive:
                    body = archive.extractfile(member) if member.isfile() else None
                    found["/" + member.name] = (member, b"" if body is None else body.read())
        return found


def make_tar(entries: Mapping[str, bytes | tuple[int, int, int] | str]) -> bytes:
    """Make a tar stream: bytes make a file, (mode, uid, gid) a folder, "-> target" a symbolic link."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, value in entries.items():
            info = tarfile.TarInfo(path.lstrip("/"))
            if isinstance(value, bytes):
                info.size, info.mode = len(value), 0o755
                archive.addfile(info, io.BytesIO(value))
                continue
            if isinstance(value, str):
                info.type, info.linkname = tarfile.SYMTYPE, value.removeprefix("-> ")
            else:
                info.type = tarfile.DIRTYPE
                info.mode, info.uid, info.gid = value
            archive.addfile(info)
    return stream.getvalue()


@dataclass
class FakeIndex:
    """A package index in memory: file name -> bytes. A file is listed under the name its file name starts with."""

    folder: Path
    wheels: dict[str, bytes] = field(default_factory=dict)
    yanked: dict[str, str] = field(default_factory=dict)
    requires_python: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    metadata: dict[str, bytes] = field(default_factory=dict)

    def add(self, filename: str, body: bytes) -> str:
        """Offer a file; returns its hash as a lock writes it."""
        self.wheels[filename] = body
        return make_digest(body)

    def list_files(
        self, source: IndexSource, name: str, *, hashes: AbstractSet[str] | None = None
    ) -> tuple[IndexFile, ...]:
        return tuple(
            IndexFile(
                filename=filename,
                url=f"{source.url}/{filename}",
                sha256=hashlib.sha256(body).hexdigest(),
                size_bytes=len(body),
                yanked=self.yanked.get(filename),
                requires_python=self.requires_python.get(filename),
                has_metadata=filename in self.metadata,
                metadata_sha256=hashlib.sha256(self.metadata[filename]).hexdigest()
                if filename in self.metadata
                else None,
            )
            for filename, body in self.wheels.items()
            if filename.split("-")[0].replace("_", "-").lower() == name
            and (hashes is None or hashlib.sha256(body).hexdigest() in hashes)
        )

    def fetch_file(self, source: IndexSource, file: IndexFile, progress: Callable[[int], None] | None = None) -> Path:
        if file.filename in self.gone:
            raise WheelMissing(f"{file.filename} is gone from the index")
        path = self.folder / str(file.sha256) / file.filename
        write_file(path, self.wheels[file.filename])  # whole at once, as the real cache has it
        return path

    def find_file(self, file: IndexFile) -> Path | None:
        path = self.folder / str(file.sha256) / file.filename
        return path if path.is_file() else None

    def fetch_metadata(self, source: IndexSource, file: IndexFile) -> bytes | None:
        return self.metadata.get(file.filename)


class FakeSource:
    """A source tree in memory: path -> bytes, or "-> target" for a link."""

    def __init__(
        self,
        files: Mapping[str, bytes | str],
        *,
        name: str = "ts",
        commit: str | None = "a" * 40,
        executable: frozenset[str] = frozenset(),
    ) -> None:
        self.bodies = {path: body for path, body in files.items() if isinstance(body, bytes)}
        listed = []
        for path, body in sorted(files.items()):
            link = body.removeprefix("-> ") if isinstance(body, str) else None
            content = body if isinstance(body, bytes) else (link or "").encode()
            mode = FileMode.EXECUTABLE if path in executable else FileMode.REGULAR
            listed.append(
                SourceFile(
                    path=path,
                    mode=FileMode.SYMLINK if link is not None else mode,
                    size_bytes=0 if link is not None else len(content),
                    sha256=hashlib.sha256(content).hexdigest(),
                    link=link,
                )
            )
        self._tree = SourceTree(
            name=name,
            commit=commit,
            committed_at=None if commit is None else COMMITTED_AT,
            files=tuple(listed),
        )

    @property
    def tree(self) -> SourceTree:
        return self._tree

    def open(self, path: str) -> BinaryIO:
        return io.BytesIO(self.bodies[path])


@dataclass
class FakeSources:
    """A SourceFetcher that knows one source."""

    source: FakeSource

    def fetch_source(self, repository: Repository, ref: ResolvedRef) -> FakeSource:
        return self.source


@dataclass
class FakeLocker:
    """A Locker that gives out `lock`, having said `lines`; `errors` are raised first, one a call."""

    lock: bytes = b""
    lines: tuple[str, ...] = ()
    errors: list[HublishError] = field(default_factory=list)
    requests: list[LockRequest] = field(default_factory=list)

    def make_lock(
        self, request: LockRequest, *, log: Callable[[str], None], verify_running: Callable[[], None]
    ) -> bytes:
        self.requests.append(request)
        for line in self.lines:
            log(line)
        verify_running()
        if self.errors:
            raise self.errors.pop(0)
        return self.lock

    def close(self) -> None:
        """Nothing is at work."""


@dataclass
class FakeLog:
    """A BuildLog that keeps its lines."""

    lines: list[str] = field(default_factory=list)

    def append(self, line: str) -> None:
        self.lines.append(line)
