"""Dockerfiles and source-to-image at the command line, by the engines of this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.command_line import build, run_hublish
from tests.e2e.images import read_texts
from tests.sandbox.base_image import make_busybox_base, push_layout
from tests.sandbox.docker_engine import DockerEngine
from tests.sandbox.registry import Registry

pytestmark = [pytest.mark.container, pytest.mark.registry]

DOCKERFILE = """\
FROM {base}
ARG GREETING=hello
COPY data /data
RUN echo "$GREETING" > /greeting
CMD ["cat", "/greeting"]
"""
ASSEMBLE = """\
#!/bin/sh
cp -r /tmp/src/. /opt/
echo "$MOOD" > /opt/mood
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry.start(tmp_path_factory.mktemp("registry")) as started:
        push_layout(make_busybox_base(tmp_path_factory.mktemp("base")), started.host, "base/busybox", "1")
        yield started


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def folder(tmp_path: Path, registry: Registry) -> Path:
    folder = tmp_path / "ts"
    folder.mkdir()
    (folder / "Dockerfile").write_text(DOCKERFILE.format(base=f"{registry.host}/base/busybox:1"))
    (folder / "data").write_text("1\n")
    return folder


@pytest.mark.parametrize("engine", ["buildah", "docker"])
def test_folder_with_a_dockerfile_is_built_and_pushed(folder, registry, cache, docker_engine, engine) -> None:
    """Either engine gives an image with the same files, on the base as it is in the registry."""
    result = build(
        folder,
        *("--engine", engine, "--cache", cache, "--plain-http", registry.host),
        *("--push", f"{registry.host}/team/ts:{engine}"),
        DOCKER_HOST=docker_engine.host,
    )
    manifest = registry.manifest("team/ts", engine)
    base = registry.manifest("base/busybox", "1")
    assert manifest is not None
    assert base is not None

    assert result["image"].startswith(f"{registry.host}/team/ts@sha256:")
    assert manifest["layers"][0] == base["layers"][0]
    assert read_texts(registry, engine) == {"data": "1\n", "greeting": "hello\n"}


def test_image_of_a_dockerfile_runs_in_docker(folder, registry, cache, docker_engine: DockerEngine) -> None:
    """buildah builds, Docker Engine takes the image and runs it."""
    build(
        folder,
        *("--cache", cache, "--plain-http", registry.host, "--load", "--tag", "greeting:v1"),
        DOCKER_HOST=docker_engine.host,
    )

    assert docker_engine.run("run", "--rm", "--network", "none", "greeting:v1") == "hello\n"


def test_source_is_assembled_by_its_own_scripts(tmp_path, registry, cache) -> None:
    """The strategy source runs `.s2i/bin/assemble` in the builder image, with `.s2i/environment`."""
    folder = tmp_path / "ts"
    (folder / ".s2i" / "bin").mkdir(parents=True)
    (folder / ".s2i" / "bin" / "assemble").write_text(ASSEMBLE)
    (folder / ".s2i" / "bin" / "assemble").chmod(0o755)
    (folder / ".s2i" / "bin" / "run").write_text("#!/bin/sh\ncat /opt/mood\n")
    (folder / ".s2i" / "environment").write_text("MOOD=calm\n")
    (folder / "notebook.ipynb").write_text("{}\n")
    config = {
        "version": 1,
        "image": {"name": f"{registry.host}/team/ts"},
        "strategy": "source",
        "base": f"{registry.host}/base/busybox:1",
        "s2i": {"user": "0"},
    }
    (folder / ".hublish.yaml").write_text(json.dumps(config))
    build(
        folder,
        *("--engine", "buildah", "--cache", cache, "--plain-http", registry.host),
        *("--push", f"{registry.host}/team/ts:s2i"),
    )
    files = read_texts(registry, "s2i")

    assert (files["opt/mood"], files["opt/notebook.ipynb"]) == ("calm\n", "{}\n")


def test_secret_is_mounted_masked_and_in_no_layer(folder, tmp_path, registry, cache) -> None:
    """A build may use it; its log and its image do not show it."""
    (tmp_path / "token").write_text("hunter2-hunter2\n")
    run = "RUN --mount=type=secret,id=token cat /run/secrets/token && sha256sum /run/secrets/token > /sum"
    (folder / "Dockerfile").write_text(f"FROM {registry.host}/base/busybox:1\n{run}\n")
    document = run_hublish(
        "build",
        folder,
        *("--engine", "buildah", "--secret", f"token={tmp_path / 'token'}", "--cache", cache),
        *("--plain-http", registry.host, "--push", f"{registry.host}/team/ts:secret"),
    )
    body = b"".join(path.read_bytes() for path in registry.folder.rglob("data") if path.is_file())

    assert "/run/secrets/token" in read_texts(registry, "secret")["sum"]
    assert "hunter2" not in json.dumps(document)
    assert b"hunter2" not in body
    assert "hunter2" not in "".join(read_texts(registry, "secret").values())


def test_failing_step_ends_the_command(folder, registry, cache) -> None:
    """Exit code 1 and the step."""
    (folder / "Dockerfile").write_text(f"FROM {registry.host}/base/busybox:1\nRUN exit 3\n")
    document = run_hublish(
        "build", folder, "--engine", "buildah", "--cache", cache, "--plain-http", registry.host, code=1
    )

    assert document["error"]["code"] == "BuildFailed"
    assert document["error"]["message"] == "the build failed at step 2 of 2, RUN exit 3: exit status 3"


def test_doctor_tells_of_each_engine(cache, docker_engine: DockerEngine, tmp_path) -> None:
    """What works here, and that what does not is no fault of a machine."""
    there = run_hublish("doctor", "--cache", cache, DOCKER_HOST=docker_engine.host)["result"]
    away = run_hublish("doctor", "--cache", cache, DOCKER_HOST=f"unix://{tmp_path}/nobody.sock")["result"]
    found = {check["name"]: check for check in there}
    missing = {check["name"]: check for check in away}["engine docker"]

    assert found["engine buildah"]["detail"].startswith("buildah version 1.")
    assert "network isolated" in found["engine buildah"]["detail"]
    assert found["engine docker"]["detail"].startswith("Docker Engine")
    assert missing["ok"] is True
    assert missing["detail"].startswith(f"not here: the Docker Engine at unix://{tmp_path}/nobody.sock does not answer")
    assert missing["hint"] != ""
