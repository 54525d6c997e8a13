"""Uploads to a real registry that break, lie or are refused: resumed, repeated, or told."""

from __future__ import annotations

import io
import shutil

import pytest

from hublish.adapters.registry import TransferSizes
from hublish.core.ports import BlobPush
from hublish.errors import ImageInvalid, NotAllowed, RegistryFailed
from tests.contract.registry.parts import (
    BIG,
    SMALL,
    Blob,
    make_blob,
    make_client,
    make_reference,
)
from tests.sandbox.registry import Registry
from tests.sandbox.registry_faults import Fault, FaultProxy

pytestmark = [
    pytest.mark.registry,
    pytest.mark.skipif(shutil.which("docker-registry") is None, reason="docker-registry is not installed"),
]


def test_dropped_piece_is_resumed_where_the_registry_stands(registry, proxy, client):
    """A piece that never reached the registry is sent again, and only that piece."""
    proxy.add(Fault(method="PATCH", path="resume", skip=1, drop_after_bytes=150_000))
    reported: list[int] = []

    push = client.ensure_blob(make_reference(proxy.host, "resume"), **BIG.push, progress=reported.append)

    assert registry.blob("resume", BIG.digest) == BIG.content
    assert sum(reported) == len(BIG.content)
    assert proxy.methods().count("POST") == 1
    assert [call.headers.get("content-range") for call in proxy.calls if call.method == "PATCH"] == [
        "0-399999",
        "400000-799999",
        "400000-799999",
        "800000-1000000",
    ]
    assert len(BIG.content) < push.uploaded_bytes <= len(BIG.content) + 400_000


@pytest.mark.parametrize("fault", [{"drop_after_bytes": 700_000}, {"status": 413}], ids=["dropped", "too-large"])
def test_large_put_that_fails_goes_on_in_pieces(registry, proxy, fault):
    """One PUT is the fast way; when it breaks off, or something on the way limits requests, pieces follow."""
    blob = make_blob(1_000_000, seed=700 + len(str(fault)))
    sizes = TransferSizes(monolithic_bytes=2_000_000, chunk_bytes=400_000, read_bytes=50_000)
    client = make_client(proxy.host, sizes=sizes)
    proxy.add(Fault(method="PUT", path="/blobs/uploads/", **fault))
    proxy.calls.clear()
    pushed = client.ensure_blob(make_reference(proxy.host), **blob.push)
    client.close()
    sent = [call.method for call in proxy.calls if call.method in ("PUT", "PATCH")]

    assert pushed.transfer == "uploaded"
    assert sent == ["PUT", "PATCH", "PATCH", "PATCH", "PUT"]
    assert registry.blob("team/ts", blob.digest) == blob.content


def test_session_broken_in_mid_piece_is_begun_anew(registry, proxy, client):
    """docker-registry cannot continue a piece that broke after bytes of it arrived: a new session brings them all."""
    proxy.add(Fault(method="PATCH", path="anew", drop_after_bytes=150_000, forward=True))
    reported: list[int] = []

    client.ensure_blob(make_reference(proxy.host, "anew"), **BIG.push, progress=reported.append)

    assert registry.blob("anew", BIG.digest) == BIG.content
    assert sum(reported) == len(BIG.content)
    assert proxy.methods().count("POST") == 2


def test_odd_answers_of_an_upload_are_survived(registry, proxy, client):
    """Broken status look-ups, a range refusal and a registry that took less lead on, not to wrong bytes."""
    proxy.add(Fault(method="PATCH", path="odd", skip=1, drop_after_bytes=10))
    proxy.add(Fault(method="GET", path="odd", status=503))
    proxy.add(Fault(method="GET", path="odd", status=204, headers={"Range": "nonsense"}))
    proxy.add(Fault(method="PATCH", path="odd", status=416))
    proxy.add(Fault(method="PATCH", path="odd", status=202, headers={"Range": "0-0"}))

    client.ensure_blob(make_reference(proxy.host, "odd"), **BIG.push)

    assert registry.blob("odd", BIG.digest) == BIG.content


def test_shortest_chunk_of_the_registry_is_honoured(registry, proxy, client):
    """A registry may ask for larger pieces than ours."""
    proxy.add(Fault(method="POST", path="chunk", headers={"OCI-Chunk-Min-Length": "900000"}))

    client.ensure_blob(make_reference(proxy.host, "chunk"), **BIG.push)

    ranges = [call.headers.get("content-range") for call in proxy.calls if call.method == "PATCH"]
    assert ranges == ["0-899999", "900000-1000000"]


def test_refused_opening_of_an_upload_is_told_and_repeated(proxy, client):
    """Trouble is waited out; an answer without a Location is refused."""
    proxy.add(Fault(method="POST", path="opening", status=503))
    proxy.add(Fault(method="POST", path="opening", status=202))

    with pytest.raises(RegistryFailed, match="expected a Location header, got none"):
        client.ensure_blob(make_reference(proxy.host, "opening"), **SMALL.push)


def test_upload_location_where_requests_may_not_go_is_refused(proxy, client):
    """A Location is foreign too: no plain HTTP to another host, and no byte is sent."""
    proxy.add(Fault(method="POST", path="away", status=202, headers={"Location": "http://127.0.0.1:1/upload"}))

    with pytest.raises(NotAllowed, match=r"Expected https for '127\.0\.0\.1:1'"):
        client.ensure_blob(make_reference(proxy.host, "away"), **SMALL.push)

    assert proxy.methods() == ["HEAD", "POST"]


def test_blob_that_is_not_there_after_all_is_refused(proxy, client):
    """A registry that says "created" without a digest is looked at again."""
    proxy.add(Fault(method="PUT", path="hollow", status=201))

    with pytest.raises(RegistryFailed, match="expected the blob to be there, got none"):
        client.ensure_blob(make_reference(proxy.host, "hollow"), **SMALL.push)


def test_body_that_cannot_be_seeked_is_read_up_to_the_break(registry, proxy, client):
    """A stream from a pipe or an archive resumes by reading again."""

    class Stream(io.BytesIO):
        def seekable(self):
            return False

    proxy.add(Fault(method="PATCH", path="pipe", skip=1, drop_after_bytes=10))
    client.ensure_blob(make_reference(proxy.host, "pipe"), **{**BIG.push, "open_body": lambda: Stream(BIG.content)})

    assert registry.blob("pipe", BIG.digest) == BIG.content


def test_body_that_cannot_be_read_is_told(registry, client):
    """A failing disk is ours, not the registry's."""

    class Broken(io.BytesIO):
        def read(self, *args):
            raise OSError(5, "Input/output error")

    with pytest.raises(ImageInvalid, match="Expected to read a blob of 70000 bytes, got: Input/output error"):
        client.ensure_blob(make_reference(registry.host, "eio"), **{**SMALL.push, "open_body": Broken})


def test_lost_answer_of_a_finished_upload_is_found_out(registry, proxy, client):
    """When only the answer was lost, a look finds the blob and nothing is sent twice."""
    proxy.add(Fault(method="PUT", path="lost", drop_answer=True))
    expected = BlobPush(transfer="uploaded", uploaded_bytes=len(SMALL.content))

    assert client.ensure_blob(make_reference(proxy.host, "lost"), **SMALL.push) == expected
    assert registry.blob("lost", SMALL.digest) == SMALL.content


def test_bytes_changed_on_the_way_are_sent_again(registry, proxy, client):
    """The registry's digest check refuses them; ours shows that our bytes are right."""
    proxy.add(Fault(method="PUT", path="flip", corrupt=True))

    client.ensure_blob(make_reference(proxy.host, "flip"), **SMALL.push)

    assert registry.blob("flip", SMALL.digest) == SMALL.content


def test_body_that_is_not_its_digest_is_refused(registry, client):
    """A file that changed here ends in our error, not in repetitions."""
    other = Blob(content=SMALL.content[::-1])
    arguments = {**SMALL.push, "open_body": other.push["open_body"]}

    with pytest.raises(ImageInvalid) as caught:
        client.ensure_blob(make_reference(registry.host, "wrong"), **arguments)

    assert caught.value.message == f"Expected a blob with the digest {SMALL.digest} here, got {other.digest}."
    assert registry.blob("wrong", SMALL.digest) is None


def test_body_that_ends_early_is_refused(registry, client):
    """A short file is told with its sizes."""
    arguments = {**BIG.push, "open_body": lambda: io.BytesIO(BIG.content[:500_000])}

    with pytest.raises(ImageInvalid) as caught:
        client.ensure_blob(make_reference(registry.host, "short"), **arguments)

    assert caught.value.message == "Expected a blob of 1000001 bytes, got its end after 500000."


def test_given_up_upload_is_cancelled(tmp_path):
    """Nothing half done stays in the registry when a push is refused for good."""
    with Registry.start(tmp_path) as registry, FaultProxy(registry.host) as proxy:
        proxy.add(Fault(method="PUT", path="refused", status=403, body=b'{"errors":[{"code":"DENIED"}]}'))
        client = make_client(proxy.host)
        with pytest.raises(RegistryFailed) as caught:
            client.ensure_blob(make_reference(proxy.host, "refused"), **BIG.push)
        client.close()
        left = list((tmp_path / "storage").rglob("_uploads/*/data"))

    assert "expected 201 or 204, got 403 Forbidden - DENIED." in caught.value.message
    assert (proxy.methods()[-1], left) == ("DELETE", [])
