"""Pushing to a real registry: looks, mounts, chunks, resumption, and what a broken or full registry leads to."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from hublish.core.ports import BlobPush
from hublish.errors import RegistryFailed
from tests.contract.registry.parts import (
    BIG,
    MANIFEST_TYPE,
    SIZES,
    SMALL,
    Blob,
    make_blob,
    make_client,
    make_manifest,
    make_reference,
)
from tests.sandbox.registry import Registry
from tests.sandbox.registry_faults import Fault

pytestmark = [
    pytest.mark.registry,
    pytest.mark.skipif(shutil.which("docker-registry") is None, reason="docker-registry is not installed"),
]


@pytest.mark.parametrize("size", [0, 1, SIZES.monolithic_bytes, SIZES.monolithic_bytes + 1, 800_000, 1_000_001])
def test_blob_arrives_whole_at_every_size(registry, client, size):
    """Empty, in one request, in exact and uneven pieces: the registry holds the bytes and progress sums up."""
    blob = make_blob(size, seed=size + 7)
    reported: list[int] = []
    reference = make_reference(registry.host, f"sizes/{size}")
    expected = BlobPush(transfer="uploaded", uploaded_bytes=size)

    assert client.ensure_blob(reference, **blob.push, progress=reported.append) == expected
    assert sum(reported) == size
    assert registry.blob(f"sizes/{size}", blob.digest) == blob.content


def test_one_client_serves_many_threads(registry, client):
    """Blobs go up side by side through one client, two threads with the same one included."""
    blobs = [make_blob(300_000 + number % 7, seed=100 + number % 7) for number in range(14)]
    reference = make_reference(registry.host, "threads")

    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda blob: client.ensure_blob(reference, **blob.push), blobs))

    assert [registry.blob("threads", blob.digest) == blob.content for blob in blobs] == [True] * 14


def test_present_blob_is_not_sent_again(registry, client):
    """A look comes before the upload."""
    reference = make_reference(registry.host, "twice")
    client.ensure_blob(reference, **SMALL.push)
    expected = BlobPush(transfer="present", uploaded_bytes=0)

    assert client.ensure_blob(reference, **SMALL.push) == expected


def test_blob_is_mounted_from_another_repository(registry, client):
    """No byte travels when another repository of the registry holds the blob."""
    source = make_reference(registry.host, "mount/source")
    client.ensure_blob(source, **BIG.push)
    elsewhere = make_reference("other.example", "mount/source")
    empty = make_reference(registry.host, "mount/empty")
    expected = BlobPush(transfer="mounted", uploaded_bytes=0)

    target = make_reference(registry.host, "mount/target")
    assert client.ensure_blob(target, **BIG.push, mount_from=(elsewhere, target, empty, source)) == expected
    assert registry.blob("mount/target", BIG.digest) == BIG.content


def test_refused_mount_becomes_an_upload(registry, proxy, client):
    """A registry that opens an upload in place of a mount gets the upload it opened."""
    client.ensure_blob(make_reference(proxy.host, "nomount/source"), **SMALL.push)
    client.ensure_blob(make_reference(registry.host, "nomount/opened"), **make_blob(10).push)
    proxy.calls.clear()
    # The proxy asks the registry without the mount's parameters.
    proxy.add(Fault(method="HEAD", path="nomount/target/blobs", status=404))
    proxy.add(Fault(method="POST", path="mount=", status=202, headers={"Location": "/v2/nomount/target/blobs/gone"}))
    expected = BlobPush(transfer="uploaded", uploaded_bytes=2 * len(SMALL.content))

    source = make_reference(proxy.host, "nomount/source")
    target = make_reference(proxy.host, "nomount/target")
    assert client.ensure_blob(target, **SMALL.push, mount_from=(source,)) == expected
    assert registry.blob("nomount/target", SMALL.digest) == SMALL.content


def test_full_registry_is_named(tmp_path):
    """A real full disk behind the registry: one clear error and no repetition."""
    waits: list[float] = []
    with Registry.start(tmp_path, storage_limit=600_000) as small:
        client = make_client(small.host, sleep=waits.append)
        with pytest.raises(RegistryFailed) as caught:
            client.ensure_blob(make_reference(small.host, "full"), **BIG.push)
        client.close()

    assert "got 500 Internal Server Error (the registry is full)" in caught.value.message
    assert caught.value.hint.startswith("The registry has no room left.")
    assert (caught.value.transient, caught.value.status, waits) == (False, 500, [])


def test_insufficient_storage_is_named(proxy, client):
    """507 is a full registry too."""
    proxy.add(Fault(method="POST", path="quota", status=507))

    with pytest.raises(RegistryFailed) as caught:
        client.ensure_blob(make_reference(proxy.host, "quota"), **SMALL.push)

    expected = (
        f"upload of the blob {SMALL.digest} in {proxy.host}/quota: expected 202, got 507 Insufficient Storage "
        "(the registry is full)."
    )
    assert caught.value.message == expected


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_transient_refusals_are_repeated(registry, proxy, client, status):
    """The server's trouble passes; the push does not notice."""
    proxy.add(Fault(method="PATCH", path=f"trouble/{status}", status=status, times=2))
    reference = make_reference(proxy.host, f"trouble/{status}")

    client.ensure_blob(reference, **BIG.push)

    assert registry.blob(f"trouble/{status}", BIG.digest) == BIG.content


def test_retry_after_is_honoured(proxy, registry):
    """What the server asks for is waited for, and backoff doubles otherwise."""
    waits: list[float] = []
    client = make_client(proxy.host, sleep=waits.append)
    proxy.add(Fault(method="HEAD", path="asked", status=503, headers={"Retry-After": "7"}))
    proxy.add(Fault(method="HEAD", path="asked", status=500, times=2))

    client.ensure_blob(make_reference(proxy.host, "asked"), **SMALL.push)
    client.close()

    assert waits == [7.0, 1.0, 2.0]


def test_each_call_has_a_fresh_budget_that_ends(proxy, client):
    """A server that stays broken is given up after the same number of tries each time."""
    proxy.add(Fault(method="HEAD", path="broken", status=500, times=100))

    for _ in range(2):
        proxy.calls.clear()
        with pytest.raises(RegistryFailed) as caught:
            client.ensure_blob(make_reference(proxy.host, "broken"), **SMALL.push)
        assert (len(proxy.calls), caught.value.status, caught.value.transient) == (6, 500, True)


def test_wait_beyond_the_deadline_is_not_begun(proxy, client):
    """A server that asks for more time than a call has is given up at once."""
    proxy.add(Fault(method="HEAD", path="later", status=429, headers={"Retry-After": "3000"}, times=9))

    with pytest.raises(RegistryFailed) as caught:
        client.ensure_blob(make_reference(proxy.host, "later"), **SMALL.push)

    assert (caught.value.status, len(proxy.calls)) == (429, 1)


def test_digest_reported_for_a_blob_must_be_ours(proxy, client):
    """A registry that reports another digest did not store our blob."""
    proxy.add(Fault(method="PUT", path="liar", headers={"Docker-Content-Digest": "sha256:" + "0" * 64}))

    with pytest.raises(RegistryFailed, match=f"expected the registry to report {SMALL.digest}"):
        client.ensure_blob(make_reference(proxy.host, "liar"), **SMALL.push)


def test_blob_of_another_size_in_the_registry_is_refused(proxy, client):
    """A look compares sizes: a damaged blob is not taken for ours."""
    client.ensure_blob(make_reference(proxy.host, "damaged"), **SMALL.push)
    wrong = {**SMALL.push, "size_bytes": 5}

    with pytest.raises(RegistryFailed, match="expected 5 bytes, got 70000"):
        client.ensure_blob(make_reference(proxy.host, "damaged"), **wrong)


def test_manifest_is_stored_under_tags(registry, client):
    """The same bytes under two tags have one digest, which the registry gives back."""
    client.ensure_blob(make_reference(registry.host, "tagged"), **SMALL.push)
    expected = Blob(content=make_manifest(SMALL))

    for tag in ("build-1", "v1", "v1"):
        reference = make_reference(registry.host, "tagged", tag)
        stored = client.ensure_manifest(reference, body=expected.content, media_type=MANIFEST_TYPE)
        assert stored == expected.digest
        assert client.fetch_digest(reference) == expected.digest
    assert registry.tags("tagged") == ("build-1", "v1")
    assert registry.manifest_bytes("tagged", expected.digest) == expected.content


def test_manifest_digest_is_asked_for_when_not_reported(registry, proxy, client):
    """Without the header the registry is asked what it holds."""
    client.ensure_blob(make_reference(proxy.host, "quiet"), **SMALL.push)
    expected = Blob(content=make_manifest(SMALL))
    for method in ("PUT", "HEAD"):
        proxy.add(Fault(method=method, path="quiet/manifests", headers={"Docker-Content-Digest": ""}))

    reference = make_reference(proxy.host, "quiet")
    stored = client.ensure_manifest(reference, body=expected.content, media_type=MANIFEST_TYPE)

    assert stored == expected.digest


def test_manifest_with_another_digest_is_refused(proxy, client):
    """A registry that rewrites or misreports a manifest is caught."""
    client.ensure_blob(make_reference(proxy.host, "rewrite"), **SMALL.push)
    proxy.add(Fault(method="PUT", path="manifests", headers={"Docker-Content-Digest": "sha256:" + "1" * 64}))
    manifest = Blob(content=make_manifest(SMALL))

    with pytest.raises(RegistryFailed) as caught:
        client.ensure_manifest(make_reference(proxy.host, "rewrite"), body=manifest.content, media_type=MANIFEST_TYPE)

    expected = (
        f"push of the manifest v1 in {proxy.host}/rewrite: expected the digest {manifest.digest}, got "
        f"sha256:{'1' * 64}."
    )
    assert caught.value.message == expected


def test_manifest_whose_blob_is_missing_is_refused_with_the_registrys_word(registry, client):
    """The registry's error code and detail reach the message."""
    with pytest.raises(RegistryFailed) as caught:
        client.ensure_manifest(
            make_reference(registry.host, "missing"), body=make_manifest(SMALL), media_type=MANIFEST_TYPE
        )

    assert "got 400 Bad Request - MANIFEST_BLOB_UNKNOWN: blob unknown to registry" in caught.value.message


def test_oversized_manifest_is_refused_unsent(proxy, client):
    """More than 4 MiB is sent to no registry."""
    with pytest.raises(RegistryFailed, match="expected at most 4194304 bytes, got 4194305"):
        client.ensure_manifest(make_reference(proxy.host), body=b" " * 4194305, media_type=MANIFEST_TYPE)

    assert proxy.calls == []
