"""The layer index: what earlier builds found out, so that an unchanged wheel is neither listed, fetched nor opened.

One idea with several homes that answer the same questions: this machine's disk first, then what stands in registries.
Each key covers everything its entry depends on, so an old entry is as good as a new one: it is right, or never asked for.
Whose entries may be believed is each home's own matter; here is only what they mean.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, TypeVar

from hublish.builders.contents import WheelContents, parse_contents, render_contents
from hublish.core.reference import Reference, is_digest, parse_repository
from hublish.errors import ImageInvalid, ReferenceInvalid
from hublish.oci.layers import LayerBlob

_PLACES_KEPT = 4

_Value = TypeVar("_Value")


class Table(Enum):
    """What is known, by kind; an entry is plain JSON.

    CHOICES: locked package and target -> `[file name, sha256]` of its wheel.
    WHEELS: sha256 of a wheel -> `{size, requires}`.
    LAYERS: wheels, environment, byte-code, builder -> the layer's blob, and where its contents are.
    BASES: digest of a base -> where its facts are.
    SETS: layers, or wheels and target -> true: they were verified to fit together.
    PLACES: digest of a layer -> repositories it was pushed to; means nothing to other machines.
    """

    CHOICES = "choices"
    WHEELS = "wheels"
    LAYERS = "layers"
    BASES = "bases"
    SETS = "sets"
    PLACES = "places"


SHARED_TABLES = (Table.CHOICES, Table.WHEELS, Table.LAYERS, Table.BASES, Table.SETS)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobPointer:
    """A small file that an entry leads to: digest and size of its bytes."""

    digest: str
    size_bytes: int


class IndexHome(Protocol):
    """A place where entries and their files are found; it never raises, what cannot be used is not there."""

    @property
    def repository(self) -> Reference | None:
        """Repository that holds the layers of its entries; None when there is none."""

    def find(self, table: Table, key: str) -> object | None:
        """The entry as plain JSON."""

    def read_blob(self, table: Table, pointer: BlobPointer) -> bytes | None:
        """The file that an entry of `table` leads to, digest verified."""


class WritableHome(IndexHome, Protocol):
    """A home that also takes what is new, unless the build may not leave anything."""

    def store(self, table: Table, key: str, entry: object) -> None:
        """Keep an entry."""

    def store_blob(self, table: Table, body: bytes) -> BlobPointer:
        """Keep a file; what it is called is known even when it may not be kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelFacts:
    """What grouping and the check of requirements need of a wheel: size of the archive, `Requires-Dist` as written."""

    size_bytes: int
    requirements: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLayer:
    """A layer that was made before, the file with its contents, and the repositories that may hold it."""

    blob: LayerBlob
    contents: BlobPointer
    places: tuple[Reference, ...]


class LayerIndex:
    """What is known to one build; safe to share between threads.

    Args:
        local: this machine's home.
        remotes: further homes, in the order they are asked.
    """

    def __init__(self, local: WritableHome, remotes: Sequence[IndexHome] = ()) -> None:
        self._local = local
        self._remotes = tuple(remotes)
        self._lock = threading.Lock()
        self._used: dict[Table, dict[str, object]] = {table: {} for table in Table}
        self._homes: dict[tuple[Table, str], IndexHome] = {}
        self._blobs: dict[str, bytes] = {}

    # -- questions -----------------------------------------------------------------------------------------------------

    def find_choice(self, key: str) -> tuple[str, str] | None:
        """`(file name, sha256)` of the wheel that was chosen."""
        return self._find(Table.CHOICES, key, _parse_choice)

    def find_wheel(self, sha256: str) -> WheelFacts | None:
        """The facts of a wheel."""
        return self._find(Table.WHEELS, sha256, _parse_wheel)

    def find_layer(self, key: str) -> KnownLayer | None:
        """A layer that was made before; whether it still lies anywhere is seen when it is needed."""
        known = self._find(Table.LAYERS, key, _parse_layer)
        if known is None:
            return None
        blob, contents = known
        places = [*(self._find(Table.PLACES, blob.digest, _parse_places) or ())]
        home = self._homes.get((Table.LAYERS, key))
        if home is not None and home.repository is not None and home.repository not in places:
            places.append(home.repository)
        return KnownLayer(blob=blob, contents=contents, places=tuple(places))

    def read_contents(self, pointer: BlobPointer) -> tuple[WheelContents, ...] | None:
        """What the wheels of a layer brought; None when that is nowhere any more."""
        body = self.read_blob(Table.LAYERS, pointer)
        try:
            return None if body is None else parse_contents(body)
        except ImageInvalid:
            return None

    def read_base(self, key: str) -> bytes | None:
        """What was kept of a base."""
        pointer = self._find(Table.BASES, key, parse_pointer)
        return None if pointer is None else self.read_blob(Table.BASES, pointer)

    def is_verified(self, key: str) -> bool:
        """Tell whether a set was verified before."""
        return self._find(Table.SETS, key, _parse_true) is not None

    # -- answers -------------------------------------------------------------------------------------------------------

    def store_choice(self, key: str, *, filename: str, sha256: str) -> None:
        """Keep which wheel was chosen."""
        self._store(Table.CHOICES, key, [filename, sha256])

    def store_wheel(self, sha256: str, facts: WheelFacts) -> None:
        """Keep the facts of a wheel, read from its own verified bytes."""
        self._store(Table.WHEELS, sha256, {"size": facts.size_bytes, "requires": list(facts.requirements)})

    def store_layer(self, key: str, blob: LayerBlob, contents: Sequence[WheelContents]) -> None:
        """Keep a layer that was made."""
        pointer = self._store_blob(Table.LAYERS, render_contents(contents))
        entry = {
            "digest": blob.digest,
            "diff_id": blob.diff_id,
            "size": blob.size_bytes,
            "unpacked": blob.unpacked_bytes,
            "contents": render_pointer(pointer),
        }
        self._store(Table.LAYERS, key, entry)

    def store_base(self, key: str, body: bytes) -> None:
        """Keep what is to be known of a base."""
        self._store(Table.BASES, key, render_pointer(self._store_blob(Table.BASES, body)))

    def store_verified(self, key: str) -> None:
        """Keep that a set was verified."""
        self._store(Table.SETS, key, True)  # noqa: FBT003  # the entry itself

    def store_place(self, digest: str, repository: Reference) -> None:
        """Keep that a layer was pushed to a repository; the newest few count."""
        known = self._find(Table.PLACES, digest, _parse_places) or ()
        if repository not in known:
            names = [repository.name, *(place.name for place in known)]
            self._store(Table.PLACES, digest, names[:_PLACES_KEPT])

    # -- for homes -----------------------------------------------------------------------------------------------------

    def list_used(self) -> Mapping[Table, Mapping[str, object]]:
        """Every entry this build found or added, by table, as plain JSON; places are left out."""
        with self._lock:
            return {table: dict(self._used[table]) for table in SHARED_TABLES}

    def read_blob(self, table: Table, pointer: BlobPointer) -> bytes | None:
        """A file that an entry leads to, from the first home that has it."""
        kept = self._blobs.get(pointer.digest)
        if kept is not None:
            return kept
        for home in (self._local, *self._remotes):
            body = home.read_blob(table, pointer)
            if body is not None:
                if home is not self._local:
                    self._store_blob(table, body)
                return body
        return None

    def _find(self, table: Table, key: str, parse: Callable[[Any], _Value]) -> _Value | None:
        used = self._used[table].get(key)
        if used is not None:
            return parse(used)
        for home in (self._local, *(self._remotes if table is not Table.PLACES else ())):
            entry = home.find(table, key)
            if entry is None:
                continue
            try:
                value = parse(entry)
            except (ValueError, TypeError, KeyError, ReferenceInvalid):
                continue
            self._note(table, key, entry, home)
            if home is not self._local:
                self._local.store(table, key, entry)
            return value
        return None

    def _store(self, table: Table, key: str, entry: object) -> None:
        self._note(table, key, entry, self._local)
        self._local.store(table, key, entry)

    def _store_blob(self, table: Table, body: bytes) -> BlobPointer:
        pointer = self._local.store_blob(table, body)
        self._blobs[pointer.digest] = body
        return pointer

    def _note(self, table: Table, key: str, entry: object, home: IndexHome) -> None:
        with self._lock:
            self._used[table][key] = entry
            self._homes[table, key] = home


def render_pointer(pointer: BlobPointer) -> dict[str, object]:
    """Render a pointer as plain JSON."""
    return {"digest": pointer.digest, "size": pointer.size_bytes}


def parse_pointer(entry: Any) -> BlobPointer:
    """Parse a pointer. Raises ValueError, TypeError or KeyError for another shape."""
    return BlobPointer(digest=_digest(entry["digest"]), size_bytes=_count(entry["size"]))


def _parse_choice(entry: Any) -> tuple[str, str]:
    filename, sha256 = entry
    _digest(f"sha256:{sha256}")
    if not isinstance(filename, str) or "/" in filename or not filename.endswith(".whl"):
        raise ValueError
    return filename, sha256


def _parse_wheel(entry: Any) -> WheelFacts:
    requires = entry["requires"]
    if not isinstance(requires, list) or not all(isinstance(text, str) for text in requires):
        raise TypeError
    return WheelFacts(size_bytes=_count(entry["size"]), requirements=tuple(requires))


def _parse_layer(entry: Any) -> tuple[LayerBlob, BlobPointer]:
    blob = LayerBlob(
        diff_id=_digest(entry["diff_id"]),
        digest=_digest(entry["digest"]),
        size_bytes=_count(entry["size"]),
        unpacked_bytes=_count(entry["unpacked"]),
    )
    return blob, parse_pointer(entry["contents"])


def _parse_places(entry: Any) -> tuple[Reference, ...]:
    return tuple(parse_repository(name) for name in entry)


def _parse_true(entry: Any) -> bool:
    if entry is not True:
        raise ValueError
    return True


def _digest(value: object) -> str:
    if not isinstance(value, str) or not is_digest(value):
        raise ValueError
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError
    return value
