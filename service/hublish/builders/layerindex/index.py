"""The layer index: what earlier builds found out, so that an unchanged wheel is neither listed, fetched nor opened.

One idea with several homes that answer the same questions: this machine's disk first, then what stands in registries.
Each key covers everything its entry depends on, so an old entry is as good as a new one: it is right, or never asked for.
Whose entries may be believed is each home's own matter; here is only what they mean.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from hublish.builders.layerindex.contents import WheelContents, parse_contents, render_contents
from hublish.builders.layerindex.entries import (
    SHARED_TABLES,
    BlobPointer,
    Table,
    WheelFacts,
    parse_choice,
    parse_digest,
    parse_layer,
    parse_places,
    parse_pointer,
    parse_true,
    parse_wheel,
    render_layer,
    render_pointer,
    render_wheel,
)
from hublish.core.reference import Reference
from hublish.errors import ImageInvalid, ReferenceInvalid
from hublish.oci.layers import LayerBlob

_PLACES_KEPT = 4
_PARSERS: Mapping[Table, Callable[[Any], object]] = {
    Table.CHOICES: parse_choice,
    Table.WHEELS: parse_wheel,
    Table.LAYERS: parse_layer,
    Table.BASES: parse_pointer,
    Table.SETS: parse_true,
    Table.PLACES: parse_places,
    Table.IMAGES: parse_digest,
}

_Value = TypeVar("_Value")


class IndexHome(Protocol):
    """A place where entries and their files are found; it never raises, what cannot be used is not there."""

    @property
    def repository(self) -> Reference | None:
        """Repository that holds the layers of its entries; None when there is none."""

    def find(self, table: Table, key: str) -> object | None:
        """The entry as plain JSON."""

    def read_blob(self, table: Table, pointer: BlobPointer) -> bytes | None:
        """The file that an entry of `table` leads to, digest verified."""

    def take_remarks(self) -> tuple[str, ...]:
        """What is to be logged since the last call: why it is not used, for one."""


class WritableHome(IndexHome, Protocol):
    """A home that also takes what is new, unless the build may not leave anything."""

    def store(self, table: Table, key: str, entry: object) -> None:
        """Keep an entry."""

    def store_blob(self, table: Table, body: bytes) -> BlobPointer:
        """Keep a file; what it is called is known even when it may not be kept."""


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
        return self._find(Table.CHOICES, key, parse_choice)

    def find_wheel(self, sha256: str) -> WheelFacts | None:
        """The facts of a wheel."""
        return self._find(Table.WHEELS, sha256, parse_wheel)

    def find_layer(self, key: str) -> KnownLayer | None:
        """A layer that was made before; whether it still lies anywhere is seen when it is needed."""
        known = self._find(Table.LAYERS, key, parse_layer)
        if known is None:
            return None
        blob, contents = known
        places = [*(self._find(Table.PLACES, blob.digest, parse_places) or ())]
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
        return self._find(Table.SETS, key, parse_true) is not None

    def find_image(self, repository: Reference) -> str | None:
        """Digest of the image that was last pushed to a repository, as far as is known here."""
        return self._find(Table.IMAGES, repository.name, parse_digest)

    # -- answers -------------------------------------------------------------------------------------------------------

    def store_choice(self, key: str, *, filename: str, sha256: str) -> None:
        """Keep which wheel was chosen."""
        self._store(Table.CHOICES, key, [filename, sha256])

    def store_wheel(self, sha256: str, facts: WheelFacts) -> None:
        """Keep the facts of a wheel, read from its own verified bytes."""
        self._store(Table.WHEELS, sha256, render_wheel(facts))

    def store_layer(self, key: str, blob: LayerBlob, contents: Sequence[WheelContents]) -> None:
        """Keep a layer that was made."""
        pointer = self._store_blob(Table.LAYERS, render_contents(contents))
        self._store(Table.LAYERS, key, render_layer(blob, pointer))

    def store_base(self, key: str, body: bytes) -> None:
        """Keep what is to be known of a base."""
        self._store(Table.BASES, key, render_pointer(self._store_blob(Table.BASES, body)))

    def store_verified(self, key: str) -> None:
        """Keep that a set was verified."""
        self._store(Table.SETS, key, True)  # noqa: FBT003  # the entry itself

    def store_place(self, digest: str, repository: Reference) -> None:
        """Keep that a layer was pushed to a repository; the newest few count."""
        known = self._find(Table.PLACES, digest, parse_places) or ()
        if repository not in known:
            names = [repository.name, *(place.name for place in known)]
            self._store(Table.PLACES, digest, names[:_PLACES_KEPT])

    def store_image(self, repository: Reference, digest: str) -> None:
        """Keep which image was pushed to a repository."""
        self._store(Table.IMAGES, repository.name, digest)

    def forget_image(self, repository: Reference) -> None:
        """Keep that nothing is known of a repository."""
        self._store(Table.IMAGES, repository.name, None)

    def take_remarks(self) -> tuple[str, ...]:
        """What the homes have to say since the last call."""
        return tuple(remark for home in self._remotes for remark in home.take_remarks())

    # -- for homes -----------------------------------------------------------------------------------------------------

    def adopt(self, tables: Mapping[Table, Iterable[str]]) -> None:
        """Look for what another build used: what is found is kept on this machine, and counts as used by this one."""
        for table, keys in tables.items():
            for key in keys:
                self._find(table, key, _PARSERS[table])

    def list_used(self) -> Mapping[Table, Mapping[str, object]]:
        """Every entry this build found or added, by table, as plain JSON; what means nothing elsewhere is left out."""
        with self._lock:
            return {
                table: {key: entry for key, entry in self._used[table].items() if entry is not None}
                for table in SHARED_TABLES
            }

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
        for home in (self._local, *(self._remotes if table in SHARED_TABLES else ())):
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
