"""From finished layers to the image: its config, its manifest, and the check of its size before anything is pushed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hublish.builders.baseimage.facts import BaseFacts
from hublish.builders.baseimage.image import BaseImage
from hublish.builders.layered.entrypoint import COMMAND, find_home, find_user, make_entrypoint
from hublish.builders.layered.environment import VENV_FOLDER
from hublish.builders.wheels.bytecode import name_compiler
from hublish.core.plan import Environment, Plan
from hublish.core.reference import Reference
from hublish.errors import BuildFailed
from hublish.oci.image import HistoryEntry, ImageSpec, render_spec
from hublish.oci.layers import LayerBlob
from hublish.oci.manifest import OCI_CONFIG, OCI_LAYER_GZIP, Descriptor, ImageManifest, make_descriptor, render_manifest

_OCI_PREFIX = "org.opencontainers.image."
BASE_DIGEST_LABEL = f"{_OCI_PREFIX}base.digest"
BASE_NAME_LABEL = f"{_OCI_PREFIX}base.name"
COMMIT_LABEL = f"{_OCI_PREFIX}revision"
BUILDER_LABEL = "io.github.hublish.builder"
"""What made the bytes, so that whoever verifies the image knows whether the same can make them again."""
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SHOWN_LAYERS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltLayer:
    """A layer of the image.

    Attributes:
        title: short, for people.
        history: its line in the image's history.
        blob: its digests and sizes.
        path: where it lies on this machine; one that is kept may be missing or damaged there.
        kept: an earlier build made it.
        places: repositories that may hold it.
    """

    title: str
    history: str
    blob: LayerBlob
    path: Path
    kept: bool = False
    places: tuple[Reference, ...] = ()

    @property
    def descriptor(self) -> Descriptor:
        """As the manifest names it."""
        return Descriptor(media_type=OCI_LAYER_GZIP, digest=self.blob.digest, size_bytes=self.blob.size_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image ready to be pushed: the bytes of config and manifest, and the layers in order."""

    config_body: bytes
    manifest_body: bytes
    config: Descriptor
    base: BaseImage
    layers: tuple[BuiltLayer, ...]

    @property
    def size_bytes(self) -> int:
        """Compressed size of all layers and the config."""
        return self.base.size_bytes + self.config.size_bytes + sum(layer.blob.size_bytes for layer in self.layers)


def make_image(plan: Plan, *, base: BaseImage, facts: BaseFacts, layers: Sequence[BuiltLayer]) -> Image:
    """Make config and manifest.

    Raises:
        BuildFailed: the image is larger than the plan's limit; the message names the largest layers.
    """
    labels = _make_labels(plan, base)
    config_body = render_spec(_make_spec(plan, base=base, facts=facts, layers=layers, labels=labels))
    config = make_descriptor(config_body, media_type=OCI_CONFIG)
    manifest = ImageManifest(config=config, layers=(*base.manifest.layers, *(layer.descriptor for layer in layers)))
    manifest_body = render_manifest(manifest, annotations=labels)
    image = Image(config_body=config_body, manifest_body=manifest_body, config=config, base=base, layers=tuple(layers))
    if image.size_bytes > plan.size_bytes:
        sizes = sorted(layers, key=lambda layer: -layer.blob.size_bytes)[:_SHOWN_LAYERS]
        largest = ", ".join(f"{layer.title} {_show_size(layer.blob.size_bytes)}" for layer in sizes)
        raise BuildFailed(
            f"the image would be {_show_size(image.size_bytes)}, the limit is {_show_size(plan.size_bytes)}; "
            f"base {_show_size(base.size_bytes)}, largest layers: {largest}",
            hint="Remove packages from the Pipfile, or raise `limits.size` in the config file if the operator allows.",
        )
    return image


def name_builder(plan: Plan) -> str:
    """Name everything but the plan that the bytes of an image depend on: the builder, and what compiled byte-code.

    Returns:
        e.g. "layered-3", with byte-code "layered-3 python-3.11.2".
    """
    return f"{plan.builder} {name_compiler()}" if plan.bytecode else plan.builder


def _make_spec(
    plan: Plan, *, base: BaseImage, facts: BaseFacts, layers: Sequence[BuiltLayer], labels: dict[str, str]
) -> ImageSpec:
    entrypoint = make_entrypoint(
        facts, environment=plan.environment, source_path=plan.source_path, source_name=plan.source_name
    )
    home = find_home(facts)
    # What the base says of itself is not true of the image on top of it.
    kept = {name: value for name, value in base.spec.labels if not name.startswith(_OCI_PREFIX)}
    history = [HistoryEntry(created=plan.created_at, created_by=f"hublish: {layer.history}") for layer in layers]
    return replace(
        base.spec,
        created=plan.created_at,
        diff_ids=(*base.spec.diff_ids, *(layer.blob.diff_id for layer in layers)),
        history=(*_make_base_history(base), *history),
        environment=_make_variables(facts, home=home, venv=plan.environment is Environment.VENV),
        entrypoint=(*base.spec.entrypoint, *entrypoint),
        command=COMMAND,
        user=find_user(facts),
        working_directory=home,
        labels=tuple(sorted({**kept, **labels}.items())),
    )


def _make_labels(plan: Plan, base: BaseImage) -> dict[str, str]:
    labels = {BASE_DIGEST_LABEL: base.named_digest, BUILDER_LABEL: name_builder(plan)}
    # A base that lies in a folder goes by a name under .invalid (RFC 2606), which would mean nothing to others.
    if plan.base is not None and not plan.base.registry.endswith(".invalid"):
        labels[BASE_NAME_LABEL] = str(replace(plan.base, digest=None))
    if plan.commit is not None:
        labels[COMMIT_LABEL] = plan.commit
    return labels


def _make_base_history(base: BaseImage) -> tuple[HistoryEntry, ...]:
    """The base's own history; one line for each layer where it does not fit the layers (some tools drop it)."""
    if sum(not entry.empty_layer for entry in base.spec.history) == len(base.manifest.layers):
        return base.spec.history
    return tuple(HistoryEntry(created=None, created_by="base layer") for _ in base.manifest.layers)


def _make_variables(facts: BaseFacts, *, home: str, venv: bool) -> tuple[tuple[str, str], ...]:
    variables = dict(facts.environment)
    search_path = variables.get("PATH") or _DEFAULT_PATH
    variables["PATH"] = f"{VENV_FOLDER}/bin:{search_path}" if venv else search_path
    variables["HOME"] = home
    return tuple(variables.items())


def _show_size(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:.1f} MiB" if size_bytes < 2**30 else f"{size_bytes / 2**30:.2f} GiB"
