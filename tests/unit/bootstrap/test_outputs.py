"""From the name of a place to its writer."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from hublish.adapters.docker.engine import DockerEngine
from hublish.adapters.layout import OCILayout
from hublish.bootstrap.outputs import find_target, make_writer
from hublish.core.building import Progress, Step
from hublish.core.output import Output, OutputKind
from hublish.core.ports import ImageWriter
from hublish.core.reference import Reference
from hublish.errors import BuildCancelled, BuildFailed, StrategyUnavailable
from hublish.oci.manifest import OCI_MANIFEST
from tests.contract.docker.parts import make_image
from tests.fakes import FakeImages

NAME = Reference(registry="registry.example.org", repository="team/ts", tag="v1")


def make(
    kind: OutputKind, path: Path | None = None, *, seen: list[Progress] | None = None, cancelled: bool = False
) -> ImageWriter:
    return make_writer(
        Output(kind=kind, reference=NAME, path=path),
        registry=FakeImages(),
        environ={},
        progress=[].append if seen is None else seen.append,
        cancelled=lambda: cancelled,
    )


def test_each_place_has_its_writer(tmp_path: Path) -> None:
    """A registry is spoken to by the client there is; the others are made."""
    assert isinstance(make(OutputKind.REGISTRY), FakeImages)
    assert isinstance(make(OutputKind.LAYOUT, tmp_path), OCILayout)
    assert isinstance(make(OutputKind.ENGINE), DockerEngine)


@pytest.mark.parametrize("kind", [OutputKind.LAYOUT, OutputKind.ARCHIVE])
def test_place_without_a_path_is_refused(kind: OutputKind) -> None:
    """It cannot be guessed."""
    with pytest.raises(BuildFailed, match="needs a path"):
        make(kind)


def test_engine_without_its_client_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the extra that brings it, and a way without."""
    monkeypatch.delitem(sys.modules, "hublish.adapters.docker.engine", raising=False)
    monkeypatch.setitem(sys.modules, "docker", None)
    with pytest.raises(StrategyUnavailable) as caught:
        make(OutputKind.ENGINE)

    assert caught.value.hint == (
        "Install hublish[docker], or write a file: `--output docker-archive:FILE` and `docker load -i FILE`."
    )


def write(writer: ImageWriter) -> None:
    image = make_image()
    for digest, body in image.blobs().items():
        writer.ensure_blob(NAME, digest=digest, size_bytes=len(body), open_body=lambda body=body: io.BytesIO(body))
    writer.ensure_manifest(NAME, body=image.manifest, media_type=OCI_MANIFEST)


def test_archive_tells_its_bytes(tmp_path: Path) -> None:
    """In a step of its own, up to the last."""
    seen: list[Progress] = []
    write(make(OutputKind.ARCHIVE, tmp_path / "ts.tar", seen=seen))

    assert {progress.step for progress in seen} == {Step.OUTPUT}
    assert seen[-1].done == seen[-1].total


def test_cancelled_build_writes_no_archive(tmp_path: Path) -> None:
    """It is asked while bytes go out."""
    with pytest.raises(BuildCancelled):
        write(make(OutputKind.ARCHIVE, tmp_path / "ts.tar", cancelled=True))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", [OutputKind.LAYOUT, OutputKind.ARCHIVE, OutputKind.ENGINE])
def test_places_here_are_no_registry(kind: OutputKind) -> None:
    """A build must not believe that layers stand where the image's name points to."""
    target = find_target(Output(kind=kind, reference=NAME, path=Path("x")))

    assert target == Reference(registry="oci-layout.invalid", repository="output", tag="v1")
    assert find_target(Output(kind=OutputKind.REGISTRY, reference=NAME)) == NAME
