"""The check of a whole image lists every mismatch."""

from __future__ import annotations

import gzip
import io
from dataclasses import replace

import pytest

from hublish.errors import ImageInvalid
from hublish.oci.check import check_image
from hublish.oci.image import parse_spec, render_spec
from hublish.oci.manifest import OCI_CONFIG, make_descriptor, parse_manifest, render_manifest
from tests.fakes import FakeImages, make_tar
from tests.unit.builders.samples import BASE

LAYER = make_tar({"/a": b"text"})


@pytest.fixture
def images() -> FakeImages:
    images = FakeImages()
    images.add_image(BASE, [LAYER, make_tar({"/b": b"more"})])
    return images


def check(images: FakeImages, manifest: bytes | None = None) -> tuple[str, ...]:
    body = images.fetch_manifest(BASE).body if manifest is None else manifest
    return check_image(body, open_blob=lambda digest: io.BytesIO(images.blobs[BASE.name, digest]))


def test_right_image_has_no_mismatch(images):
    """Digests, sizes and diff IDs of a right image all agree."""
    assert check(images) == ()


def test_broken_manifest_is_refused():
    """Without a manifest there is nothing to check."""
    with pytest.raises(ImageInvalid):
        check_image(b"{}", open_blob=lambda _: io.BytesIO())


def test_all_mismatches_are_listed_at_once(images):
    """Other bytes in one layer and a wrong size of the config are both told."""
    manifest = parse_manifest(images.fetch_manifest(BASE).body)
    wrong = replace(manifest, config=replace(manifest.config, size_bytes=1))
    other = gzip.compress(make_tar({"/a": b"evil"}), mtime=0)
    images.blobs[BASE.name, manifest.layers[0].digest] = other

    found = check(images, render_manifest(wrong, annotations={}))

    assert [line.split(" ")[0:3] for line in found] == [
        ["config:", "expected", "1"],
        ["layers[0]:", "expected", "digest"],
        ["layers[0]:", "expected", str(manifest.layers[0].size_bytes)],
        ["layers[0]:", "expected", "diff"],
    ]


def test_truncated_layer_is_told(images):
    """A blob that ends too early is no layer."""
    digest = parse_manifest(images.fetch_manifest(BASE).body).layers[1].digest
    images.blobs[BASE.name, digest] = images.blobs[BASE.name, digest][:-9]

    found = check(images)

    assert len(found) == 1
    assert found[0].startswith("layers[1]: the blob cannot be unpacked")


def test_config_that_is_no_config_is_told(images):
    """The layers cannot be compared without one."""
    digest = parse_manifest(images.fetch_manifest(BASE).body).config.digest
    images.blobs[BASE.name, digest] = b"[]"

    found = check(images)

    assert found[-1] == "image config: expected a JSON object, got list"
    assert len(found) == 3


def test_missing_diff_id_is_told(images):
    """Each layer has a diff ID."""
    manifest = parse_manifest(images.fetch_manifest(BASE).body)
    spec = parse_spec(images.blobs[BASE.name, manifest.config.digest])
    config_body = render_spec(replace(spec, diff_ids=spec.diff_ids[:1]))
    config = make_descriptor(config_body, media_type=OCI_CONFIG)
    images.blobs[BASE.name, config.digest] = config_body

    found = check(images, render_manifest(replace(manifest, config=config), annotations={}))

    assert found == ("config: expected 2 diff IDs, one for each layer, got 1",)
