"""The registry as the cache: reads the layer indexes of repositories, and writes one after an image was pushed.

What goes wrong is logged and costs a build nothing but time: a registry may refuse the tag, or lose what it held.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from hublish.builders.layerindex.document import (
    BUILDS_KEPT,
    IndexDocument,
    Keys,
    add_build,
    list_pointers,
    make_build_digest,
    render_index,
)
from hublish.builders.layerindex.entries import Table
from hublish.builders.layerindex.envelope import ENVELOPE_TYPE, render_envelope
from hublish.builders.layerindex.index import LayerIndex
from hublish.builders.layerindex.registry import ARTIFACT_TYPE, CACHE_TAG, FILE_TYPES, INDEX_TYPE, RegistryIndex
from hublish.builders.wheels.choice import map_in_threads
from hublish.core.ports import ImageReader, ImageWriter, Manifest
from hublish.core.reference import Reference
from hublish.errors import HublishError, RegistryFailed, clip
from hublish.oci.artifact import EMPTY, EMPTY_BODY, parse_artifact, render_artifact
from hublish.oci.manifest import OCI_MANIFEST, Descriptor, make_descriptor

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_BUILDS = "io.github.hublish.builds"


class RegistryIndexes:
    """Layer indexes in registries, all signed by one key.

    Args:
        images: where they are read from.
        open_key: gives the key that signs, and whose signature alone counts; called when a signature is made or looked at.
    """

    def __init__(self, images: ImageReader, *, open_key: Callable[[], Ed25519PrivateKey]) -> None:
        self._images = images
        self._open_key = open_key

    @property
    def public_keys(self) -> tuple[bytes, ...]:
        """The public part of the one key, as raw bytes."""
        return (self._open_key().public_key().public_bytes_raw(),)

    def open(self, repository: Reference, *, owner: str) -> RegistryIndex:
        """The index of a repository; it is read when it is first asked."""
        return RegistryIndex(self._images, repository, open_keys=lambda: (self._open_key().public_key(),), owner=owner)

    def publish(
        self,
        layers: LayerIndex,
        *,
        repository: Reference,
        output: ImageWriter,
        owner: str,
        builder: str,
        log: Callable[[str], None],
    ) -> None:
        """Put what a build knew into the index of a repository; a failure is logged, never raised.

        Args:
            layers: what the build found and found out.
            repository: the target's.
            output: where it is written.
            owner: whose build it was.
            builder: what made the bytes.
            log: told when it was written, or why not.
        """
        try:
            used = layers.list_used()
            manifest = self._images.fetch_manifest(repository.with_tag(CACHE_TAG))
            digest = make_build_digest(used)
            if digest in _list_recent(manifest):
                return
            home = self.open(repository, owner=owner)
            known = home.load(manifest) if manifest is not None else None
            self._write(
                add_build(known, used, owner=owner, builder=builder), home, layers, repository=repository, output=output
            )
            log(f"layer index written to {repository.name}:{CACHE_TAG}")
        except HublishError as error:
            log(f"warning: the layer index of {repository.name} was not written: {clip(error.message)}")

    def _write(
        self,
        document: IndexDocument,
        home: RegistryIndex,
        layers: LayerIndex,
        *,
        repository: Reference,
        output: ImageWriter,
    ) -> None:
        try:
            self._push(document, home.list_files(), layers, repository=repository, output=output)
        except RegistryFailed:
            if len(document.builds) == 1:
                raise
            # The registry may have lost files of earlier builds; those of this one are at hand.
            alone = add_build(
                None, _select(document, document.builds[0]), owner=document.owner, builder=document.builder
            )
            self._push(alone, {}, layers, repository=repository, output=output)

    def _push(
        self,
        document: IndexDocument,
        present: Mapping[str, int],
        layers: LayerIndex,
        *,
        repository: Reference,
        output: ImageWriter,
    ) -> None:
        envelope = render_envelope(render_index(document), payload_type=INDEX_TYPE, key=self._open_key())
        bodies = {
            make_descriptor(envelope, media_type=ENVELOPE_TYPE): envelope,
            EMPTY: EMPTY_BODY,
        }
        files: list[Descriptor] = []
        for pointer, table in list_pointers(document).items():
            descriptor = Descriptor(media_type=FILE_TYPES[table], digest=pointer.digest, size_bytes=pointer.size_bytes)
            if pointer.digest not in present:
                body = layers.read_blob(table, pointer)
                if body is None:
                    # Lost everywhere: whoever needs it makes the layer anew.
                    continue
                bodies[descriptor] = body
            files.append(descriptor)

        def push(descriptor: Descriptor) -> None:
            output.ensure_blob(
                repository,
                digest=descriptor.digest,
                size_bytes=descriptor.size_bytes,
                open_body=lambda: io.BytesIO(bodies[descriptor]),
            )

        map_in_threads(push, list(bodies))
        builds = [make_build_digest(_select(document, keys)) for keys in document.builds]
        first = make_descriptor(envelope, media_type=ENVELOPE_TYPE)
        body = render_artifact(ARTIFACT_TYPE, [first, *files], annotations={_BUILDS: " ".join(builds)})
        output.ensure_manifest(repository.with_tag(CACHE_TAG), body=body, media_type=OCI_MANIFEST)


def _list_recent(manifest: Manifest | None) -> list[str]:
    """Digests of the builds that an index says it holds, but for those that are dropped next.

    Nobody signed that; whoever may write here could as well remove the index.
    """
    if manifest is None:
        return []
    try:
        annotations = parse_artifact(manifest.body).annotations
    except HublishError:
        return []
    return annotations.get(_BUILDS, "").split()[: BUILDS_KEPT // 2]


def _select(document: IndexDocument, keys: Keys) -> dict[Table, dict[str, object]]:
    """The entries of one build."""
    return {
        table: {key: document.tables[table][key] for key in keys[table] if key in document.tables[table]}
        for table in keys
    }
