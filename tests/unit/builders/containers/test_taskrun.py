"""What a task leaves is a stranger's archive: plain files of a bounded size come out of it, and nothing else."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from hublish.builders.containers.containerrun import ContainerJob
from hublish.builders.containers.taskrun import TaskRunner
from hublish.core.ports import ContainerTask
from hublish.core.reference import Reference
from hublish.errors import BuildFailed
from tests.fakes import TINY_BASE, FakeImages, make_tar
from tests.unit.builders.samples import BASE

CONFIG = b'{"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}'


def make_layer(*members: tarfile.TarInfo, body: bytes = b"x") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for member in (make_member(".end", 0), *members):
            archive.addfile(member, io.BytesIO(body * member.size) if member.isreg() else None)
    return stream.getvalue()


def make_member(name: str, size: int = 1, *, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.type, member.linkname = size, kind, "/etc/passwd" if kind == tarfile.SYMTYPE else ""
    return member


@dataclass
class Backend:
    """Builds nothing and exports one layer; or fails."""

    layer: bytes = b""
    error: BuildFailed | None = None
    forgotten: int = 0

    def verify_container(self, container: object) -> None:
        pass

    def ensure_base(self, *_: object, **__: object) -> None:
        """There."""

    def build(self, job: ContainerJob) -> None:
        if self.error is not None:
            raise self.error

    def export(self, image: Reference, archive: Path, **_: object) -> None:
        index = json.dumps([{"Config": "config.json", "Layers": ["layer.tar"]}]).encode()
        with tarfile.open(archive, "w") as outer:
            for name, body in (("manifest.json", index), ("config.json", CONFIG), ("layer.tar", self.layer)):
                member = tarfile.TarInfo(name)
                member.size = len(body)
                outer.addfile(member, io.BytesIO(body))

    def forget(self, _: Reference) -> None:
        self.forgotten += 1


def run(backend: Backend, folder: Path) -> dict[str, bytes]:
    images = FakeImages()
    images.add_image(BASE, [make_tar(TINY_BASE)])
    task = ContainerTask(
        title="the answer", base=BASE.with_digest(images.fetch_manifest(BASE).digest), platform="linux/amd64", script="",
        files={}, network=False, seconds=9, size_bytes=100,
    )  # fmt: skip
    runner = TaskRunner(backend, images, folder / "work")
    try:
        made = runner.run_task(task, folder / "out", log=lambda _: None, verify_running=lambda: None)
        return {path.name: path.read_bytes() for path in made}
    finally:
        assert list((folder / "work").iterdir()) == []


def test_plain_files_come_out(tmp_path) -> None:
    """The engine's mark does not; the image's name is given back."""
    backend = Backend(make_layer(make_member("b-1.0.whl", 3), make_member("a_1+x!y", 100 - 3)))

    assert run(backend, tmp_path) == {"a_1+x!y": b"x" * 97, "b-1.0.whl": b"xxx"}
    assert backend.forgotten == 1


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([make_member("link", 0, kind=tarfile.SYMTYPE)], "the answer: expected plain files, it left link"),
        ([make_member("folder", 0, kind=tarfile.DIRTYPE)], "the answer: expected plain files, it left folder"),
        ([make_member("pipe", 0, kind=tarfile.FIFOTYPE)], "the answer: expected plain files, it left pipe"),
        ([make_member("../../out")], "the answer: expected plain files, it left ../../out"),
        ([make_member("/etc/x")], "the answer: expected plain files, it left /etc/x"),
        ([make_member(".hidden")], "the answer: expected plain files, it left .hidden"),
        ([make_member("a", 60), make_member("b", 60)], "the answer: it left more than 100 bytes or 1000 files"),
    ],
)
def test_anything_else_is_refused(tmp_path, members, message) -> None:
    """Links, folders, devices, paths that lead away, and too much."""
    with pytest.raises(BuildFailed) as caught:
        run(Backend(make_layer(*members)), tmp_path)
    assert caught.value.message == message


def test_broken_layer_is_refused(tmp_path) -> None:
    """Cut short."""
    with pytest.raises(BuildFailed, match="the answer: its result cannot be read"):
        run(Backend(make_layer(make_member("a", 90))[:1100]), tmp_path)


def test_engine_fault_is_told_with_the_task(tmp_path) -> None:
    """What the engine says stands behind what was to be made; of a script that was killed its status."""
    with pytest.raises(BuildFailed, match=r"^the answer: the build needed more memory"):
        run(Backend(error=BuildFailed("the build needed more memory than 1 MiB")), tmp_path)
    with pytest.raises(BuildFailed, match=r"^the answer failed: it was ended \(exit status 137\)$"):
        run(Backend(error=BuildFailed("the build failed at step 2 of 3, RUN x: exit status 137")), tmp_path)
