"""The ImageStreams that a hub's folder lists, read and never changed: which there are, where, whose, with what tags.

Files of any name count, with any number of documents, and lists of objects too. Files that name no ImageStream are not
read at all, so that a template or a broken file of another kind does not stop anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hublish.catalogs import yamlnodes
from hublish.catalogs.entry import Entry
from hublish.catalogs.template import SOURCE_URL
from hublish.catalogs.yamledit import Place
from hublish.catalogs.yamlnodes import Node, Scalar, Sequence, parse_documents
from hublish.core.reference import Reference, parse_reference
from hublish.errors import CatalogInvalid, ReferenceInvalid, clip

_KIND = "ImageStream"
_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTag:
    """A tag of a listed stream.

    Attributes:
        name: its name, "" when it has none.
        line: 1-based line where it starts.
        target: text of `from.name`, None when it names no image of a registry.
        image: `target` parsed; None when that is not possible.
    """

    name: str
    line: int
    target: str | None
    image: Reference | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedStream:
    """An ImageStream of the list.

    Attributes:
        path: its file.
        line: 1-based line where it starts.
        at: its place in the file.
        name: `metadata.name`.
        source_url: the source page it names, or None.
        tags: in the order of the file.
    """

    path: str
    line: int
    at: Place
    name: str
    source_url: str | None
    tags: tuple[ListedTag, ...]


def read_streams(files: Mapping[str, str]) -> tuple[ListedStream, ...]:
    """Read every ImageStream of a folder's files.

    Args:
        files: path in the repository -> text.

    Raises:
        CatalogInvalid: a file that names an ImageStream cannot be read without doubt.
    """
    return tuple(
        _read_stream(node, path=path, at=at)
        for path, text in sorted(files.items())
        if path.endswith(_SUFFIXES) and _KIND in text
        for at, node in _find_streams(parse_documents(text, path=path))
    )


def find_stream(streams: tuple[ListedStream, ...], entry: Entry) -> ListedStream | None:
    """Find the stream of an entry: by its name, else by the image repository that a tag of it names.

    Raises:
        CatalogInvalid: more than one stream fits; a person must say which one it is.
    """
    named = [stream for stream in streams if stream.name == entry.image_name]
    found = named or [stream for stream in streams if entry.reference.name in list_repositories(stream)]
    if len(found) > 1:
        places = " and ".join(f"{clip(stream.path)}:{stream.line}" for stream in found)
        what = f"the name {entry.image_name}" if named else f"the image {entry.reference.name}"
        raise CatalogInvalid(f"{places}: {what} is listed more than once", hint="Keep one of the entries.")
    return found[0] if found else None


def list_repositories(stream: ListedStream) -> tuple[str, ...]:
    """List what images a stream lists, as `registry/repository` per tag; the text of a tag that is no reference."""
    return tuple(
        tag.target or "" if tag.image is None else tag.image.name for tag in stream.tags if tag.target is not None
    )


def _find_streams(documents: tuple[Node, ...]) -> Iterator[tuple[Place, yamlnodes.Mapping]]:
    for index, document in enumerate(documents):
        if not isinstance(document, yamlnodes.Mapping):
            continue
        if _get_text(document, "kind") == _KIND:
            yield (index,), document
        items = document.get("items")
        for number, item in enumerate(items.items if isinstance(items, Sequence) else ()):
            if isinstance(item, yamlnodes.Mapping) and _get_text(item, "kind") == _KIND:
                yield (index, "items", number), item


def _read_stream(node: yamlnodes.Mapping, *, path: str, at: Place) -> ListedStream:
    metadata = node.get("metadata")
    tags = _get(node.get("spec"), "tags")
    return ListedStream(
        path=path,
        line=node.line,
        at=at,
        name=_get_text(metadata, "name") or "",
        source_url=_get_text(_get(metadata, "annotations"), SOURCE_URL) or None,
        tags=tuple(_read_tag(item) for item in (tags.items if isinstance(tags, Sequence) else ())),
    )


def _read_tag(node: Node) -> ListedTag:
    origin = _get(node, "from")
    target = _get_text(origin, "name") if _get_text(origin, "kind") == "DockerImage" else None
    return ListedTag(
        name=_get_text(node, "name") or "", line=node.line, target=target, image=_parse_image(target or "")
    )


def _parse_image(text: str) -> Reference | None:
    try:
        return parse_reference(text.strip(), default_registry="docker.io")
    except ReferenceInvalid:
        return None


def _get(node: Node | None, key: str) -> Node | None:
    return node.get(key) if isinstance(node, yamlnodes.Mapping) else None


def _get_text(node: Node | None, key: str) -> str | None:
    value = _get(node, key)
    return value.value if isinstance(value, Scalar) else None
