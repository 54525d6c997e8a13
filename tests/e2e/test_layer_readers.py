"""One spliced layer: the same bytes on every CPU, and plain gzip and tar to everybody who reads layers."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from hublish.adapters.layout import OCILayout
from hublish.builders.layered.environment import make_environment
from hublish.builders.wheels.wheellayer import WheelLayerJob, make_wheel_layer
from hublish.core.plan import Environment
from hublish.core.reference import Reference
from hublish.oci.layers import LayerBlob
from hublish.oci.manifest import OCI_CONFIG, OCI_LAYER_GZIP, OCI_MANIFEST, make_digest
from tests.fakes import TINY_BASE
from tests.sandbox.wheels import make_wheel, wheel_filename
from tests.unit.builders.baseimage.parts import read

CPU_MODELS = ("Nehalem", "Haswell", "qemu64")
# Text that a compressor has choices in, written by a generator of its own so that no library's version matters.
COMPRESS = """
import hashlib
from isal import isal_zlib
from hublish.oci.gzip_members import GzipMembers
words = [bytes([97 + (i * 7 + j * 3) % 26 for j in range(2 + i % 9)]) for i in range(997)]
state, text = 1, []
for _ in range(60_000):
    state = state * 1103515245 + 12345 & 0x7FFFFFFF
    text.append(words[state % 997] + b" " * (state % 5 == 0) + bytes([state >> 16 & 255]) * (state % 11 == 0))
body = b"".join(text)
digest = hashlib.sha256()
members = GzipMembers(digest.update)
for start in range(0, len(body), 50_000):
    members.write(body[start : start + 50_000])
    members.splice(((b"stream", b"plain"),))
members.write(body * 4)
members.finish()
print(digest.hexdigest())
print(hashlib.sha256(isal_zlib.compress(body, 3)).hexdigest())
"""


def run(command: Sequence[str], *, seconds: int = 120) -> str:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.mark.emulated
def test_compressor_gives_the_same_bytes_on_every_cpu():
    """An old CPU without AVX, one with AVX2, and this machine's own agree.

    ISA-L, which chooses its search by CPU, shows that the emulated models are told apart at all.
    """
    if shutil.which("qemu-x86_64") is None:
        pytest.skip("qemu-x86_64 is not installed")

    own = run([sys.executable, "-c", COMPRESS]).split()
    others = [
        run(["qemu-x86_64", "-cpu", model, sys.executable, "-W", "ignore", "-c", COMPRESS]).split()
        for model in CPU_MODELS
    ]

    assert [digests[0] for digests in others] == [own[0]] * len(CPU_MODELS)
    assert len({digests[1] for digests in others}) > 1


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> tuple[LayerBlob, Path]:
    """A layer of one wheel with long, short, stored-like and large files."""
    folder = tmp_path_factory.mktemp("layer")
    source = random.Random(7)
    files: dict[str, str | bytes] = {
        "alpha/__init__.py": "x = 1\n",
        "alpha/random.bin": source.randbytes(3 << 20),
        "alpha/zeros.bin": bytes(2 << 20),
        **{f"alpha/m{number}.py": f"name = {number}\n" * source.randrange(1, 4000) for number in range(60)},
        f"alpha/{'long-' * 30}name.txt": "pax",
    }
    path = folder / wheel_filename("alpha", "1.0")
    path.write_bytes(make_wheel("alpha", "1.0", files, scripts={"alpha": "alpha:main"}))
    environment = make_environment(read(TINY_BASE), Environment.VENV)
    blob = make_wheel_layer(
        WheelLayerJob(wheels=(path,), environment=environment, bytecode=True, folder=folder / "blobs")
    ).blob
    return blob, folder / "blobs" / blob.digest.removeprefix("sha256:")


@pytest.fixture(scope="module")
def layout(layer: tuple[LayerBlob, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image of that layer alone, as an OCI layout."""
    blob, path = layer
    folder = tmp_path_factory.mktemp("image")
    rootfs = {"type": "layers", "diff_ids": [blob.diff_id]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()
    descriptors = [
        {"mediaType": kind, "digest": digest, "size": size}
        for kind, digest, size in (
            (OCI_CONFIG, make_digest(config), len(config)),
            (OCI_LAYER_GZIP, blob.digest, blob.size_bytes),
        )
    ]
    manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptors[0], "layers": descriptors[1:]}
    target = Reference(registry="example.com", repository="team/ts", tag="image")
    output = OCILayout(folder)
    for descriptor, body in zip(descriptors, (config, path.read_bytes()), strict=True):
        output.ensure_blob(
            target,
            digest=descriptor["digest"],
            size_bytes=descriptor["size"],
            open_body=lambda body=body: io.BytesIO(body),
        )
    output.ensure_manifest(target, body=json.dumps(manifest).encode(), media_type=OCI_MANIFEST)
    return folder


def test_python_reads_it(layer):
    """Digest, diff ID and length are those of the bytes."""
    blob, path = layer
    body = path.read_bytes()
    stream = gzip.decompress(body)

    assert (make_digest(body), make_digest(stream)) == (blob.digest, blob.diff_id)
    assert (len(body), len(stream)) == (blob.size_bytes, blob.unpacked_bytes)
    with tarfile.open(fileobj=io.BytesIO(stream)) as archive:
        assert "opt/hublish/venv/lib/python3.11/site-packages/alpha/random.bin" in archive.getnames()


def test_gnu_gzip_and_tar_read_it(layer):
    """GNU gzip finds it whole, and so does GNU tar."""
    blob, path = layer

    unpacked = subprocess.run(["gzip", "-dc"], input=path.read_bytes(), capture_output=True, check=True, timeout=60)
    names = subprocess.run(["tar", "-tz"], input=path.read_bytes(), capture_output=True, check=True, timeout=60)

    assert "sha256:" + hashlib.sha256(unpacked.stdout).hexdigest() == blob.diff_id
    assert unpacked.stderr == b""
    assert b"opt/hublish/venv/bin/alpha\n" in names.stdout


def test_skopeo_copies_it_there_and_back(layer, layout, tmp_path):
    """To a folder, compressed by it anew from what it unpacked, and back: digests are verified on each way."""
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo is not installed")
    blob, _ = layer

    run(["skopeo", "copy", "-q", f"oci:{layout}:image", f"dir:{tmp_path / 'copy'}"])
    run(["skopeo", "copy", "-q", f"dir:{tmp_path / 'copy'}", f"oci:{tmp_path / 'back'}:image"])
    run(["skopeo", "copy", "-q", "--dest-decompress", f"oci:{layout}:image", f"dir:{tmp_path / 'plain'}"])

    manifest = json.loads((tmp_path / "copy" / "manifest.json").read_text())
    plain = json.loads((tmp_path / "plain" / "manifest.json").read_text())
    back = tmp_path / "back" / "blobs" / "sha256" / blob.digest.removeprefix("sha256:")
    assert [entry["digest"] for entry in manifest["layers"]] == [blob.digest]
    assert [entry["digest"] for entry in plain["layers"]] == [blob.diff_id]
    assert make_digest(back.read_bytes()) == blob.digest


@pytest.mark.container
def test_buildah_pulls_and_unpacks_it(layer, layout):
    """Go's gzip reader and the storage of CRI-O and podman take it."""
    if shutil.which("buildah") is None:
        pytest.skip("buildah is not installed")
    _, path = layer
    with tarfile.open(path) as archive:
        name = next(entry for entry in archive.getnames() if entry.endswith("/alpha/random.bin"))
        expected = hashlib.sha256(archive.extractfile(name).read()).hexdigest()
    # buildah derives a name from the path, which must be lower case: pytest's own folders are not.
    folder = Path(tempfile.gettempdir()) / f"hublish-readers-{os.getpid()}"
    store = ("--root", str(folder / "store"), "--runroot", str(folder / "run"))
    command = ("buildah", "--storage-driver", os.environ.get("STORAGE_DRIVER", "overlay"), *store)
    try:
        shutil.copytree(layout, folder / "image")
        container = run([*command, "from", "-q", f"oci:{folder / 'image'}:image"]).strip().splitlines()[-1]
        mounted = run([*command, "mount", container]).strip()
        found = hashlib.sha256((Path(mounted) / name).read_bytes()).hexdigest()
    finally:
        subprocess.run([*command, "rm", "-a"], capture_output=True, check=False, timeout=120)
        subprocess.run([*command, "rmi", "-a", "-f"], capture_output=True, check=False, timeout=120)
        shutil.rmtree(folder, ignore_errors=True)

    assert found == expected
