"""The base images of tests and the demo: deterministic, readable by others, and what layers expect."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from hublish.builders.baseimage.python import read_base_facts
from tests.contract.registry.parts import make_client, make_reference
from tests.sandbox.base_image import TinyFile, make_debian_base, make_tiny_base, push_layout
from tests.sandbox.registry import Registry


def list_files(folder):
    """Content of every file by path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_tiny_base_is_deterministic(tmp_path):
    """Two are equal to the byte; an extra entry makes another image."""
    first, second = (list_files(make_tiny_base(tmp_path / name)) for name in ("first", "second"))
    extra = TinyFile(path="etc/extra", content=b"x")

    assert first == second
    assert list_files(make_tiny_base(tmp_path / "third", extra=(extra,))) != first


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """A registry for the bases."""
    with Registry.start(tmp_path_factory.mktemp("registry")) as started:
        yield started


@pytest.mark.registry
@pytest.mark.skipif(shutil.which("docker-registry") is None, reason="docker-registry is not installed")
def test_tiny_base_has_the_facts_that_layers_need(registry, tmp_path):
    """Python, libc and architecture are found in it through the registry."""
    layout = make_tiny_base(tmp_path / "layout", python="3.12.4")
    expected = json.loads((layout / "index.json").read_bytes())["manifests"][0]["digest"]
    client = make_client(registry.host)
    reference = make_reference(registry.host, "base/tiny", "3.12")

    assert push_layout(layout, registry.host, "base/tiny", "3.12") == expected
    assert client.fetch_digest(reference) == expected
    facts = read_base_facts(client, reference, platform="linux/amd64")
    client.close()
    assert (facts.python_full_version, facts.libc, facts.architecture) == ("3.12.4", ("glibc", 36), "x86_64")


@pytest.mark.container
@pytest.mark.registry
@pytest.mark.skipif(shutil.which("docker-registry") is None, reason="docker-registry is not installed")
@pytest.mark.skipif(shutil.which("mmdebstrap") is None, reason="mmdebstrap is not installed")
@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")
@pytest.mark.timeout(600)
def test_debian_base_is_read_by_skopeo_and_by_us(registry, tmp_path):
    """The real base answers with its digest, and its Python is found without running it."""
    digest = push_layout(make_debian_base(tmp_path / "layout"), registry.host, "base/debian", "3.11")
    address = f"docker://{registry.host}/base/debian:3.11"
    seen = subprocess.run(
        ["skopeo", "inspect", "--tls-verify=false", address], capture_output=True, check=True, timeout=60
    )
    client = make_client(registry.host)
    facts = read_base_facts(client, make_reference(registry.host, "base/debian", "3.11"), platform="linux/amd64")
    client.close()

    assert json.loads(seen.stdout)["Digest"] == digest
    assert (facts.python_version, facts.executable, facts.libc) == ((3, 11), "/usr/bin/python3.11", ("glibc", 36))
