"""The layer index as one document: the entries of the last few builds of one owner, rendered and read back.

Replaying an old signed document is harmless: each key covers everything its entry depends on, so that an old entry is
either right or never asked for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from hublish.builders.layerindex.entries import SHARED_TABLES, BlobPointer, Table, parse_layer, parse_pointer
from hublish.core.plan import Trust
from hublish.errors import ImageInvalid, NotAllowed
from hublish.oci.document import parse_document, render_document

DOCUMENT_FORMAT = 1
BUILDS_KEPT = 4
_DIGEST_DIGITS = 32

Keys = Mapping[Table, tuple[str, ...]]
Tables = Mapping[Table, Mapping[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexDocument:
    """The entries of an owner's builds.

    Attributes:
        owner: whose builds.
        builder: name and version of the code that wrote it; for people, as keys cover it.
        tables: entries as plain JSON.
        builds: the keys that each of the last few builds used, the newest first.
    """

    owner: str
    builder: str
    tables: Tables
    builds: tuple[Keys, ...]


def render_index(document: IndexDocument) -> bytes:
    """Render a document as canonical JSON. Only builds of an owner's own code write one, and it says so."""
    return render_document(
        {
            "format": DOCUMENT_FORMAT,
            "owner": document.owner,
            "trust": Trust.OWNER.value,
            "builder": document.builder,
            "tables": {table.value: dict(document.tables[table]) for table in SHARED_TABLES},
            "builds": [{table.value: list(keys[table]) for table in SHARED_TABLES} for keys in document.builds],
        }
    )


def parse_index(body: bytes, *, owner: str) -> IndexDocument:
    """Parse a document that was signed; entries are judged by whoever asks for them.

    Raises:
        ImageInvalid: another format or shape.
        NotAllowed: of another owner, or of another trust level.
    """
    document = parse_document(body, what="layer index")
    if document.get("format") != DOCUMENT_FORMAT:
        raise ImageInvalid(f"layer index: expected the format {DOCUMENT_FORMAT}")
    if document.get("owner") != owner or document.get("trust") != Trust.OWNER.value:
        raise NotAllowed("the layer index is of another owner or another level of trust")
    try:
        tables = {table: dict(document["tables"][table.value]) for table in SHARED_TABLES}
        builds = tuple(
            {table: tuple(str(key) for key in keys[table.value]) for table in SHARED_TABLES}
            for keys in document["builds"]
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise ImageInvalid("layer index: expected tables and builds") from exc
    return IndexDocument(owner=owner, builder=str(document.get("builder")), tables=tables, builds=builds)


def add_build(known: IndexDocument | None, used: Tables, *, owner: str, builder: str) -> IndexDocument:
    """Make the document with one more build, the newest; older ones than the last few are dropped."""
    newest = {table: tuple(sorted(used[table])) for table in SHARED_TABLES}
    earlier = () if known is None else tuple(keys for keys in known.builds if keys != newest)
    builds = (newest, *earlier)[:BUILDS_KEPT]
    tables: dict[Table, dict[str, object]] = {}
    for table in SHARED_TABLES:
        entries = {**({} if known is None else known.tables[table]), **used[table]}
        wanted = {key for keys in builds for key in keys[table]}
        tables[table] = {key: entry for key, entry in entries.items() if key in wanted}
    return IndexDocument(owner=owner, builder=builder, tables=tables, builds=builds)


def make_build_digest(used: Tables) -> str:
    """Make the digest of what a build used, to see at a glance whether a document holds it."""
    keys = [[table.value, sorted(used[table])] for table in SHARED_TABLES]
    return hashlib.sha256(json.dumps(keys).encode()).hexdigest()[:_DIGEST_DIGITS]


def list_pointers(document: IndexDocument) -> dict[BlobPointer, Table]:
    """List the files that entries lead to; an entry of another shape leads nowhere."""
    pointers: dict[BlobPointer, Table] = {}
    for table in (Table.LAYERS, Table.BASES):
        for entry in document.tables[table].values():
            try:
                pointer = parse_layer(entry)[1] if table is Table.LAYERS else parse_pointer(entry)
            except (ValueError, TypeError, KeyError):
                continue
            pointers[pointer] = table
    return pointers
