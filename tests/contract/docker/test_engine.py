"""The port ImageWriter over a real Docker Engine."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hublish.adapters.docker.engine import DockerEngine as EngineWriter
from hublish.core.reference import Reference
from hublish.errors import BuildCancelled, EngineFailed, ImageInvalid
from hublish.oci.manifest import OCI_MANIFEST, make_digest
from tests.contract.docker.parts import NAME, make_image
from tests.sandbox.docker_engine import DockerEngine


def ignore(_done: int, _total: int) -> None:
    """Nobody watches."""


def open_engine(engine: DockerEngine, name: Reference = NAME) -> EngineWriter:
    return EngineWriter({"DOCKER_HOST": engine.host}, name=name, progress=ignore)


@pytest.mark.daemon
def test_image_is_loaded_under_its_name(docker_engine: DockerEngine):
    """Its ID is the config's digest, what comes back is the manifest's."""
    image, name = make_image(b"engine\n"), NAME.with_tag("engine")
    digest = image.write(open_engine(docker_engine, name))

    assert digest == make_digest(image.manifest)
    assert docker_engine.run("inspect", "-f", "{{.Id}}", str(name)).strip() == image.image_id


@pytest.mark.daemon
def test_image_that_is_there_is_only_named(docker_engine: DockerEngine):
    """No byte is sent twice; the second name is there as well."""
    image = make_image(b"twice\n")
    image.write(open_engine(docker_engine, NAME.with_tag("first")))
    second = NAME.with_tag("second")
    host = {"DOCKER_HOST": docker_engine.host}
    image.write(EngineWriter(host, name=second, progress=lambda _done, _total: pytest.fail("sent")))

    assert docker_engine.run("inspect", "-f", "{{.Id}}", str(NAME.with_tag("second"))).strip() == image.image_id


@pytest.mark.daemon
def test_stopped_load_leaves_no_image(docker_engine: DockerEngine):
    """The engine gets a torso and keeps nothing of it."""

    def stop(_done: int, _total: int) -> None:
        raise BuildCancelled("stopped")

    name = NAME.with_tag("stopped")
    with pytest.raises(BuildCancelled):
        make_image(b"stopped\n").write(EngineWriter({"DOCKER_HOST": docker_engine.host}, name=name, progress=stop))

    assert docker_engine.run("images", "-q", str(name)) == ""


@pytest.mark.daemon
def test_image_with_a_wrong_diff_id_is_refused(docker_engine: DockerEngine):
    """The engine's own words are told."""
    image = make_image(b"wrong\n")
    config = image.images.blobs[NAME.name, image.image_id].replace(b"sha256:", b"sha256:00", 1)
    config = config.replace(config[config.index(b"sha256:00") + 71 : config.index(b"sha256:00") + 73], b"", 1)
    broken = image.manifest.replace(image.image_id.encode(), make_digest(config).encode())
    image.images.blobs[NAME.name, make_digest(config)] = config
    image.manifest = broken

    with pytest.raises(EngineFailed, match="refused: "):
        image.write(open_engine(docker_engine, NAME.with_tag("wrong")))


@pytest.mark.daemon
def test_blob_that_is_missing_is_told(docker_engine: DockerEngine):
    """What is wrong with our own bytes is not the engine's fault."""
    with pytest.raises(ImageInvalid, match="was not written before it"):
        open_engine(docker_engine).ensure_manifest(NAME, body=make_image(b"m\n").manifest, media_type=OCI_MANIFEST)


def test_engine_that_is_not_there_is_told(tmp_path: Path):
    """With its address and what to do."""
    message = r"the Docker Engine at unix:///\S+ does not answer: \[Errno 2\] No such file or directory"
    with pytest.raises(EngineFailed, match=message) as caught:
        make_image().write(EngineWriter({"DOCKER_HOST": f"unix://{tmp_path}/no.sock"}, name=NAME, progress=ignore))

    assert "DOCKER_HOST" in caught.value.hint


def test_address_that_is_none_is_told():
    """DOCKER_HOST holds something that no client understands."""
    with pytest.raises(EngineFailed, match="the Docker Engine at carrier-pigeon:1 does not answer: "):
        make_image().write(EngineWriter({"DOCKER_HOST": "carrier-pigeon:1"}, name=NAME, progress=ignore))


@contextmanager
def serve_engine(path: str, *, image_id: str | None = None) -> Iterator[list[str]]:
    """An engine that says yes to everything; yields the requests that change something, as `METHOD PATH`.

    Args:
        path: of its socket.
        image_id: what an image goes by once it was loaded; None has none afterwards.
    """
    asked: list[str] = []
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()

    def answer() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                request = stream.readline().decode()
                if not request:
                    continue  # somebody looked whether anyone is at home
                headers = b"".join(iter(stream.readline, b"\r\n")).lower()
                while b"chunked" in headers and (size := int(stream.readline(), 16)):
                    stream.read(size + 2)
                if not request.startswith("GET "):
                    asked.append(request.partition(" HTTP/")[0].replace("/v1.41", ""))
                body, status = b'{"message":"no such image"}', "404 Not Found"
                if "/version" in request:
                    body, status = b'{"ApiVersion":"1.41"}', "200 OK"
                if image_id is not None and asked and f"/images/{image_id}/" in request:
                    body, status = json.dumps({"Id": image_id}).encode(), "200 OK"
                if "/load" in request:
                    body, status = b"{}", "200 OK"
                if "/tag" in request and status == "200 OK":
                    status = "201 Created"
                head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                connection.sendall(head.encode() + b"Connection: close\r\n\r\n" + body)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield asked
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def test_engine_that_loses_the_image_is_told(tmp_path: Path):
    """A yes is not believed: the image is looked for by its ID."""
    path = os.path.join("/tmp", f"hublish-forgetful-{os.getpid()}.sock")
    image = make_image()
    try:
        with serve_engine(path), pytest.raises(EngineFailed, match=image.image_id):
            image.write(EngineWriter({"DOCKER_HOST": f"unix://{path}"}, name=NAME, progress=ignore))
    finally:
        Path(path).unlink(missing_ok=True)


def test_engine_whose_images_containerd_keeps_takes_it(tmp_path: Path):
    """Such an engine knows an image by its manifest's digest, and by nothing else."""
    path = os.path.join("/tmp", f"hublish-containerd-{os.getpid()}.sock")
    image = make_image()
    digest = make_digest(image.manifest)
    try:
        with serve_engine(path, image_id=digest) as asked:
            written = image.write(EngineWriter({"DOCKER_HOST": f"unix://{path}"}, name=NAME, progress=ignore))
    finally:
        Path(path).unlink(missing_ok=True)

    assert written == digest
    assert asked == [
        "POST /images/load",
        f"POST /images/{digest}/tag?tag=v1&repo=registry.example.org%2Fteam%2Fts&force=0",
    ]
