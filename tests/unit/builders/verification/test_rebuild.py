"""Verifying by a rebuild, in memory: what is equal, what differs and how, and when there is no telling."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from pathlib import Path

import pytest

from hublish.builders.verification.verdict import ConfigDifference, Verdict, Verification
from hublish.core.ports import IndexFile
from hublish.errors import BaseUnsupported, WheelInvalid
from hublish.oci.manifest import (
    OCI_MANIFEST,
    make_digest,
    parse_manifest,
    render_manifest,
)
from tests.fakes import FakeSource
from tests.unit.builders.samples import BASE, TARGET
from tests.unit.builders.verification.parts import change_image, verify


def test_image_of_this_lock_and_source_is_equal(bench):
    """The rebuild gives the very digest; the base is not copied and nothing of the first build is used."""
    opened = bench.images.fetch_manifest(TARGET)
    expected = Verification(verdict=Verdict.EQUAL, rebuilt_digest=opened.digest, equal_layers=6)
    for path in (bench.folder / "workspace").rglob("*"):
        if path.is_file():
            path.write_bytes(b"damaged")

    verified = verify(bench)

    assert verified == expected
    assert any(line.endswith("made, 0 kept from earlier builds") for line in bench.log)


def test_config_with_another_setting_is_told(bench):
    """Also one that hublish itself never writes, and what lies behind the first 256 characters of a value."""

    def change(config: dict) -> None:
        config["config"]["Healthcheck"] = {"Test": ["CMD", "evil"]}
        config["config"]["Env"] = [*config["config"]["Env"], "A=" + "x" * 400]
        del config["config"]["User"]

    change_image(bench, document=change)
    verified = verify(bench)

    assert verified.verdict is Verdict.DIFFERENT
    assert verified.equal_layers == 6
    assert [difference.key for difference in verified.config] == ["config.Env", "config.Healthcheck", "config.User"]
    assert verified.config[1] == ConfigDifference(
        key="config.Healthcheck", image='{"Test": ["CMD", "evil"]}', rebuilt=None
    )
    assert len(verified.config[0].image) <= 256


def test_manifest_in_other_words_is_equal_and_said(bench):
    """Annotations are for people; nothing of the image depends on them."""
    manifest = parse_manifest(bench.images.fetch_manifest(TARGET).body)
    body = render_manifest(manifest, annotations={"added": "later"})
    bench.images.ensure_manifest(TARGET, body=body, media_type=OCI_MANIFEST)
    verified = verify(bench)

    assert verified.verdict is Verdict.EQUAL
    assert verified.remarks == ("layers and config are the same, the manifest states them in other words",)
    assert verified.rebuilt_digest != make_digest(body)


def test_other_source_is_told_by_its_layer(bench):
    """The commit is a claim; the tree is what counts."""
    bench.source = FakeSource({"README.md": b"hello\n", "src/a.py": b"x = 2\n"})
    verified = verify(bench)

    assert [layer.title for layer in verified.layers] == ["source"]
    assert [path.path for path in verified.layers[0].paths] == ["/srv/repo/src/a.py"]


def test_base_with_another_layer_is_told(bench):
    """An image that names a base and holds another one."""
    change_image(bench, layer=0, change=lambda tar: tar + bytes(512))
    verified = verify(bench)

    assert [(layer.title, layer.remark) for layer in verified.layers] == [
        ("base layer 1", "the base has another layer here")
    ]


@pytest.mark.parametrize("mended", [True, False])
def test_kept_wheel_with_other_bytes_is_not_used(bench, mended, monkeypatch):
    """It is fetched anew; an index that gives other bytes again ends the rebuild."""
    fetch = bench.index.fetch_file
    fetched = []

    def fetch_damaged(source: object, file: IndexFile, progress: object = None) -> Path:
        path = fetch(source, file)
        fetched.append(file.filename)
        if fetched.count(file.filename) == 1 or not mended:
            path.write_bytes(b"x" * path.stat().st_size)
        return path

    monkeypatch.setattr(bench.index, "fetch_file", fetch_damaged)

    if mended:
        assert verify(bench).verdict is Verdict.EQUAL
        assert sorted(fetched) == sorted(2 * list(bench.index.wheels))
    else:
        with pytest.raises(WheelInvalid, match="the file has other bytes"):
            verify(bench)


def test_folder_may_have_any_name(bench):
    """A checkout of another name than the repository's still gives the image."""
    plan = replace(bench.plan(), source_name="checkout-7")
    verified = verify(bench, plan)

    assert verified.verdict is Verdict.EQUAL
    assert verified.remarks == ("the source is called ts, as in the image; a folder may have any name",)


def test_source_name_that_leads_elsewhere_is_no_name(bench):
    """A tampered entry point is told, not taken over."""

    def change(config: dict) -> None:
        config["config"]["Entrypoint"][-1] = "../../etc"

    change_image(bench, document=change)
    verified = verify(bench)

    assert [difference.key for difference in verified.config] == ["config.Entrypoint"]


def test_mirror_of_the_base_is_the_same_base(bench):
    """The base's name differs, its digest does not."""
    mirror = replace(BASE, registry="mirror.example.org")
    manifest = bench.images.fetch_manifest(BASE)
    for (name, digest), body in list(bench.images.blobs.items()):
        if name == BASE.name:
            bench.images.blobs[mirror.name, digest] = body
    bench.images.ensure_manifest(mirror, body=manifest.body, media_type=manifest.media_type)
    base = replace(mirror, digest=manifest.digest)
    verified = verify(bench, replace(bench.plan(), base=base))

    assert verified.verdict is Verdict.EQUAL
    assert verified.remarks == (f"the base is read from {base}; the image names {BASE}",)


def test_other_builder_or_base_cannot_say(bench):
    """Bytes that another program made prove nothing; nothing is rebuilt."""
    bench.log.clear()
    other_builder = verify(bench, replace(bench.plan(), builder="layered-9"))
    other_base = verify(bench, replace(bench.plan(), base=BASE.with_digest("sha256:" + "0" * 64)))

    assert (other_builder.verdict, other_base.verdict) == (Verdict.UNKNOWN, Verdict.UNKNOWN)
    assert other_builder.doubt.reason == "the image was built by layered-3; this hublish builds by layered-9"
    assert other_base.doubt.reason.startswith("the image was built on the base sha256:")
    assert bench.log == []
    assert dataclasses.replace(other_builder, doubt=None) == Verification(verdict=Verdict.UNKNOWN)


def test_image_for_another_platform_is_refused(bench):
    """The rebuild would be for this one."""
    change_image(bench, document=lambda config: config.update(architecture="arm64"))

    with pytest.raises(BaseUnsupported, match="expected an image for linux/amd64, got one for linux/arm64"):
        verify(bench)
