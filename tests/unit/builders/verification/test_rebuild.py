"""Verifying by a rebuild, in memory: what is equal, what differs and how, and when there is no telling."""

from __future__ import annotations

import dataclasses
import gzip
import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hublish.builders.verification.rebuild import RebuildTools, verify_by_rebuild
from hublish.builders.verification.verdict import ConfigDifference, Verdict, Verification, open_image
from hublish.core.plan import Plan
from hublish.core.ports import IndexFile
from hublish.errors import BaseUnsupported, ImageInvalid, WheelInvalid
from hublish.oci.image import parse_spec
from hublish.oci.manifest import (
    OCI_CONFIG,
    OCI_MANIFEST,
    Descriptor,
    ImageManifest,
    make_descriptor,
    make_digest,
    parse_manifest,
    render_manifest,
)
from tests.fakes import FakeImages, FakeSource
from tests.unit.builders.samples import BASE, TARGET, Bench

SITE = "/opt/hublish/venv/lib/python3.11/site-packages"
ALPHA = "alpha 1.0"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    bench.add_base()
    bench.add_package("alpha")
    bench.add_package("beta", requires=["alpha>=1"])
    bench.build()
    return bench


def verify(bench: Bench, plan: Plan | None = None) -> Verification:
    """Verify what stands under TARGET."""
    opened = open_image(bench.images, TARGET, platform="linux/amd64")
    tools = RebuildTools(
        images=bench.images,
        index=bench.index,
        output=FakeImages(),
        workspace=bench.folder / "fresh",
        workers=1,
        log=bench.log.append,
        progress=bench.progress.append,
        cancelled=lambda: False,
    )
    return verify_by_rebuild(opened, bench.plan() if plan is None else plan, bench.source, tools=tools)


def change_image(
    bench: Bench,
    *,
    layer: int | None = None,
    change: Callable[[bytes], bytes] = lambda tar: tar,
    document: Callable[[dict], None] = lambda config: None,
    honest: bool = True,
) -> None:
    """Put a changed image under TARGET: one layer's tar stream, then the config; `honest` states its real diff ID."""
    images = bench.images
    manifest = parse_manifest(images.fetch_manifest(TARGET).body)
    config = json.loads(images.blobs[TARGET.name, manifest.config.digest])
    layers = list(manifest.layers)
    if layer is not None:
        tar = change(gzip.decompress(images.blobs[TARGET.name, layers[layer].digest]))
        blob = gzip.compress(tar, mtime=0)
        layers[layer] = make_descriptor(blob, media_type=layers[layer].media_type)
        images.blobs[TARGET.name, layers[layer].digest] = blob
        if honest:
            config["rootfs"]["diff_ids"][layer] = make_digest(tar)
    document(config)
    put_manifest(bench, config, layers)


def put_manifest(bench: Bench, config: dict, layers: list[Descriptor]) -> None:
    """Store config and manifest under TARGET."""
    body = json.dumps(config).encode()
    descriptor = make_descriptor(body, media_type=OCI_CONFIG)
    bench.images.blobs[TARGET.name, descriptor.digest] = body
    manifest = render_manifest(ImageManifest(config=descriptor, layers=tuple(layers)), annotations={})
    bench.images.ensure_manifest(TARGET, body=manifest, media_type=OCI_MANIFEST)


def find_layer(bench: Bench, title: str) -> int:
    """The number of a layer by what its history says."""
    manifest = parse_manifest(bench.images.fetch_manifest(TARGET).body)
    spec = parse_spec(bench.images.blobs[TARGET.name, manifest.config.digest])
    return [entry.created_by for entry in spec.history].index(f"hublish: {title}")


def edit_tar(edit: Callable[[dict[str, tuple[tarfile.TarInfo, bytes]]], None]) -> Callable[[bytes], bytes]:
    """Make a change of a tar stream from a change of its entries by absolute path."""

    def change(tar: bytes) -> bytes:
        with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
            entries = {
                "/" + member.name: (member, archive.extractfile(member).read() if member.isfile() else b"")
                for member in archive
            }
        edit(entries)
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for member, body in entries.values():
                member.size = len(body)
                archive.addfile(member, io.BytesIO(body))
        return stream.getvalue()

    return change


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


def test_tampered_layer_is_told_by_packages_and_paths(bench):
    """What was added, what is missing, what changed in bytes, mode or owner: each with both sides."""

    def tamper(entries: dict) -> None:
        module = f"{SITE}/alpha/__init__.py"
        member, body = entries[module]
        entries[module] = (member, body + b"import evil\n")
        entries[f"{SITE}/evil.py"] = (dataclass_copy(member, f"{SITE}/evil.py"), b"")
        info = next(path for path in entries if path.endswith("/METADATA"))
        del entries[info]
        wheel = next(path for path in entries if path.endswith("/WHEEL"))
        entries[wheel][0].mode = 0o4755
        record = next(path for path in entries if path.endswith("/RECORD"))
        entries[record][0].mtime = 12

    def dataclass_copy(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo:
        copy = tarfile.TarInfo(path[1:])
        copy.mode, copy.mtime = member.mode, member.mtime
        return copy

    change_image(bench, layer=find_layer(bench, ALPHA), change=edit_tar(tamper))
    verified = verify(bench)
    [layer] = verified.layers
    kinds = {
        path.path.rpartition("/")[2]: "added"
        if path.rebuilt is None
        else "missing"
        if path.image is None
        else "changed"
        for path in layer.paths
    }

    assert (verified.verdict, verified.equal_layers) == (Verdict.DIFFERENT, 5)
    assert (layer.title, layer.remark, layer.more_paths) == (ALPHA, "", 0)
    assert kinds == {
        "METADATA": "missing",
        "RECORD": "changed",
        "WHEEL": "changed",
        "__init__.py": "changed",
        "evil.py": "added",
    }
    texts = {path.path.rpartition("/")[2]: path for path in layer.paths}
    assert texts["WHEEL"].image.startswith("file 4755 0:0 ")
    assert texts["WHEEL"].rebuilt.startswith("file 0664 0:0 ")
    assert texts["RECORD"].image == texts["RECORD"].rebuilt + ", time 12"
    assert "sha256:" in texts["__init__.py"].image
    assert verified.config == ()


def test_long_list_of_paths_is_cut(bench):
    """A layer that is all different is told by its first paths and how many more there are."""

    def add(entries: dict) -> None:
        for number in range(30):
            member = tarfile.TarInfo(f"opt/x{number:02}")
            entries[f"/opt/x{number:02}"] = (member, b"")

    change_image(bench, layer=find_layer(bench, ALPHA), change=edit_tar(add))
    [layer] = verify(bench).layers

    assert [path.path for path in layer.paths] == [f"/opt/x{number:02}" for number in range(20)]
    assert layer.more_paths == 10


def test_same_entries_in_another_order_are_told(bench):
    """Nothing that a person would see differs, but the bytes do."""

    def turn(entries: dict) -> None:
        turned = dict(reversed(entries.items()))
        entries.clear()
        entries.update(turned)

    change_image(bench, layer=find_layer(bench, ALPHA), change=edit_tar(turn))
    verified = verify(bench)

    assert verified.verdict is Verdict.DIFFERENT
    assert verified.layers[0].paths == ()
    assert verified.layers[0].remark.startswith("every path is the same")


def test_layers_in_other_bytes_that_unpack_to_the_same_are_equal(bench):
    """Another compressor, or a registry that stores layers anew, changes no image; what they unpack to is read."""
    change_image(bench, layer=find_layer(bench, ALPHA))
    verified = verify(bench)

    assert (verified.verdict, verified.equal_layers, verified.layers) == (Verdict.EQUAL, 6, ())
    assert verified.remarks == ("1 layers are stored in other bytes; what they unpack to is the same",)
    assert any("stored in other bytes" in line for line in bench.log)


def test_config_that_claims_the_right_diff_id_for_other_bytes_is_told(bench):
    """A runtime that does not check would unpack them."""
    change_image(
        bench, layer=find_layer(bench, ALPHA), change=edit_tar(lambda entries: entries.popitem()), honest=False
    )
    verified = verify(bench)

    assert verified.verdict is Verdict.DIFFERENT
    assert verified.layers[0].remark.startswith("the config claims the right diff ID, but the bytes have sha256:")


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


def test_other_lock_is_told_by_the_layers_it_changes(bench):
    """A package more is a layer the image does not have; a layer of the image that is left over is told too."""
    bench.add_package("gamma")
    plan = bench.plan()
    verified = verify(bench, plan)
    left_over = verify(bench, replace(plan, packages=tuple(p for p in plan.packages if p.name != "beta")))

    assert verified.verdict is Verdict.DIFFERENT
    assert [(layer.title, layer.image is None) for layer in verified.layers] == [("gamma 1.0", True)]
    assert [layer.title for layer in left_over.layers] == ["gamma 1.0"]
    assert left_over.layers[0].image is not None


def test_layer_that_the_rebuild_does_not_have_is_told(bench):
    """A lock that lost a package."""
    plan = bench.plan()
    verified = verify(bench, replace(plan, packages=plan.packages[:1]))

    assert [(layer.title, layer.rebuilt) for layer in verified.layers] == [("beta 1.0", None)]


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


def test_layers_beyond_the_first_few_are_not_read(bench):
    """A wholly different image is told by its first layers; the others are named."""
    count = len(parse_manifest(bench.images.fetch_manifest(TARGET).body).layers)
    for number in range(1, count):
        change_image(bench, layer=number, change=edit_tar(lambda entries: entries.popitem()))
    verified = verify(bench)

    assert len(verified.layers) == 5
    assert [layer.more_paths for layer in verified.layers] == [0, 0, 0, 0, None]


def test_layer_that_is_no_archive_is_refused(bench):
    """The image's own bytes can be anything."""
    change_image(bench, layer=find_layer(bench, ALPHA), change=lambda tar: b"no archive" * 100)

    with pytest.raises(ImageInvalid, match="layer 5 of the image: the layer is no tar stream"):
        verify(bench)


@pytest.mark.parametrize("honest", [True, False])
def test_layer_that_does_not_unpack_is_refused(bench, honest):
    """A cut blob, whether its diff ID is said to be right or not."""
    number = find_layer(bench, ALPHA)
    manifest = parse_manifest(bench.images.fetch_manifest(TARGET).body)
    config = json.loads(bench.images.blobs[TARGET.name, manifest.config.digest])
    blob = bench.images.blobs[TARGET.name, manifest.layers[number].digest][:-20]
    layers = list(manifest.layers)
    layers[number] = make_descriptor(blob, media_type=layers[number].media_type)
    bench.images.blobs[TARGET.name, layers[number].digest] = blob
    if honest:
        config["rootfs"]["diff_ids"][number] = "sha256:" + "0" * 64
    put_manifest(bench, config, layers)

    with pytest.raises(ImageInvalid, match=r"layer 5 of the image: the layer (cannot be unpacked|is no tar stream)"):
        verify(bench)


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
