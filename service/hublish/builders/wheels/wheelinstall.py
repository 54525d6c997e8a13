"""One wheel installed into a layer: schemes, scripts, RECORD, byte-code.

PyPA's `installer` has the rules, made for files on a disk: its parsers and scripts are used, its way through `pathlib`
and over a disk is not; a test installs wheels both ways and compares.

Source: PyPA "Binary distribution format" (schemes, scripts), "Recording installed projects" (RECORD, INSTALLER).
"""

from __future__ import annotations

import csv
import hashlib
import io
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from posixpath import normpath, relpath

from installer.scripts import InvalidScript, Script
from installer.utils import SCHEME_NAMES, fix_shebang, parse_entrypoints, parse_metadata_file

from hublish.builders.layered.environment import TargetEnvironment
from hublish.builders.layered.layertree import LayerTree
from hublish.builders.wheels.bytecode import is_worth_compiling, make_bytecode, make_bytecode_path
from hublish.builders.wheels.claims import Claims
from hublish.builders.wheels.wheelfile import CheckedWheel, WheelMember
from hublish.errors import BuildFailed, WheelInvalid, clip

_FINGERPRINT_DIGITS = 32
_LIBRARIES = frozenset({"purelib", "platlib"})
_GENERIC_SHEBANG = b"#!python"
# Byte-code waits until its wheel is written, because small members compress badly; a wheel that makes more than this
# gets it in several parts.
HELD_BYTES = 32 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a file goes: its scheme, its path within it, and the absolute path."""

    scheme: str
    path: str
    full: str


class WheelInstallation:
    """Installs one wheel.

    Args:
        wheel: opened.
        tree: of the layer.
        environment: where it goes.
        claims: of all wheels of the layer.
        bytecode: whether modules are compiled.
        known: byte-code that was made before, by the absolute path of its source; None when there is none.

    Attributes:
        compiled: byte-code that was made, by the absolute path of its source; None when it was too much to be held.
        files: `absolute path -> short hash` of what it brought.
    """

    def __init__(
        self,
        wheel: CheckedWheel,
        tree: LayerTree,
        environment: TargetEnvironment,
        *,
        claims: Claims,
        bytecode: bool,
        known: Mapping[str, bytes] | None = None,
    ) -> None:
        self.compiled: dict[str, bytes] | None = {}
        self.files: dict[str, str] = {}
        self._wheel = wheel
        self._name = wheel.name
        self._tree = tree
        self._environment = environment
        self._claims = claims
        self._bytecode = bytecode
        self._known = known
        self._folders = environment.scheme_folders(wheel.distribution)
        self._dist_info = wheel.dist_info_dir
        self._data_prefix = wheel.data_dir + "/"
        self._root_scheme = _find_root_scheme(wheel)
        # (path within its scheme, which is what rows are sorted by; path, hash and size as RECORD states them)
        self._rows: list[tuple[str, tuple[str, str, str]]] = []
        self._held: list[tuple[_Place, bytes]] = []
        self._held_bytes = 0

    def run(self) -> None:
        """Install it.

        Raises:
            WheelInvalid: it breaks its format or its RECORD.
            BuildFailed: it brings a path that is taken.
        """
        self._write_entry_points()
        record, installer = f"{self._dist_info}/RECORD", f"{self._dist_info}/INSTALLER"
        for member in self._wheel.members():
            # Both are the installer's to write; some wheels ship what another one wrote.
            if member.path not in (record, installer):
                self._install(member)
        self._write_compiled()
        self._put_body(self._place(self._root_scheme, installer), b"hublish\n")
        self._write_record(self._place(self._root_scheme, record))

    # -- places -------------------------------------------------------------------------------------------------------

    def _find_place(self, path: str) -> _Place:
        if not path.startswith(self._data_prefix):
            return self._place(self._root_scheme, path)
        scheme, _, rest = path.removeprefix(self._data_prefix).partition("/")
        if scheme not in SCHEME_NAMES or not rest:
            raise WheelInvalid(f"{self._name}: {clip(path)} is not contained in a valid .data subdirectory")
        return self._place(scheme, rest)

    def _place(self, scheme: str, path: str) -> _Place:
        folder = self._folders[scheme]
        full = f"{folder}/{path}"
        # Members were checked already; the names of entry points were not.
        if "./" in path or "//" in path or path.startswith("/") or path.endswith("."):
            full = normpath(full)
            if not full.startswith(folder + "/"):
                raise WheelInvalid(f"{self._name}: the path {clip(path)!r} leaves its place")
        return _Place(scheme=scheme, path=path, full=full)

    # -- files --------------------------------------------------------------------------------------------------------

    def _install(self, member: WheelMember) -> None:
        place = self._find_place(member.path)
        self._verify_free(place)
        if not member.fits_memory:
            self._put_large(place, member)
            return
        stream, body, digest = member.read()
        if place.scheme == "scripts" and body.startswith(_GENERIC_SHEBANG):
            with fix_shebang(io.BytesIO(body), self._environment.interpreter) as changed:
                self._put_body(place, changed.read(), executable=True)
            return
        self._note(place, digest, size_bytes=len(body))
        if self._claim(place.full, digest):
            mode = self._mode(executable=_is_executable(place, member))
            if member.is_spliceable:
                self._tree.add_deflated_file(place.full, ((stream, body),), size_bytes=len(body), mode=mode)
            else:
                self._tree.add_file(place.full, (body,), size_bytes=len(body), mode=mode)
        if self._bytecode and place.scheme in _LIBRARIES and is_worth_compiling(place.path):
            self._compile(place, body)

    def _put_large(self, place: _Place, member: WheelMember) -> None:
        located = self._tree.locate(place.full)
        digest = hashlib.sha256()
        pieces = member.read_pieces(digest)
        if place.scheme == "scripts":
            pieces = self._refuse_shebang(place, pieces)
        if located in self._claims.taken:
            # Another wheel brought the path: all that counts is whether the bytes are the same.
            for _ in pieces:
                pass
        else:
            # A wheel that turns out to be wrong at the end of its stream takes the whole layer with it.
            mode = self._mode(executable=_is_executable(place, member))
            if member.is_spliceable:
                self._tree.add_deflated_file(place.full, pieces, size_bytes=member.size_bytes, mode=mode)
            else:
                bodies = (plain for _, plain in pieces)
                self._tree.add_file(place.full, bodies, size_bytes=member.size_bytes, mode=mode)
        self._claim(place.full, digest.digest())
        self._note(place, digest.digest(), size_bytes=member.size_bytes)

    def _refuse_shebang(self, place: _Place, pieces: Iterator[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
        start = b""
        for stream, plain in pieces:
            if len(start) < len(_GENERIC_SHEBANG):
                start += plain[: len(_GENERIC_SHEBANG)]
            if start.startswith(_GENERIC_SHEBANG):
                raise WheelInvalid(f"{self._name}: the script {clip(place.path)!r} is too large to be rewritten")
            yield stream, plain

    def _put_body(self, place: _Place, body: bytes, *, executable: bool = False) -> None:
        self._verify_free(place)
        digest = hashlib.sha256(body).digest()
        self._note(place, digest, size_bytes=len(body))
        if self._claim(place.full, digest):
            self._tree.add_file(place.full, (body,), size_bytes=len(body), mode=self._mode(executable=executable))

    def _verify_free(self, place: _Place) -> None:
        located, reserved = self._tree.locate(place.full), self._environment.reserved
        if place.full in reserved or located in reserved:
            raise BuildFailed(f"{self._name} brings {clip(place.full)}, which the environment itself needs to start")
        # Claims are looked through only where the layer has something at the place that no wheel brought as a file.
        if self._tree.holds(located) and located not in self._claims.taken:
            self._claims.verify_no_folder(located, wheel=self._name)

    def _mode(self, *, executable: bool) -> int:
        return self._environment.executable_mode if executable else self._environment.file_mode

    def _claim(self, full: str, digest: bytes) -> bool:
        located = self._tree.locate(full)
        fingerprint = digest.hex()[:_FINGERPRINT_DIGITS]
        self.files[located] = fingerprint
        return self._claims.take(located, wheel=self._name, fingerprint=fingerprint)

    # -- what is made -------------------------------------------------------------------------------------------------

    def _write_entry_points(self) -> None:
        if not self._wheel.has_dist_info("entry_points.txt"):
            return
        for name, module, attribute, section in parse_entrypoints(self._wheel.read_dist_info("entry_points.txt")):
            try:
                script = Script(name, module, attribute, section)
                filename, body = script.generate(self._environment.interpreter, "posix")
            except InvalidScript as exc:
                raise WheelInvalid(f"{self._name}: the entry point {clip(name)!r} makes no script") from exc
            self._put_body(self._place("scripts", filename), body, executable=True)

    def _compile(self, place: _Place, source: bytes) -> None:
        body = make_bytecode(source, path=place.full) if self._known is None else self._known.get(place.full)
        if body is None:
            return
        if self.compiled is not None:
            self.compiled[place.full] = body
        self._held.append((self._place(place.scheme, make_bytecode_path(place.path)), body))
        self._held_bytes += len(body)
        if self._held_bytes > HELD_BYTES:
            self._write_compiled()
            self.compiled = None

    def _write_compiled(self) -> None:
        for place, body in self._held:
            self._put_body(place, body)
        self._held.clear()
        self._held_bytes = 0

    def _note(self, place: _Place, digest: bytes, *, size_bytes: int) -> None:
        path = place.path
        if place.scheme != self._root_scheme:
            path = relpath(place.full, start=self._folders[self._root_scheme])
        encoded = urlsafe_b64encode(digest).decode().rstrip("=")
        self._rows.append((place.path, (path, f"sha256={encoded}", str(size_bytes))))

    def _write_record(self, place: _Place) -> None:
        """Write RECORD, so that an installer can remove all of it again."""
        self._rows.append((place.path, (place.path, "", "")))
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows(row for _, row in sorted(self._rows))
        body = text.getvalue().encode()
        if self._claim(place.full, hashlib.sha256(body).digest()):
            self._tree.add_file(place.full, (body,), size_bytes=len(body), mode=self._mode(executable=False))


def _is_executable(place: _Place, member: WheelMember) -> bool:
    """Scripts are, whatever the archive says: one that was made on Windows states no such bit."""
    return member.is_executable or place.scheme == "scripts"


def _find_root_scheme(wheel: CheckedWheel) -> str:
    metadata = parse_metadata_file(wheel.read_dist_info("WHEEL"))
    version = metadata["Wheel-Version"] or ""
    if not version.startswith("1."):
        raise WheelInvalid(f"{wheel.name}: expected Wheel-Version 1.x, got {clip(version)!r}")
    return "purelib" if metadata["Root-Is-Purelib"] == "true" else "platlib"
