"""Layers of an image held against those of its rebuild."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import replace

import pytest

from hublish.builders.verification.verdict import Verdict
from hublish.errors import ImageInvalid
from hublish.oci.image import parse_spec
from hublish.oci.manifest import (
    make_descriptor,
    parse_manifest,
)
from tests.unit.builders.samples import TARGET, Bench
from tests.unit.builders.verification.parts import change_image, put_manifest, verify

SITE = "/opt/hublish/venv/lib/python3.11/site-packages"
ALPHA = "alpha 1.0"


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
