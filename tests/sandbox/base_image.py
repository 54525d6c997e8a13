"""Base images for tests and the demo, as OCI layouts: a real Debian with Python, and a tiny one that is never run.

Both are deterministic (the Debian one for a given state of the archive). No pytest here: the demo uses it too.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

SUITE = "bookworm"
PACKAGES = ("python3", "ca-certificates")
# Pages for people would be a third of the image; the copyright files stay.
DPKG_OPTIONS = (
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
)
LAYOUT_VERSION = 2
BUILD_SECONDS = 540
TAG = "base"
TINY_PYTHON = "3.11.2"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BUSYBOX = Path("/bin/busybox")
_MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


class BaseImageMissing(RuntimeError):
    """mmdebstrap is not installed or failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TinyFile:
    """One entry of a synthetic image: a file, a symlink (`link`), or a folder (neither)."""

    path: str
    content: bytes | None = None
    link: str | None = None
    mode: int = 0o755


def make_debian_base(folder: Path) -> Path:
    """Make a Debian with python3 as an OCI layout in `folder`, from the cache when it was made before.

    The cache lies in $HUBLISH_TEST_CACHE, else ~/.cache/hublish-test; the first time takes 30 to 60 s.

    Returns:
        `folder`. The image has the name `base` in it.

    Raises:
        BaseImageMissing: mmdebstrap is not there or failed; the message ends with its last words.
    """
    recipe = [LAYOUT_VERSION, SUITE, PACKAGES, DPKG_OPTIONS]
    key = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:16]
    cache = Path(os.environ.get("HUBLISH_TEST_CACHE") or Path.home() / ".cache" / "hublish-test")
    cached = cache / f"debian-{key}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"debian-{key}.lock").open("wb") as lock:
        # Parallel test processes: one makes it, the others wait.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (cached / "index.json").is_file():
            with tempfile.TemporaryDirectory(dir=cache) as staging:
                write_layout(Path(staging) / "layout", _bootstrap(Path(staging)))
                shutil.rmtree(cached, ignore_errors=True)
                (Path(staging) / "layout").rename(cached)
    shutil.copytree(cached, folder, dirs_exist_ok=True)
    return folder


def make_tiny_base(folder: Path, *, python: str = TINY_PYTHON, extra: tuple[TinyFile, ...] = ()) -> Path:
    """Make a synthetic image of a few files as an OCI layout: it looks like a Debian with Python, and cannot be run.

    Args:
        folder: where the layout goes; made if missing.
        python: full version that its interpreter's bytes hold.
        extra: further entries, which replace ours of the same path.
    """
    minor = python.rsplit(".", 1)[0]
    libc = b"GNU C Library (Debian GLIBC 2.36-9+deb12u10) stable release version 2.36.\n"
    usual = (
        TinyFile(path="bin", link="usr/bin"),
        TinyFile(path="etc"),
        TinyFile(path="etc/passwd", content=b"root:x:0:0:root:/root:/bin/bash\n", mode=0o644),
        TinyFile(path="etc/group", content=b"root:x:0:\n", mode=0o644),
        TinyFile(path="home"),
        TinyFile(path="lib", link="usr/lib"),
        TinyFile(path="root", mode=0o700),
        TinyFile(path="srv"),
        TinyFile(path="tmp", mode=0o1777),
        TinyFile(path="usr"),
        TinyFile(path="usr/bin"),
        TinyFile(path="usr/bin/bash", content=_make_elf(b"bash")),
        TinyFile(path="usr/bin/python3", link=f"python{minor}"),
        TinyFile(path=f"usr/bin/python{minor}", content=_make_elf(b"\0" + python.encode() + b"\0")),
        TinyFile(path="usr/lib"),
        TinyFile(path=f"usr/lib/python{minor}"),
        TinyFile(path=f"usr/lib/python{minor}/os.py", content=b"# never run\n", mode=0o644),
        TinyFile(path="usr/lib/python3"),
        TinyFile(path="usr/lib/python3/dist-packages"),
        TinyFile(path="usr/lib/x86_64-linux-gnu"),
        TinyFile(path="usr/lib/x86_64-linux-gnu/libc.so.6", content=_make_elf(libc)),
        TinyFile(path="usr/local"),
        TinyFile(path="usr/local/bin"),
    )
    entries = {entry.path: entry for entry in (*usual, *extra)}
    write_layout(folder, _make_tar([entries[path] for path in sorted(entries)]))
    return folder


def make_busybox_base(folder: Path) -> Path:
    """Make an image of Debian's busybox-static as an OCI layout: two megabytes that do run, with a shell and its tools.

    Raises:
        BaseImageMissing: busybox-static is not installed.
    """
    if not BUSYBOX.exists():
        raise BaseImageMissing(f"{BUSYBOX} is missing: apt-get install busybox-static")
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, timeout=30, check=True).stdout.split()
    entries = [
        TinyFile(path="bin"),
        TinyFile(path="bin/busybox", content=BUSYBOX.read_bytes()),
        *(TinyFile(path=f"bin/{applet}", link="busybox") for applet in applets if applet != "busybox"),
        TinyFile(path="etc"),
        # Engines put their own over these for each step, and would leave empty ones in a layer.
        *(TinyFile(path=f"etc/{name}", content=b"", mode=0o644) for name in ("hostname", "hosts", "resolv.conf")),
        TinyFile(path="etc/passwd", content=b"root:x:0:0:root:/root:/bin/sh\n", mode=0o644),
        TinyFile(path="root", mode=0o700),
        TinyFile(path="tmp", mode=0o1777),
    ]
    write_layout(folder, _make_tar(entries), settings={"Cmd": ["sh"]})
    return folder


def push_layout(layout: Path, registry_host: str, repository: str, tag: str) -> str:
    """Push the one image of a layout to a registry that asks nobody, over plain HTTP; returns its digest."""
    digest = json.loads((layout / "index.json").read_bytes())["manifests"][0]["digest"]
    body = _read_blob(layout, digest)
    manifest = json.loads(body)
    base = f"http://{registry_host}/v2/{repository}"
    for descriptor in (manifest["config"], *manifest["layers"]):
        _, location = _send("POST", f"{base}/blobs/uploads/", b"", {})
        target = urljoin(base, location)
        separator = "&" if "?" in target else "?"
        blob = _read_blob(layout, descriptor["digest"])
        octets = {"Content-Type": "application/octet-stream"}
        _send("PUT", f"{target}{separator}digest={descriptor['digest']}", blob, octets)
    stored, _ = _send("PUT", f"{base}/manifests/{tag}", body, {"Content-Type": manifest["mediaType"]})
    if stored != digest:
        raise RuntimeError(f"Expected the registry to store {digest}, got {stored}.")
    return str(digest)


def write_layout(
    folder: Path,
    tar: bytes,
    *,
    settings: Mapping[str, Any] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> None:
    """Write an image of one layer as an OCI layout into `folder`, under the name `base`.

    Args:
        folder: made if missing.
        tar: the layer, uncompressed.
        settings: the `config` of the image's config; None starts a shell.
        annotations: further ones of its entry in the index.
    """
    layer = gzip.compress(tar, compresslevel=6, mtime=0)
    config = {
        "architecture": "amd64",
        "config": {"Cmd": ["bash"], "Env": [PATH], **(settings or {})},
        "created": "1970-01-01T00:00:00Z",
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "hublish test base"}],
        "os": "linux",
        "rootfs": {"diff_ids": [_digest(tar)], "type": "layers"},
    }
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST_TYPE,
        "config": _store(blobs, _dump(config), "application/vnd.oci.image.config.v1+json"),
        "layers": [_store(blobs, layer, "application/vnd.oci.image.layer.v1.tar+gzip")],
    }
    entry = {
        **_store(blobs, _dump(manifest), _MANIFEST_TYPE),
        "annotations": {"org.opencontainers.image.ref.name": TAG, **(annotations or {})},
        "platform": {"architecture": "amd64", "os": "linux"},
    }
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [entry]}
    (folder / "oci-layout").write_bytes(_dump({"imageLayoutVersion": "1.0.0"}))
    (folder / "index.json").write_bytes(_dump(index))


def _bootstrap(staging: Path) -> bytes:
    if shutil.which("mmdebstrap") is None:
        raise BaseImageMissing("mmdebstrap is not on PATH: apt-get install mmdebstrap")
    target = staging / "root.tar"
    options = [f"--dpkgopt={option}" for option in DPKG_OPTIONS]
    command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", *options, SUITE, str(target)]
    # The epoch makes mmdebstrap clamp every time stamp.
    done = subprocess.run(
        command,
        env={**os.environ, "SOURCE_DATE_EPOCH": "0", "LC_ALL": "C.UTF-8", "TMPDIR": str(staging)},
        capture_output=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise BaseImageMissing(f"mmdebstrap failed; it ends: {done.stderr.decode(errors='replace')[-800:]}")
    return target.read_bytes()


def _make_tar(entries: list[TinyFile]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for entry in entries:
            member = tarfile.TarInfo(entry.path)
            member.mode = entry.mode
            if entry.link is not None:
                member.type, member.linkname, member.mode = tarfile.SYMTYPE, entry.link, 0o777
            elif entry.content is None:
                member.type = tarfile.DIRTYPE
            else:
                member.size = len(entry.content)
            archive.addfile(member, io.BytesIO(entry.content or b""))
    return stream.getvalue()


def _make_elf(content: bytes) -> bytes:
    """The first 64 bytes of a 64-bit x86-64 executable, and `content` after them."""
    header = bytearray(64)
    header[0:7] = b"\x7fELF\x02\x01\x01"
    header[16:20] = b"\x03\x00\x3e\x00"
    return bytes(header) + content


def _store(blobs: Path, content: bytes, media_type: str) -> dict[str, Any]:
    digest = _digest(content)
    (blobs / digest.removeprefix("sha256:")).write_bytes(content)
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


def _read_blob(layout: Path, digest: str) -> bytes:
    return (layout / "blobs" / digest.replace(":", "/", 1)).read_bytes()


def _dump(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _send(method: str, url: str, body: bytes, headers: dict[str, str]) -> tuple[str, str]:
    request = urllib.request.Request(url, data=body, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=120) as response:
        return response.headers.get("Docker-Content-Digest", ""), response.headers.get("Location", "")
