"""`hublish verify` by the command line: over a registry, with other caches, and on images that were tampered with."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hublish.oci.manifest import make_digest
from tests.e2e.command_line import build, commit_all, run_hublish, write_repository
from tests.sandbox.base_image import make_tiny_base, push_layout
from tests.sandbox.index import PackageIndexSandbox
from tests.sandbox.registry import Registry
from tests.sandbox.wheels import PLACEHOLDER_SOURCE

PACKAGES = {"jupyterhub": "5.3.0", "jupyterlab": "4.4.0", "pip": "25.2", "tides": "1.0"}


@dataclass(frozen=True)
class Shipyard:
    """A repository under git with an image of it, and what the commands need to know."""

    index: PackageIndexSandbox
    folder: Path
    commit: str
    base: Path
    image: Path
    digest: str

    def options(self, cache: Path, *hosts: str) -> tuple[object, ...]:
        """Options of every command: a cache, the index, hosts without TLS."""
        plain = [option for host in (self.index.host, *hosts) for option in ("--plain-http", host)]
        return ("--cache", cache, "--index-map", f"{PLACEHOLDER_SOURCE}={self.index.url}", "--workers", 1, *plain)

    def verify(self, tmp_path: Path, image: object, folder: Path | None = None, *, code: int) -> dict:
        """Verify an image in a layout; returns the whole document."""
        return run_hublish(
            "verify",
            f"oci:{image}",
            folder or self.folder,
            "--base",
            f"oci:{self.base}",
            *self.options(tmp_path / "verify-cache"),
            code=code,
        )


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shipyard]:
    tmp_path = tmp_path_factory.mktemp("verify")
    with PackageIndexSandbox.start(tmp_path / "index") as index:
        index.add_notebook_packages()
        index.add_wheel("tides", "1.0", {"tides/__init__.py": "height = {'low': 1}\n" * 50})
        folder = write_repository(tmp_path / "ts", *index.make_lock(PACKAGES))
        yard = Shipyard(
            index=index,
            folder=folder,
            commit=commit_all(folder, "first"),
            base=make_tiny_base(tmp_path / "base"),
            image=tmp_path / "image",
            digest="",
        )
        options = (*yard.options(tmp_path / "cache"), "--base", f"oci:{yard.base}", "--output", yard.image)
        digest = build(folder, *options)["digest"]
        yield Shipyard(**{**vars(yard), "digest": digest})


def tamper(layout: Path, copy: Path, *, claim: bool) -> str:
    """Copy a layout and put a line into tides; the config claims the new diff ID where `claim`. Returns the digest."""
    shutil.copytree(layout, copy)
    blobs = copy / "blobs" / "sha256"

    def read(digest: str) -> bytes:
        return (blobs / digest.removeprefix("sha256:")).read_bytes()

    def store(body: bytes, descriptor: dict) -> None:
        (blobs / make_digest(body).removeprefix("sha256:")).write_bytes(body)
        descriptor.update(digest=make_digest(body), size=len(body))

    index = json.loads((copy / "index.json").read_text())
    manifest = json.loads(read(index["manifests"][0]["digest"]))
    config = json.loads(read(manifest["config"]["digest"]))
    number = next(number for number, entry in enumerate(config["history"]) if "tides 1.0" in entry["created_by"])
    stream = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(gzip.decompress(read(manifest["layers"][number]["digest"])))) as old,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in old:
            body = old.extractfile(member).read() if member.isfile() else b""
            body += b"import evil\n" if member.name.endswith("/tides/__init__.py") else b""
            member.size = len(body)
            new.addfile(member, io.BytesIO(body))
    store(gzip.compress(stream.getvalue(), mtime=0), manifest["layers"][number])
    if claim:
        config["rootfs"]["diff_ids"][number] = make_digest(stream.getvalue())
    store(json.dumps(config).encode(), manifest["config"])
    store(json.dumps(manifest).encode(), index["manifests"][0])
    (copy / "index.json").write_text(json.dumps(index))
    return index["manifests"][0]["digest"]


@pytest.mark.registry
def test_pushed_image_is_equal_to_its_rebuild(yard, tmp_path):
    """From registry, lock and wheels alone, in a cache that never saw the image: the same digest, and nothing is left."""
    with Registry.start(tmp_path / "registry") as registry:
        host = registry.host
        push_layout(yard.base, host, "base/python", "3.11")
        pushed = build(
            yard.folder,
            *yard.options(tmp_path / "cache", host),
            "--base",
            f"{host}/base/python:3.11",
            "--push",
            f"{host}/team/ts:v1",
        )["digest"]
        checkout = shutil.copytree(yard.folder, tmp_path / "another-name")
        result = run_hublish("verify", f"{host}/team/ts:v1", checkout, *yard.options(tmp_path / "other-cache", host))[
            "result"
        ]

    assert (result["verdict"], result["digest"], result["rebuilt_digest"]) == ("equal", pushed, pushed)
    assert result["claims"]["commit"] == yard.commit
    assert result["remarks"] == ["the source is called ts, as in the image; a folder may have any name"]
    assert list((tmp_path / "other-cache").glob("verify-*")) == []


def test_layout_is_equal_to_its_rebuild(yard, tmp_path):
    """An image that was never pushed, on a base that lies in a folder."""
    result = yard.verify(tmp_path, yard.image, code=0)["result"]

    assert (result["verdict"], result["rebuilt_digest"]) == ("equal", yard.digest)
    assert (result["layers"], result["config"], result["remarks"]) == ([], [], [])


def test_poisoned_cache_changes_no_answer(yard, tmp_path):
    """Layers and byte-code of earlier builds are not even looked at; a damaged wheel is fetched anew."""
    cache = tmp_path / "verify-cache"
    build(yard.folder, *yard.options(cache), "--base", f"oci:{yard.base}", "--output", tmp_path / "image")
    for path in cache.rglob("*"):
        if path.is_file() and not path.name.endswith(".json"):
            # Of the same length, which is all that a build looks at.
            path.write_bytes(b"x" * path.stat().st_size)

    assert yard.verify(tmp_path, yard.image, code=0)["result"]["rebuilt_digest"] == yard.digest


@pytest.mark.parametrize("claim", [True, False])
def test_tampered_layer_is_found(yard, tmp_path, claim):
    """A line in one module: the layer, its packages and the path are told; also where the config hides it."""
    tamper(yard.image, tmp_path / "tampered", claim=claim)
    result = yard.verify(tmp_path, tmp_path / "tampered", code=6)["result"]
    [layer] = result["layers"]
    [path] = layer["paths"]

    assert result["verdict"] == "different"
    assert "tides 1.0" in layer["title"]
    assert path["path"] == "/opt/hublish/venv/lib/python3.11/site-packages/tides/__init__.py"
    assert path["image"].startswith("file 0664 0:0 1012 bytes sha256:")
    assert path["rebuilt"].startswith("file 0664 0:0 1000 bytes sha256:")
    assert layer["remark"].startswith("" if claim else "the config claims the right diff ID")


def test_other_commit_and_changed_folder_cannot_say(yard, tmp_path):
    """Another lock is another commit; a file more is no commit at all. Both say how to get the right one."""
    changed = shutil.copytree(yard.folder, tmp_path / "changed")
    (changed / "more.py").write_text("x = 1\n")
    dirty = yard.verify(tmp_path, yard.image, changed, code=7)["result"]
    other_commit = commit_all(changed, "second")
    other = yard.verify(tmp_path, yard.image, changed, code=7)["result"]

    assert dirty["reason"].endswith("the folder is no git checkout, or has changes")
    assert other["reason"] == f"the image was built from commit {yard.commit}; the folder is at {other_commit}"
    assert other["hint"] == f"Check out the image's commit: git -C {changed} checkout {yard.commit}"


def test_other_lock_of_no_commit_is_different(yard, tmp_path):
    """An image of a folder without git names no commit: its lock is compared by what it gives."""
    folder = write_repository(tmp_path / "ts", *yard.index.make_lock(PACKAGES))
    options = (*yard.options(tmp_path / "cache"), "--base", f"oci:{yard.base}")
    build(folder, *options, "--output", tmp_path / "image")
    other = {**PACKAGES, "waves": "2.0"}
    pipfile, lock = yard.index.make_lock(other)
    (folder / "Pipfile").write_text(pipfile)
    (folder / "Pipfile.lock").write_text(lock)
    result = yard.verify(tmp_path, tmp_path / "image", folder, code=6)["result"]

    assert any("waves 2.0" in layer["title"] for layer in result["layers"])
    assert [layer["title"] for layer in result["layers"]][-1] == "source"


def test_image_of_somebody_else_is_refused(yard, tmp_path):
    """The base itself was not built by hublish, and says nothing of what it was made from."""
    document = yard.verify(tmp_path, yard.base, code=1)

    assert document["error"]["code"] == "ImageInvalid"
    assert "has no label io.github.hublish.builder" in document["error"]["message"]


def test_base_with_another_digest_cannot_say(yard, tmp_path):
    """A base of the same name may have moved."""
    other = make_tiny_base(tmp_path / "base", python="3.11.3")
    result = run_hublish(
        "verify", f"oci:{yard.image}", yard.folder, "--base", f"oci:{other}", *yard.options(tmp_path / "c"), code=7
    )["result"]

    assert result["reason"].startswith("the image was built on the base sha256:")
