"""A Docker Engine as a place for images: one request loads the whole image, or none of it.

The engine's interface takes an image as one archive; it has no way to be asked for single layers, so all of it is sent
unless the image is there already. An engine goes by the digest of an image's config where it keeps images itself, and by
that of the manifest where containerd keeps them for it (the default of new engines).

Source: Docker Engine API v1.41, `POST /images/load`; Docker's documentation, "containerd image store".
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import BinaryIO, cast

import docker
import docker.errors
import requests
from docker.models.images import Image

from hublish.adapters.docker.stream import ArchiveStream, ByteCount
from hublish.core.ports import BlobPush
from hublish.core.reference import Reference
from hublish.errors import EngineFailed, clip
from hublish.oci.manifest import make_digest, parse_manifest

# An engine is silent while it unpacks a large layer.
_SILENCE_SECONDS = 600
_UNIX = "unix://"
DEFAULT_HOST = f"{_UNIX}/var/run/docker.sock"


class DockerEngine:
    """The engine that DOCKER_HOST names, else the one on the usual socket.

    Args:
        environ: DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH are read from it, as docker's own client does.
        name: name and tag that the image gets, whatever it is called on the way.
        progress: told of bytes sent, of all bytes; what it raises ends the sending, and the engine keeps nothing.
    """

    def __init__(self, environ: Mapping[str, str], *, name: Reference, progress: ByteCount) -> None:
        self._environ = dict(environ)
        self._host = environ.get("DOCKER_HOST") or DEFAULT_HOST
        self._name = name
        self._stream = ArchiveStream(name, progress=progress)

    def ensure_blob(
        self,
        reference: Reference,  # noqa: ARG002 - an engine takes images as a whole
        *,
        digest: str,
        size_bytes: int,
        open_body: Callable[[], BinaryIO],
        mount_from: tuple[Reference, ...] = (),  # noqa: ARG002 - nothing to mount from
        progress: Callable[[int], None] | None = None,  # noqa: ARG002 - bytes are sent with the manifest
    ) -> BlobPush:
        """Note a blob; it is read when the manifest comes."""
        return self._stream.add(digest, size_bytes=size_bytes, open_body=open_body)

    def ensure_manifest(self, reference: Reference, *, body: bytes, media_type: str) -> str:  # noqa: ARG002 - OCI only
        """Load the image, unless the engine has it, and give it its name.

        Returns:
            The manifest's digest. That, or the config's, is what the engine goes by, which is compared.

        Raises:
            EngineFailed: no engine answers, or it refuses the image.
            ImageInvalid: a blob is missing or not what the manifest says.
        """
        digest = make_digest(body)
        known_by = (parse_manifest(body).config.digest, digest)
        with self._call() as client:
            image = _find_image(client, known_by)
            if image is None:
                # The library hands its argument on to requests, which sends what an iterator yields.
                client.images.load(cast("bytes", self._stream.render(body)))
                image = _find_image(client, known_by)
            if image is None:
                raise EngineFailed(
                    f"the Docker Engine took the image, but has none with the ID {' or '.join(known_by)}"
                )
            image.tag(self._name.name, tag=self._name.tag)
        return digest

    @contextmanager
    def _call(self) -> Iterator[docker.DockerClient]:
        host = clip(self._host)
        hint = "Start Docker, or name the engine by DOCKER_HOST; `docker version` shows what answers."
        try:
            _verify_socket(self._host)
            with closing(docker.DockerClient.from_env(environment=self._environ, timeout=_SILENCE_SECONDS)) as client:
                yield client
        except (docker.errors.APIError, docker.errors.ImageLoadError) as exc:
            raise EngineFailed(f"the Docker Engine at {host} refused: {clip(str(exc))}") from exc
        except (docker.errors.DockerException, requests.RequestException, OSError) as exc:
            message = f"the Docker Engine at {host} does not answer: {clip(str(exc))}"
            raise EngineFailed(message, hint=hint) from exc


def _verify_socket(host: str) -> None:
    """Say plainly why a socket cannot be used; the library wraps that in several errors and leaves its own end open."""
    if host.startswith(_UNIX):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(host.removeprefix(_UNIX))


def _find_image(client: docker.DockerClient, known_by: Sequence[str]) -> Image | None:
    for image_id in known_by:
        with suppress(docker.errors.ImageNotFound):
            image = client.images.get(image_id)
            if image.id in known_by:
                return image
    return None
