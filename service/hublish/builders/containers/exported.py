"""From the archive that an engine exports to an image as hublish pushes it: OCI, layers of the base as they were.

What the engine unpacked is not packed again: layers of the base keep the blobs they have in its repository, so that a
registry mounts them; only what the build added is compressed, always to the same bytes.

Source: Docker image specification v1.2, "Combined Image JSON + Filesystem Changeset Format"; OCI image-spec v1.1.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from hublish.builders.baseimage.image import BaseImage
from hublish.builders.baseimage.local import LocalBase
from hublish.builders.layered.assembly import (
    BASE_DIGEST_LABEL,
    BASE_NAME_LABEL,
    BUILDER_LABEL,
    COMMIT_LABEL,
    BuiltLayer,
    Image,
)
from hublish.core.plan import Plan
from hublish.core.reference import Reference
from hublish.errors import BuildFailed, ImageInvalid, clip
from hublish.oci.document import parse_document, render_document
from hublish.oci.gzip_members import GzipMembers
from hublish.oci.image import parse_spec
from hublish.oci.layers import LayerBlob
from hublish.oci.manifest import OCI_CONFIG, ImageManifest, make_descriptor, render_manifest

_CHUNK_BYTES = 1 << 20
_CONFIG_LIMIT_BYTES = 8 << 20
_TITLE_CHARACTERS = 60
# What an OCI config has; engines add words of their own about the container that made the last layer.
_KEYS = (
    "created",
    "author",
    "architecture",
    "variant",
    "os",
    "os.version",
    "os.features",
    "config",
    "rootfs",
    "history",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportInputs:
    """What an exported image is read with.

    Attributes:
        plan: what was built.
        bases: what it was built on.
        archive: the file that the engine wrote.
        folder: for the blobs.
        verify_running: raises when the build is to stop.
        progress: told of (layers done, layers in all).
    """

    plan: Plan
    bases: tuple[LocalBase, ...]
    archive: Path
    folder: Path
    verify_running: Callable[[], None]
    progress: Callable[[int, int], None]


def read_exported(inputs: ExportInputs) -> Image:
    """Read the one image of an archive as `docker save` writes it.

    Raises:
        ImageInvalid: the archive breaks its format, or a layer is not what the config says.
        BuildFailed: the image is larger than the plan's limit.
    """
    try:
        with tarfile.open(inputs.archive, "r:") as archive:
            config_body, names = read_index(archive)
            spec = parse_spec(config_body)
            if len(spec.diff_ids) != len(names):
                raise ImageInvalid(f"the engine's archive has {len(names)} layers, but {len(spec.diff_ids)} diff IDs")
            base = _find_base(spec.diff_ids, inputs.bases)
            own = range(0 if base is None else len(base.image.manifest.layers), len(names))
            titles = _make_titles(config_body, len(names))
            left_bytes = inputs.plan.size_bytes - (0 if base is None else base.image.size_bytes)
            layers = []
            for number in own:
                inputs.progress(number - own.start, len(own))
                with open_member(archive, names[number]) as stream:
                    path = inputs.folder / f"layer-{number}"
                    blob = _compress(stream, path, limit_bytes=left_bytes, verify_running=inputs.verify_running)
                if blob.diff_id != spec.diff_ids[number]:
                    raise ImageInvalid(
                        f"the engine's archive: expected a layer {spec.diff_ids[number]}, got {blob.diff_id}"
                    )
                left_bytes -= blob.size_bytes
                layers.append(BuiltLayer(title=titles[number], history=titles[number], blob=blob, path=path))
            inputs.progress(len(own), len(own))
    except (tarfile.TarError, KeyError, EOFError) as exc:
        raise ImageInvalid(f"the engine's archive cannot be read: {clip(str(exc))}") from exc
    return _make_image(inputs, config_body, base=base, layers=tuple(layers))


def read_index(archive: tarfile.TarFile) -> tuple[bytes, list[str]]:
    """Read `(config, names of the layers in order)` of an archive with one image; raises ImageInvalid."""
    entries = json.loads(_read_member(archive, "manifest.json"))
    if not isinstance(entries, list) or len(entries) != 1 or not isinstance(entries[0], dict):
        raise ImageInvalid("the engine's archive: expected one image in manifest.json")
    names = entries[0].get("Layers")
    config = entries[0].get("Config")
    if not isinstance(names, list) or not isinstance(config, str) or not all(isinstance(name, str) for name in names):
        raise ImageInvalid("the engine's archive: expected `Config` and `Layers` in manifest.json")
    return _read_member(archive, config), names


def _read_member(archive: tarfile.TarFile, name: str) -> bytes:
    with open_member(archive, name) as stream:
        body = stream.read(_CONFIG_LIMIT_BYTES + 1)
    if len(body) > _CONFIG_LIMIT_BYTES:
        raise ImageInvalid(f"the engine's archive: {clip(name)} is larger than {_CONFIG_LIMIT_BYTES} bytes")
    return body


def open_member(archive: tarfile.TarFile, name: str) -> BinaryIO:
    """Open a file of an archive; raises KeyError, or ImageInvalid where it is none."""
    # A layer that stands in the image twice is a link to the first.
    stream = archive.extractfile(name)
    if stream is None:
        raise ImageInvalid(f"the engine's archive: {clip(name)} is no file")
    return stream  # type: ignore[return-value]  # typeshed's IO[bytes] is what BinaryIO is in all but name


def _find_base(diff_ids: tuple[str, ...], bases: tuple[LocalBase, ...]) -> LocalBase | None:
    """The base whose layers the image begins with; the largest where several do."""
    fitting = [base for base in bases if diff_ids[: len(base.image.spec.diff_ids)] == base.image.spec.diff_ids]
    return max(fitting, key=lambda base: len(base.image.spec.diff_ids), default=None)


def _compress(stream: BinaryIO, path: Path, *, limit_bytes: int, verify_running: Callable[[], None]) -> LayerBlob:
    tar_hash, blob_hash = hashlib.sha256(), hashlib.sha256()
    unpacked_bytes = size_bytes = 0
    with path.open("wb") as sink:

        def put(data: bytes) -> None:
            nonlocal size_bytes
            blob_hash.update(data)
            size_bytes += len(data)
            sink.write(data)

        packed = GzipMembers(put)
        while chunk := stream.read(_CHUNK_BYTES):
            verify_running()
            tar_hash.update(chunk)
            unpacked_bytes += len(chunk)
            packed.write(chunk)
            if size_bytes > limit_bytes:
                raise BuildFailed(
                    "the image is larger than its limit",
                    hint="Leave out what is not needed, or raise `limits.size` in the config file if the operator allows.",
                )
        packed.finish()
    return LayerBlob(
        diff_id="sha256:" + tar_hash.hexdigest(),
        digest="sha256:" + blob_hash.hexdigest(),
        size_bytes=size_bytes,
        unpacked_bytes=unpacked_bytes,
    )


def _make_titles(config_body: bytes, count: int) -> list[str]:
    """What made each layer, short, by the history; a number where the history does not fit the layers."""
    history = [entry for entry in parse_spec(config_body).history if not entry.empty_layer]
    if len(history) != count:
        return [f"layer {number + 1}" for number in range(count)]
    return [clip(entry.created_by, limit=_TITLE_CHARACTERS) or "layer" for entry in history]


def _make_image(
    inputs: ExportInputs, config_body: bytes, *, base: LocalBase | None, layers: tuple[BuiltLayer, ...]
) -> Image:
    labels = _make_labels(inputs.plan, base)
    body = _render_config(
        config_body, labels=labels, names={str(item.local): str(item.pinned) for item in inputs.bases}
    )
    config = make_descriptor(body, media_type=OCI_CONFIG)
    below = () if base is None else base.image.manifest.layers
    manifest = ImageManifest(config=config, layers=(*below, *(layer.descriptor for layer in layers)))
    nothing = BaseImage(
        reference=Reference(registry="localhost", repository="scratch"),
        named_digest="",
        manifest=ImageManifest(config=config, layers=()),
        spec=parse_spec(body),
        manifest_body=b"",
        config_body=body,
    )
    return Image(
        config_body=body,
        manifest_body=render_manifest(manifest, annotations=labels),
        config=config,
        base=nothing if base is None else base.image,
        layers=layers,
    )


def _make_labels(plan: Plan, base: LocalBase | None) -> dict[str, str]:
    labels = {BUILDER_LABEL: plan.builder}
    if base is not None:
        labels[BASE_DIGEST_LABEL] = base.image.named_digest
        if not base.pinned.registry.endswith(".invalid"):
            labels[BASE_NAME_LABEL] = base.pinned.name
    if plan.commit is not None:
        labels[COMMIT_LABEL] = plan.commit
    return labels


def _render_config(config_body: bytes, *, labels: Mapping[str, str], names: Mapping[str, str]) -> bytes:
    """The config with our labels, without the engine's own keys and without names that mean nothing elsewhere."""
    text = config_body.decode()
    for local, pinned in names.items():
        text = text.replace(local, pinned)
    document = parse_document(text.encode(), what="image config")
    kept: dict[str, Any] = {key: document[key] for key in _KEYS if key in document}
    inner = kept.get("config")
    kept["config"] = dict(inner) if isinstance(inner, dict) else {}
    own = kept["config"].get("Labels")
    kept["config"]["Labels"] = {**(own if isinstance(own, dict) else {}), **labels}
    return render_document(kept)
