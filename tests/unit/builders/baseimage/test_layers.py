"""The walk over the layers of a base: what hides what, how layers are stored, and where it ends."""

from __future__ import annotations

import pytest

from hublish.builders.baseimage import scan as base_scan
from hublish.builders.baseimage.python import read_base_facts
from hublish.errors import BaseUnsupported, ImageInvalid
from hublish.oci.manifest import OCI_LAYER_GZIP, OCI_LAYER_PLAIN, OCI_LAYER_ZSTD
from tests.fakes import COMPRESS, TINY_BASE, FakeImages
from tests.unit.builders.baseimage.parts import PLATFORM, find, read
from tests.unit.builders.samples import BASE


def test_whiteouts_hide_what_lies_below():
    """A file, a folder and an opaque folder of lower layers are gone."""
    lower = {
        **TINY_BASE,
        "/etc/extra": (0o755, 0, 0),
        "/opt/one": (0o755, 0, 0),
        "/opt/two": (0o755, 0, 0),
        "/opt/two/bin": (0o755, 0, 0),
    }
    upper = {"/etc/.wh.passwd": b"", "/opt/.wh.two": b"", "/etc/.wh..wh..opq": b""}

    facts = read(lower, upper)

    assert facts.passwd is None
    assert find(facts, "/opt/one") is not None
    assert find(facts, "/opt/two") is None
    assert find(facts, "/etc/extra") is None


def test_whiteout_does_not_hide_what_its_own_layer_brings():
    """A layer that replaces a file names both."""
    facts = read(TINY_BASE, {"/etc/passwd": b"new:x:5:5::/:/bin/sh\n", "/etc/.wh.passwd": b""})

    assert facts.passwd == "new:x:5:5::/:/bin/sh\n"


def test_opaque_folder_keeps_what_its_own_layer_brings():
    """Files and folders whose names sort before the mark's come before it in the layer."""
    lower = {**TINY_BASE, "/opt/-old": (0o755, 0, 0), "/etc/old": (0o755, 0, 0)}
    upper = {"/opt/+new": (0o700, 5, 5), "/opt/.wh..wh..opq": b"", "/etc/passwd": b"", "/etc/.wh..wh..opq": b""}

    facts = read(lower, upper)

    assert find(facts, "/opt/+new").mode == 0o700
    assert find(facts, "/opt/-old") is None
    assert find(facts, "/etc/old") is None
    assert facts.passwd == ""


def test_folder_replaced_by_a_link_and_back():
    """The last layer decides what a path is."""
    facts = read(TINY_BASE, {"/srv": "-> /opt"}, {"/home": "-> /opt"}, {"/home": (0o700, 0, 0)})

    assert ("/srv", "/opt") in facts.links
    assert find(facts, "/srv") is None
    assert find(facts, "/home").mode == 0o700


@pytest.mark.parametrize("media_type", [OCI_LAYER_GZIP, OCI_LAYER_PLAIN, OCI_LAYER_ZSTD])
def test_layers_are_read_however_they_are_stored(media_type):
    """gzip, plain tar and zstd give the same facts."""
    expected = read(TINY_BASE)

    assert read(TINY_BASE, media_type=media_type) == expected


def test_zstd_bomb_is_refused(monkeypatch):
    """A few bytes that unpack to more than a base may hold end the walk; they are never held in memory as a whole."""
    monkeypatch.setattr(base_scan, "STREAM_LIMIT_BYTES", 8 << 20)
    bomb = {"/bomb": bytes(64 << 20)}

    with pytest.raises(BaseUnsupported, match="unpacks to more than 8388608 bytes"):
        read({**TINY_BASE, **bomb}, media_type=OCI_LAYER_ZSTD)


def test_layer_that_is_no_tar_is_refused():
    """Bytes that match their digest can still be no archive."""
    images = FakeImages()
    images.add_image(BASE, [b"x" * 2000])

    with pytest.raises(ImageInvalid, match="is no tar stream"):
        read_base_facts(images, BASE, platform=PLATFORM)


def test_layer_that_is_no_zstd_is_refused(monkeypatch):
    """The media type says zstd, the bytes are gzip."""
    monkeypatch.setitem(COMPRESS, OCI_LAYER_ZSTD, COMPRESS[OCI_LAYER_GZIP])

    with pytest.raises(ImageInvalid, match="is no tar stream"):
        read(TINY_BASE, media_type=OCI_LAYER_ZSTD)


@pytest.mark.parametrize(
    ("name", "message"), [("ENTRY_LIMIT", "more than 3 entries"), ("STREAM_LIMIT_BYTES", "unpacks")]
)
def test_base_beyond_the_bounds_is_refused(monkeypatch, name, message):
    """Anybody's image may be named as a base; the walk ends."""
    monkeypatch.setattr(base_scan, name, 3)

    with pytest.raises(BaseUnsupported, match=message):
        read(TINY_BASE)
