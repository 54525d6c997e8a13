"""What a build in a pod found out of layers, on its way into the signed layer index.

A pod reads signed indexes by their public key and never holds the key that signs. It leaves its records unsigned beside
its image, and names their digest in the log of the Step that pushes, which the cluster vouches for: so the registry can
change nothing on the way, and the service signs what its own pod said and nothing else. Nothing of a repository runs in
a layered pod. All the same the service takes only layers that the pushed image has, only for builds of the owner's own
code, and never what is reported of a base, because that counts for every owner: it read the base itself when it planned.
Which image was pushed it knows from the build's end.
Choices, facts of wheels and what was verified are taken as the pod said them: they count for this owner alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from hublish.builders.layerindex.document import IndexDocument, add_build, parse_index, render_index
from hublish.builders.layerindex.entries import BlobPointer, Table, parse_layer
from hublish.builders.layerindex.index import LayerIndex
from hublish.builders.layerindex.ownercache import OwnerCaches
from hublish.builders.layerindex.registry import ENVELOPE_LIMIT_BYTES, FILE_LIMIT_BYTES
from hublish.core.plan import Plan, Trust
from hublish.core.podlines import LayerRecords
from hublish.core.ports import ImageReader, ImageWriter
from hublish.core.reference import Reference, is_digest
from hublish.errors import HublishError, ImageInvalid, clip
from hublish.oci.manifest import make_digest, parse_manifest

_OURS = frozenset({Table.BASES, Table.IMAGES})


def render_records(layers: LayerIndex, *, owner: str, builder: str) -> bytes:
    """Render what a build used, as the unsigned index of that build alone."""
    return render_index(add_build(None, layers.list_used(), owner=owner, builder=builder))


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordKeeper:
    """Takes what pods found out.

    Attributes:
        caches: of the owners; signs.
        images: where records, files and images are read from.
        output: where the index is written.
    """

    caches: OwnerCaches
    images: ImageReader
    output: ImageWriter

    def keep(
        self, records: LayerRecords, plan: Plan, *, image: Reference, owner: str, log: Callable[[str], None]
    ) -> None:
        """Take the records of a build over; what goes wrong is logged and costs later builds nothing but time.

        Args:
            records: as the pod named them.
            plan: of the build.
            image: what it pushed, by its digest.
            owner: whose build it was.
            log: told what happened.
        """
        if plan.trust is not Trust.OWNER or not self.caches.public_keys:
            return
        repository = replace(image, tag=None, digest=None)
        try:
            document = self._read_document(records, image, owner=owner)
            home = _Reported(document, self.images, repository)
            cache = self.caches.open(owner=owner, trust=plan.trust, repositories=(repository,), reported=home)
            cache.layers.adopt(document.tables)
            cache.layers.store_image(repository, str(image.digest))
            for entry in document.tables[Table.LAYERS].values():
                cache.layers.store_place(parse_layer(entry)[0].digest, repository)
        except (HublishError, OSError) as error:
            reason = error.message if isinstance(error, HublishError) else str(error.strerror)
            log(f"warning: what the pod found out of layers is not used: {clip(reason)}")
            return
        cache.publish(target=repository, output=self.output, builder=plan.builder, log=log)

    def _read_document(self, records: LayerRecords, image: Reference, *, owner: str) -> IndexDocument:
        if not is_digest(records.digest) or not 0 <= records.size_bytes <= ENVELOPE_LIMIT_BYTES:
            raise ImageInvalid(f"expected records of at most {ENVELOPE_LIMIT_BYTES} bytes, by their digest")
        pointer = BlobPointer(digest=records.digest, size_bytes=records.size_bytes)
        document = parse_index(_read_blob(self.images, image, pointer), owner=owner)
        manifest = self.images.fetch_manifest(image)
        if manifest is None:
            raise ImageInvalid(f"the registry has no {image}")
        present = {layer.digest for layer in parse_manifest(manifest.body).layers}
        layers = {key: entry for key, entry in document.tables[Table.LAYERS].items() if _find_layer(entry) in present}
        return replace(document, tables={**document.tables, Table.LAYERS: layers})


class _Reported:
    """An IndexHome over the records of one build."""

    def __init__(self, document: IndexDocument, images: ImageReader, repository: Reference) -> None:
        self._document = document
        self._images = images
        self._repository = repository

    @property
    def repository(self) -> Reference | None:
        return self._repository

    def find(self, table: Table, key: str) -> object | None:
        return None if table in _OURS else self._document.tables.get(table, {}).get(key)

    def read_blob(self, table: Table, pointer: BlobPointer) -> bytes | None:
        if table is Table.BASES or pointer.size_bytes > FILE_LIMIT_BYTES:
            return None
        try:
            return _read_blob(self._images, self._repository, pointer)
        except HublishError:
            return None

    def take_remarks(self) -> tuple[str, ...]:
        return ()


def _find_layer(entry: object) -> str | None:
    try:
        return parse_layer(entry)[0].digest
    except (ValueError, TypeError, KeyError):
        return None


def _read_blob(images: ImageReader, repository: Reference, pointer: BlobPointer) -> bytes:
    with images.open_blob(repository, pointer.digest) as stream:
        body = stream.read(pointer.size_bytes + 1)
    if len(body) != pointer.size_bytes or make_digest(body) != pointer.digest:
        raise ImageInvalid(f"what the registry has as {pointer.digest} is something else")
    return body
