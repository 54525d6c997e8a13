"""The Step `push`: the image of the shared folder goes to the registry, with the registry's login and nothing else.

What a build left is not trusted: every blob must have the digest that the manifest says, the manifest the one that the
build reported, and the target is the request's. An image that goes nowhere is looked at in the same way and then left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import BinaryIO

from hublish.adapters.layout import OCILayout
from hublish.adapters.registry import RegistryClient
from hublish.bootstrap.steps.handover import load_elsewhere, load_outcome
from hublish.bootstrap.steps.layerrecords import push_records
from hublish.bootstrap.steps.places import StepPlaces, open_door
from hublish.builders.attachment import attach_document
from hublish.builders.filebundle import parse_files
from hublish.builders.push import open_until_closed
from hublish.builders.wheels.choice import map_in_threads
from hublish.core.building import BuildRequest, BuildSucceeded, LayerSummary, Progress, Step
from hublish.core.plan import list_bases
from hublish.core.ports import BlobPush, ImageWriter
from hublish.core.reference import Reference
from hublish.core.sbom import SBOM_MEDIA_TYPE, render_sbom
from hublish.engines.runs import BuildRun, choose_output, find_target, list_places
from hublish.errors import BuildFailed, ImageInvalid
from hublish.oci.artifact import EMPTY
from hublish.oci.manifest import MANIFEST_TYPES, Descriptor, ImageManifest, parse_manifest


def push_built(run: BuildRun, places: StepPlaces) -> BuildSucceeded:
    """Push what the Step build left, and write the results.

    Raises:
        BuildFailed: the Step has no Secret, or the image is larger than the plan allows.
        ImageInvalid: what the build left is not what it says.
        RegistryFailed: the registry refused or failed.
    """
    if places.secrets is None:
        raise BuildFailed("the Step push has no Secret")
    door = open_door(places.secrets)
    registry = door.make_registry()
    target = find_target(run.request)
    shipment = _Shipment(
        layout=OCILayout(places.image),
        elsewhere=_choose_places(load_elsewhere(places.image), run.request),
        registry=registry,
        output=choose_output(run.request, registry),
        target=target,
    )
    built = load_outcome(places.image)
    pushed = _push(built, shipment, run)
    if run.request.part is not None:
        _write_results(places, run.request, target.with_digest(pushed.digest), source_url="")
        return pushed
    if run.request.target is not None:
        _attach_sbom(run, pushed, registry)
    push_records(run, places, door, registry)
    _write_results(places, run.request, target.with_digest(pushed.digest), source_url=door.access.source_url)
    return pushed


def _attach_sbom(run: BuildRun, pushed: BuildSucceeded, registry: RegistryClient) -> None:
    repository = run.request.repository
    attach_document(
        render_sbom(run.request.plan, pushed, repository=None if repository is None else repository.full_name),
        media_type=SBOM_MEDIA_TYPE,
        image=find_target(run.request).with_digest(pushed.digest),
        images=registry,
        output=registry,
        log=run.tell,
    )


def _choose_places(
    named: Mapping[str, tuple[Reference, ...]], request: BuildRequest
) -> dict[str, tuple[Reference, ...]]:
    """Only what the plan starts from, and what the owner has: a build cannot name another's repository to have it copied."""
    known = {place.name for place in (*list_bases(request.plan), *list_places(request))}
    return {digest: tuple(place for place in places if place.name in known) for digest, places in named.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shipment:
    """What is sent, and where to."""

    layout: OCILayout
    elsewhere: dict[str, tuple[Reference, ...]]
    registry: RegistryClient
    output: ImageWriter
    target: Reference

    def send(self, blob: Descriptor, progress: Callable[[int], None]) -> BlobPush:
        """Send one blob, or mount it from where it lies."""
        places = self.elsewhere.get(blob.digest, ())
        opener = self._open_elsewhere(blob, places[0]) if places else self._open_here(blob)
        return self.output.ensure_blob(
            self.target,
            digest=blob.digest,
            size_bytes=blob.size_bytes,
            open_body=opener,
            mount_from=places,
            progress=progress,
        )

    def _open_here(self, blob: Descriptor) -> Callable[[], BinaryIO]:
        return lambda: open_until_closed(self.layout.open_blob(self.target, blob.digest))

    def _open_elsewhere(self, blob: Descriptor, place: Reference) -> Callable[[], BinaryIO]:
        return lambda: open_until_closed(self.registry.open_blob(place, blob.digest))


def _push(built: BuildSucceeded, shipment: _Shipment, run: BuildRun) -> BuildSucceeded:
    found = shipment.layout.fetch_manifest(shipment.target.with_digest(built.digest))
    if found is None or found.media_type not in MANIFEST_TYPES:
        raise ImageInvalid(f"the Step build left no image {built.digest}")
    part = run.request.part
    if part is not None and part.script is not None:
        files = parse_files(found.body, limit_bytes=part.script.find_limit(run.request.plan))
        manifest = ImageManifest(config=EMPTY, layers=tuple(files.values()))
    else:
        manifest = parse_manifest(found.body)
    size_bytes = sum(layer.size_bytes for layer in manifest.layers) + manifest.config.size_bytes
    if size_bytes > run.request.plan.size_bytes:
        raise BuildFailed(f"the image has {size_bytes} bytes, the limit is {run.request.plan.size_bytes}")
    done: list[int] = []

    def send(blob: Descriptor) -> BlobPush:
        result = shipment.send(blob, lambda _: None)
        done.append(blob.size_bytes)
        run.advance(Progress(step=Step.PUSH, done=sum(done), total=size_bytes))
        return result

    results = map_in_threads(send, (*manifest.layers, manifest.config))
    digest = shipment.output.ensure_manifest(shipment.target, body=found.body, media_type=found.media_type)
    if digest != built.digest:
        raise ImageInvalid(f"{shipment.target}: expected the digest {built.digest} back, got {digest}")
    titles = {layer.digest: layer.title for layer in built.layers}
    layers = tuple(
        LayerSummary(
            title=titles.get(layer.digest, "layer"),
            digest=layer.digest,
            size_bytes=layer.size_bytes,
            transfer=result.transfer,
        )
        for layer, result in zip(manifest.layers, results[:-1], strict=True)
    )
    uploaded = sum(result.uploaded_bytes for result in results)
    run.tell(f"image {digest}, {size_bytes} bytes, {uploaded} of them sent")
    return replace(built, size_bytes=size_bytes, layers=layers, uploaded_bytes=uploaded)


def _write_results(places: StepPlaces, request: BuildRequest, pushed: Reference, *, source_url: str) -> None:
    texts = {
        "IMAGE_URL": "" if request.target is None else str(request.target),
        "IMAGE_DIGEST": pushed.digest or "",
        "CHAINS-GIT_URL": source_url,
        "CHAINS-GIT_COMMIT": request.plan.commit or "",
    }
    for name, path in places.results.items():
        path.write_text(texts[name], encoding="utf-8")
