"""Wheels installed into one layer: the work of one process, from files to a blob, with nothing kept between.

Source: PyPA "Binary distribution format" (schemes, scripts), "Recording installed projects" (RECORD, INSTALLER).
"""

from __future__ import annotations

import hashlib
import io
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from posixpath import normpath
from typing import BinaryIO

from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.records import Hash, RecordEntry
from installer.scripts import InvalidScript, Script
from installer.utils import Scheme

from hublish.builders.bytecode import is_worth_compiling, make_bytecode, make_bytecode_path
from hublish.builders.environment import TargetEnvironment
from hublish.builders.layertree import LayerTree, open_layer_file
from hublish.builders.wheelfile import LargeMember, open_wheel
from hublish.errors import BuildFailed, WheelInvalid, clip
from hublish.oci.layers import LayerBlob

_CHUNK_BYTES = 1 << 20
_FINGERPRINT_DIGITS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelLayerJob:
    """What one process is asked to do.

    Attributes:
        wheels: archives, in the order they are installed.
        environment: where they go.
        bytecode: whether modules are compiled.
        folder: where the blob is written, under its digest's hex.
    """

    wheels: tuple[Path, ...]
    environment: TargetEnvironment
    bytecode: bool
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelContents:
    """What one wheel brought: its file name, and `(absolute path, short hash)` of each file."""

    wheel: str
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelLayer:
    """A finished layer and what is in it."""

    blob: LayerBlob
    contents: tuple[WheelContents, ...]


def make_wheel_layer(job: WheelLayerJob) -> WheelLayer:
    """Install wheels into a layer.

    Raises:
        WheelInvalid: a wheel breaks its format, its RECORD or a limit.
        BuildFailed: two wheels bring one path with different bytes.
    """
    written: dict[str, tuple[str, str]] = {}
    contents: list[WheelContents] = []
    with open_layer_file(job.folder, job.environment) as layer:
        for path in job.wheels:
            with open_wheel(path) as wheel:
                destination = _LayerDestination(
                    layer.tree, job, wheel=path.name, distribution=wheel.distribution, written=written
                )
                install(wheel, destination, {"INSTALLER": b"hublish\n"})
            contents.append(WheelContents(wheel=path.name, files=tuple(sorted(destination.files.items()))))
    return WheelLayer(blob=layer.finished, contents=tuple(contents))


class _LayerDestination(SchemeDictionaryDestination):
    """Where `installer` puts files: a layer instead of a disk."""

    def __init__(
        self,
        tree: LayerTree,
        job: WheelLayerJob,
        *,
        wheel: str,
        distribution: str,
        written: dict[str, tuple[str, str]],
    ) -> None:
        super().__init__(job.environment.scheme_folders(distribution), job.environment.interpreter, "posix")
        self._tree = tree
        self._environment = job.environment
        self._bytecode = job.bytecode
        self._wheel = wheel
        self._written = written
        self._compiled: list[tuple[Scheme, RecordEntry]] = []
        self.files: dict[str, str] = {}

    def write_to_fs(self, scheme: Scheme, path: str, stream: BinaryIO, is_executable: bool) -> RecordEntry:  # noqa: FBT001 -- the signature is installer's
        """Put one file into the layer."""
        full = normpath(f"{self.scheme_dict[scheme]}/{path}")
        if not full.startswith(self.scheme_dict[scheme] + "/"):
            raise WheelInvalid(f"{self._wheel}: the path {clip(path)!r} leaves its place")
        if isinstance(stream, LargeMember):
            return self._put_large(path, full, stream, is_executable=is_executable)
        body = stream.read()
        entry = self._put(path, full, body, is_executable=is_executable)
        if self._bytecode and scheme in {"purelib", "platlib"} and is_worth_compiling(path):
            self._compile(scheme, path, full, body)
        return entry

    def write_script(self, name: str, module: str, attr: str, section: str) -> RecordEntry:
        """Put the script of an entry point into the layer; all of them start with the environment's interpreter."""
        try:
            script = Script(name, module, attr, "gui" if section == "gui" else "console")
            filename, body = script.generate(self.interpreter, "posix")
        except InvalidScript as exc:
            raise WheelInvalid(f"{self._wheel}: the entry point {clip(name)!r} makes no script") from exc
        return self.write_to_fs(Scheme("scripts"), filename, io.BytesIO(body), is_executable=True)

    def finalize_installation(
        self, scheme: Scheme, record_file_path: str, records: Iterable[tuple[Scheme, RecordEntry]]
    ) -> None:
        """Write RECORD, with the compiled modules, so that an installer can remove all of it again."""
        super().finalize_installation(scheme, record_file_path, [*records, *self._compiled])

    def _compile(self, scheme: Scheme, path: str, full: str, source: bytes) -> None:
        body = make_bytecode(source, path=full)
        if body is not None:
            target = make_bytecode_path(path)
            entry = self._put(target, make_bytecode_path(full), body, is_executable=False)
            self._compiled.append((scheme, entry))

    def _put(self, path: str, full: str, body: bytes, *, is_executable: bool) -> RecordEntry:
        digest = hashlib.sha256(body)
        if self._claim(full, digest.hexdigest()):
            self._tree.add_file(full, (body,), size_bytes=len(body), mode=self._mode(is_executable=is_executable))
        return _make_entry(path, digest, size_bytes=len(body))

    def _put_large(self, path: str, full: str, stream: LargeMember, *, is_executable: bool) -> RecordEntry:
        # The first reading gives the hash that decides whether the path is free; the second writes.
        digest = hashlib.sha256()
        for chunk in _read_chunks(stream):
            digest.update(chunk)
        stream.seek(0)
        if self._claim(full, digest.hexdigest()):
            mode = self._mode(is_executable=is_executable)
            self._tree.add_file(full, _read_chunks(stream), size_bytes=stream.size_bytes, mode=mode)
        return _make_entry(path, digest, size_bytes=stream.size_bytes)

    def _mode(self, *, is_executable: bool) -> int:
        return self._environment.executable_mode if is_executable else self._environment.file_mode

    def _claim(self, full: str, sha256: str) -> bool:
        """Note who brings a path; False when the same bytes are there already."""
        located = self._tree.locate(full)
        if full in self._environment.reserved or located in self._environment.reserved:
            raise BuildFailed(f"{self._wheel} brings {clip(full)}, which the environment itself needs to start")
        fingerprint = sha256[:_FINGERPRINT_DIGITS]
        self.files[located] = fingerprint
        earlier = self._written.get(located)
        if earlier is None:
            self._written[located] = (self._wheel, fingerprint)
            return True
        if earlier[1] != fingerprint:
            raise make_conflict(located, earlier[0], self._wheel)
        return False


def _read_chunks(stream: LargeMember) -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK_BYTES):
        yield chunk


def _make_entry(path: str, digest: hashlib._Hash, *, size_bytes: int) -> RecordEntry:
    return RecordEntry(path, Hash("sha256", urlsafe_b64encode(digest.digest()).decode().rstrip("=")), size_bytes)


def make_conflict(path: str, first: str, second: str) -> BuildFailed:
    """Make the error for one path that two wheels bring with different bytes."""
    return BuildFailed(
        f"{first} and {second} both bring {clip(path)}, with different bytes",
        hint="Only one of the two can be installed: remove or replace one in the Pipfile, then run `pipenv lock`.",
    )
