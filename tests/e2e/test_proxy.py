"""A build behind a proxy and a private authority, by the command line: it works, and nothing of either is in the image."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox.base_image import make_tiny_base
from tests.sandbox.connect_proxy import ConnectProxy
from tests.sandbox.index import PackageIndexSandbox
from tests.sandbox.registry import Registry
from tests.sandbox.registry_token import make_certificate
from tests.sandbox.wheels import PLACEHOLDER_SOURCE

HUBLISH = Path(sys.executable).parent / "hublish"
REGISTRY, INDEX = "registry.example.org", "packages.example.org"
LOGIN = "robot:hunter2"


def write_repository(folder: Path, pipfile: str, lock: str) -> Path:
    """A repository with a lock and a notebook."""
    folder.mkdir()
    for name, text in (("Pipfile", pipfile), ("Pipfile.lock", lock), ("notebook.ipynb", '{"cells": []}\n')):
        (folder / name).write_text(text)
    return folder


@pytest.mark.registry
def test_build_behind_a_proxy_leaves_no_trace_in_the_image(tmp_path: Path) -> None:
    """Wheels come and layers go through tunnels; config, manifest and layers hold no proxy, no login and no CA's path."""
    authority, key = make_certificate(tmp_path / "private-authority", REGISTRY, INDEX)
    base = make_tiny_base(tmp_path / "base")
    with (
        PackageIndexSandbox.start(tmp_path / "index", tls=(authority, key)) as index,
        Registry.start(tmp_path / "registry", tls=(authority, key)) as registry,
        ConnectProxy({f"{REGISTRY}:443": registry.host, f"{INDEX}:443": index.host}, login=LOGIN) as proxy,
    ):
        folder = write_repository(tmp_path / "ts", *index.make_lock({"one": "1.0", "pip": "25.2"}))
        address = proxy.url.removeprefix("http://")
        done = subprocess.run(
            [str(HUBLISH), "build", str(folder), "--json", "--base", f"oci:{base}", "--push", f"{REGISTRY}/team/ts:v1",
             "--cache", str(tmp_path / "cache"), "--index-map", f"{PLACEHOLDER_SOURCE}=https://{INDEX}/simple"],
            env={
                **os.environ,
                "HTTPS_PROXY": f"http://{LOGIN}@{address}",
                "NO_PROXY": "elsewhere.example.org",
                "SSL_CERT_FILE": str(authority),
                "REQUESTS_CA_BUNDLE": str(authority),
            },
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        image = read_stored(registry)
    traces = [address, "hunter2", "proxy", "elsewhere.example.org", str(authority), "private-authority", INDEX]

    assert set(proxy.targets) == {f"{INDEX}:443", f"{REGISTRY}:443"}
    assert json.loads(done.stdout)["result"]["digest"].startswith("sha256:")
    assert "hunter2" not in done.stdout + done.stderr
    assert [
        (name, trace) for name, body in image.items() for trace in traces if trace.lower().encode() in body.lower()
    ] == []
    assert len(image) > 3


def read_stored(registry: Registry) -> dict[str, bytes]:
    """Manifest, config and uncompressed layers as the registry stores them, by name."""
    blobs = registry.folder / "storage" / "docker" / "registry" / "v2" / "blobs" / "sha256"
    stored = {path.parent.name: path.read_bytes() for path in blobs.glob("*/*/data")}
    return {name: gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body for name, body in stored.items()}
