"""Pulling from a real registry: manifests and blobs verified, resumed, and refused when they are not what they say."""

from __future__ import annotations

import itertools
import shutil

import pytest

from hublish.adapters.registry import Patience
from hublish.core.ports import Manifest
from hublish.core.reference import Reference
from hublish.errors import ReferenceInvalid, RegistryFailed
from tests.contract.registry.parts import (
    MANIFEST_TYPE,
    Blob,
    make_blob,
    make_client,
    make_manifest,
    make_reference,
    write_auth,
)
from tests.sandbox.registry import Registry
from tests.sandbox.registry_faults import Fault, FaultProxy

pytestmark = [
    pytest.mark.registry,
    pytest.mark.skipif(shutil.which("docker-registry") is None, reason="docker-registry is not installed"),
]
BLOB = make_blob(700_000, seed=3)
MANIFEST = Blob(content=make_manifest(BLOB))
ZERO = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """A registry that holds one image as team/ts:v1."""
    with Registry.start(tmp_path_factory.mktemp("registry")) as started:
        client = make_client(started.host)
        reference = make_reference(started.host)
        client.ensure_blob(reference, **BLOB.push)
        client.ensure_manifest(reference, body=MANIFEST.content, media_type=MANIFEST_TYPE)
        client.close()
        yield started


@pytest.fixture
def client(proxy):
    """A client of the proxy."""
    made = make_client(proxy.host)
    yield made
    made.close()


def read(client, reference, digest):
    """All bytes of a blob."""
    with client.open_blob(reference, digest) as stream:
        return stream.read()


def test_manifest_is_fetched_by_tag_and_digest(proxy, client):
    """The exact bytes come with media type and digest; the digest goes before the tag."""
    expected = Manifest(body=MANIFEST.content, media_type=MANIFEST_TYPE, digest=MANIFEST.digest)
    host = proxy.host

    assert client.fetch_manifest(make_reference(host)) == expected
    both = Reference(registry=host, repository="team/ts", tag="other", digest=MANIFEST.digest)
    assert client.fetch_manifest(both) == expected


def test_what_is_not_there_is_none(proxy, client):
    """An unknown tag, digest or repository is no error."""
    gone = [
        make_reference(proxy.host, tag="v2"),
        make_reference(proxy.host, tag=None).with_digest(ZERO),
        make_reference(proxy.host, "nobody/nothing"),
    ]

    assert [client.fetch_manifest(reference) for reference in gone] == [None, None, None]
    assert [client.fetch_digest(reference) for reference in gone] == [None, None, None]


def test_reference_without_tag_and_digest_is_refused(proxy, client):
    """No tag is guessed."""
    with pytest.raises(ReferenceInvalid, match="Expected a tag or a digest"):
        client.fetch_manifest(make_reference(proxy.host, tag=None))


def test_manifest_of_other_bytes_is_refused(proxy, client):
    """Bytes are compared with the digest asked for, and with the registry's own word for a tag."""
    for reference in (make_reference(proxy.host), make_reference(proxy.host).with_digest(MANIFEST.digest)):
        proxy.add(Fault(method="GET", path="manifests", corrupt=True))
        with pytest.raises(RegistryFailed, match=f"expected the digest {MANIFEST.digest}, got sha256:"):
            client.fetch_manifest(reference)


def test_lying_digest_header_is_refused(proxy, client):
    """A header that is not the digest asked for is caught in a look-up too."""
    proxy.add(Fault(method="HEAD", path="manifests", headers={"Docker-Content-Digest": ZERO}))

    with pytest.raises(RegistryFailed, match=f"expected the digest {MANIFEST.digest}, got {ZERO}"):
        client.fetch_digest(make_reference(proxy.host).with_digest(MANIFEST.digest))


@pytest.mark.parametrize("header", ["application/json", "", "text/html; charset=utf-8"])
def test_media_type_comes_from_the_document_when_the_header_has_none(proxy, client, header):
    """Static mirrors serve manifests as plain JSON."""
    proxy.add(Fault(method="GET", path="manifests", headers={"Content-Type": header}))

    manifest = client.fetch_manifest(make_reference(proxy.host))

    assert manifest.media_type == MANIFEST_TYPE


def test_media_type_of_something_else_is_kept_as_served(proxy, client):
    """A document that says no known type, or is none, keeps the header's."""
    for body in (b"[]", b"<html>"):
        proxy.add(Fault(method="GET", path="manifests", status=200, headers={"Content-Type": "text/html"}, body=body))
        assert client.fetch_manifest(make_reference(proxy.host)).media_type == "text/html"


def test_oversized_manifest_is_refused(proxy, client):
    """Reading stops after 4 MiB."""
    proxy.add(Fault(method="GET", path="manifests", status=200, body=b" " * (4 * 1024 * 1024 + 1)))

    with pytest.raises(RegistryFailed, match="expected at most 4194304 bytes, got more"):
        client.fetch_manifest(make_reference(proxy.host))


def test_blob_is_read_and_verified(proxy, client):
    """The bytes are those of the digest, in any sizes of reads."""
    with client.open_blob(make_reference(proxy.host), BLOB.digest) as stream:
        start = stream.read(10)
        rest = stream.read()
        end = stream.read(1)

    assert (start + rest, end) == (BLOB.content, b"")


def test_missing_blob_is_refused_on_entering(proxy, client):
    """The registry's code is told."""
    with pytest.raises(RegistryFailed, match="got 404 Not Found - BLOB_UNKNOWN"):
        read(client, make_reference(proxy.host), ZERO)


def test_text_that_is_no_digest_makes_no_request(proxy, client):
    """A digest of a manifest that nobody checked cannot become another URL."""
    with pytest.raises(RegistryFailed, match="Expected a digest as sha256"):
        read(client, make_reference(proxy.host), "sha256:../../x")

    assert proxy.calls == []


def test_dropped_download_is_resumed(proxy, client):
    """Bytes that came are not fetched again."""
    proxy.add(Fault(method="GET", path="blobs", drop_after_bytes=300_000))

    assert read(client, make_reference(proxy.host), BLOB.digest) == BLOB.content
    assert [call.headers.get("range") for call in proxy.calls if call.method == "GET"] == [None, "bytes=300000-"]


def test_dropped_download_is_read_again_from_a_server_without_ranges(proxy, client):
    """What was read already is passed over; a second break while passing over is survived."""
    proxy.add(Fault(method="GET", path="blobs", drop_after_bytes=300_000))
    proxy.add(Fault(method="GET", path="blobs", drop_after_bytes=100_000, without=("range",)))
    proxy.add(Fault(method="GET", path="blobs", status=200, body=BLOB.content))

    assert read(client, make_reference(proxy.host), BLOB.digest) == BLOB.content
    assert [call.headers.get("range") for call in proxy.calls] == [None, "bytes=300000-", "bytes=300000-"]


def test_answer_with_another_range_is_refused(proxy, client):
    """Bytes from elsewhere in the blob are not put behind those that came."""
    proxy.add(Fault(method="GET", path="blobs", drop_after_bytes=300_000))
    proxy.add(Fault(method="GET", path="blobs", headers={"Content-Range": "bytes 9-699999/700000"}))

    with pytest.raises(RegistryFailed, match="got 206 Partial Content"):
        read(client, make_reference(proxy.host), BLOB.digest)


def test_download_that_never_ends_is_given_up(proxy, client):
    """A server that always breaks before anything new arrives uses up the budget."""
    proxy.add(Fault(method="GET", path="blobs", drop_after_bytes=0, times=100))

    with pytest.raises(RegistryFailed) as caught:
        read(client, make_reference(proxy.host), BLOB.digest)

    assert caught.value.transient is True


def test_download_that_drips_is_given_up(proxy):
    """Bytes keep coming, too slowly: the clock here takes a minute for each look at it."""
    minutes = itertools.count()
    client = make_client(proxy.host, patience=Patience(clock=lambda: 60.0 * next(minutes)))
    with pytest.raises(RegistryFailed, match="expected at least 8192 bytes a second, got ") as caught:
        read(client, make_reference(proxy.host), BLOB.digest)
    client.close()

    assert caught.value.transient is True


def test_corrupted_blob_is_refused_at_its_end(proxy, client):
    """Other bytes of the same length are caught by the digest."""
    proxy.add(Fault(method="GET", path="blobs", corrupt=True))

    with pytest.raises(RegistryFailed) as caught:
        read(client, make_reference(proxy.host), BLOB.digest)

    assert "expected bytes of this digest, got sha256:" in caught.value.message
    assert caught.value.message.endswith("(700000 bytes).")


def test_transient_refusal_in_mid_blob_is_repeated(proxy, client):
    """Trouble after a break is waited out as well, and a refusal that breaks off itself."""
    proxy.add(Fault(method="GET", path="blobs", drop_after_bytes=300_000))
    proxy.add(Fault(method="GET", path="blobs", status=503, body=b"x" * 100, drop_after_bytes=10))
    proxy.add(Fault(method="GET", path="blobs", status=500))

    assert read(client, make_reference(proxy.host), BLOB.digest) == BLOB.content


def test_transient_refusal_of_a_blob_is_repeated(proxy, client):
    """A download begins again after the server's trouble."""
    proxy.add(Fault(method="GET", path="blobs", status=503, headers={"Retry-After": "1"}))

    assert read(client, make_reference(proxy.host), BLOB.digest) == BLOB.content


def test_silent_server_is_given_up(proxy):
    """A read time-out ends the wait, and says so."""
    client = make_client(proxy.host, patience=Patience(read_seconds=0.2, attempts=2, sleep=lambda _: None))
    proxy.add(Fault(method="GET", path="manifests", delay_seconds=1.0, times=2))

    with pytest.raises(RegistryFailed) as caught:
        client.fetch_manifest(make_reference(proxy.host))
    client.close()

    expected = (
        f"look-up of the manifest v1 in {proxy.host}/team/ts: expected an answer, got silence until the time-out."
    )
    assert (caught.value.message, caught.value.transient) == (expected, True)


def test_blob_is_followed_to_a_listed_host_without_credentials(registry, proxy, tmp_path):
    """Blob stores answer for registries; the registry's password is not for them."""
    auth = write_auth(tmp_path / "config.json", proxy.host, "u", "p")
    with FaultProxy(registry.host) as store:
        proxy.add(Fault(method="GET", path="blobs", status=401, headers={"WWW-Authenticate": 'Basic realm="x"'}))
        target = f"http://{store.host}/v2/team/ts/blobs/{BLOB.digest}"
        proxy.add(Fault(method="GET", path="blobs", status=307, headers={"Location": target}))
        client = make_client(proxy.host, store.host, default_auth_files=(auth,))
        content = read(client, make_reference(proxy.host), BLOB.digest)
        client.close()

    assert content == BLOB.content
    assert [("authorization" in call.headers) for call in proxy.calls] == [False, True]
    assert ["authorization" in call.headers for call in store.calls] == [False]
