"""A document beside an image in its registry: an artifact that names the image as its subject, and the list it is found by.

The image's own bytes and digest stay what they are. A registry that takes no artifacts costs a line in the log, nothing
more.

The list under the tag is read, extended and written. Registries have no conditional write, so that whoever writes last wins:
the list is read back, and extended once more where another writer came in between. What is left is a writer that read before
us and writes after our look; it drops our line, and the next build of the image puts it back.

Source: OCI image-spec v1.1, "Guidelines for artifact usage"; OCI distribution-spec v1.1, "Pushing manifests with subject".
"""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from hublish.core.ports import ImageReader, ImageWriter
from hublish.core.reference import Reference
from hublish.errors import HublishError, ImageInvalid, RegistryFailed
from hublish.oci.artifact import EMPTY, EMPTY_BODY, render_artifact
from hublish.oci.manifest import OCI_INDEX, OCI_MANIFEST, Descriptor, make_descriptor
from hublish.oci.referrers import add_referrer, make_referrers_tag

LIST_ATTEMPTS = 5


def attach_document(
    body: bytes,
    *,
    media_type: str,
    image: Reference,
    images: ImageReader,
    output: ImageWriter,
    log: Callable[[str], None],
) -> str | None:
    """Put a document beside an image.

    Args:
        body: the document.
        media_type: what it is; the artifact's type as well.
        image: the image, pinned by its digest.
        images: where the image and the list of what refers to it are read from.
        output: where the document goes.
        log: told where it stands, or why it stands nowhere.

    Returns:
        Digest of the artifact; None when it could not be put there.
    """
    try:
        digest = _attach(body, media_type=media_type, image=image, images=images, output=output)
    except HublishError as exc:
        log(f"warning: the {media_type} document could not be put beside the image: {exc.message}")
        return None
    log(f"{media_type} document {digest} stands beside the image")
    return digest


def _attach(body: bytes, *, media_type: str, image: Reference, images: ImageReader, output: ImageWriter) -> str:
    document = make_descriptor(body, media_type=media_type)

    def put(file: Descriptor, content: bytes) -> None:
        output.ensure_blob(image, digest=file.digest, size_bytes=file.size_bytes, open_body=lambda: io.BytesIO(content))

    with ThreadPoolExecutor() as pool:
        files = [pool.submit(put, EMPTY, EMPTY_BODY), pool.submit(put, document, body)]
        found = images.fetch_manifest(image)
        if found is None:
            raise ImageInvalid(f"the image {image} is not there")
        subject = Descriptor(media_type=found.media_type, digest=found.digest, size_bytes=len(found.body))
        manifest = render_artifact(media_type, [document], annotations={}, subject=subject)
        artifact = make_descriptor(manifest, media_type=OCI_MANIFEST)
        tag = image.with_tag(make_referrers_tag(found.digest))
        index = _extend_list(tag, artifact, images=images, media_type=media_type)
        for file in files:
            file.result()
    if index is None:
        return artifact.digest
    output.ensure_manifest(image.with_digest(artifact.digest), body=manifest, media_type=OCI_MANIFEST)
    for _ in range(LIST_ATTEMPTS):
        output.ensure_manifest(tag, body=index, media_type=OCI_INDEX)
        index = _extend_list(tag, artifact, images=images, media_type=media_type)
        if index is None:
            return artifact.digest
    raise RegistryFailed(
        f"the list {tag} is written by others all the time", hint="Build again when they are done.", transient=True
    )


def _extend_list(tag: Reference, artifact: Descriptor, *, images: ImageReader, media_type: str) -> bytes | None:
    """The list as it should be; None when the artifact is on it."""
    listed = images.fetch_manifest(tag)
    return add_referrer(None if listed is None else listed.body, artifact, artifact_type=media_type)
