"""Container builds in a pod: `fetch` brings the bases into the shared folder, `build` runs buildah on them and nothing else.

The pod is the wall around what a Dockerfile runs: its container has no token, no other Step's processes and no secret but
those that the operator gives to this very Dockerfile, each of which reaches the RUNs alone that mount it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import BinaryIO

from hublish.adapters.layout import OCILayout
from hublish.bootstrap.steps.handover import Handover, store_outcome
from hublish.bootstrap.steps.places import StepPlaces, load_build_secrets
from hublish.builders.baseimage.local import LocalBase, open_bases
from hublish.builders.containers.containerrun import ContainerTools, build_container
from hublish.builders.containers.plan import make_container_build
from hublish.builders.push import open_until_closed
from hublish.builders.wheels.choice import map_in_threads
from hublish.core.building import Progress, Step
from hublish.core.ports import ImageReader, Manifest, Source
from hublish.core.reference import Reference
from hublish.engines.buildah import BuildahBackend, BuildahChoices, NetworkMode, find_buildah, run_here
from hublish.engines.controlgroup import Limits, read_own_memory_bytes
from hublish.engines.runs import BuildRun, find_target
from hublish.errors import EngineFailed
from hublish.oci.manifest import Descriptor

_SMALL_BYTES = 16 << 20
_PIDS = 0


def fetch_bases(run: BuildRun, source: Source, *, images: ImageReader, places: StepPlaces) -> None:
    """Bring every base of a container build into the shared folder, as its registry has it.

    Raises:
        BaseUnsupported, BuildFailed, ImageInvalid: a base that cannot be built on.
        RegistryFailed: it cannot be read.
    """
    layout = OCILayout(places.bases)
    build = make_container_build(run.request.plan, source)
    bases = open_bases(build, _Keeper(images, layout))
    layers = [(base, layer) for base in bases for layer in base.image.manifest.layers]
    done: list[int] = []
    run.advance(Progress(step=Step.BASE, done=0, total=len(layers)))

    def fetch(item: tuple[LocalBase, Descriptor]) -> None:
        base, layer = item
        layout.ensure_blob(
            base.image.reference,
            digest=layer.digest,
            size_bytes=layer.size_bytes,
            open_body=_open_later(images, base.image.reference, layer.digest),
        )
        done.append(1)
        run.advance(Progress(step=Step.BASE, done=len(done), total=len(layers), label=str(base.pinned)))

    map_in_threads(fetch, layers)
    for base in bases:
        run.tell(f"base {base.pinned}")


def build_in_pod(run: BuildRun, source: Source, places: StepPlaces) -> None:
    """Build the image and leave it for the Step push.

    Raises:
        HublishError: what the builder raises.
    """
    outcome = build_container(
        run.request.plan,
        name=run.request.name,
        source=source,
        target=find_target(run.request),
        tools=ContainerTools(
            backend=make_backend(places),
            images=OCILayout(places.bases),
            output=Handover(places.image),
            folder=places.work / "builds",
            secrets=load_build_secrets(places),
            log=run.tell,
            progress=run.advance,
            cancelled=run.should_stop,
        ),
    )
    store_outcome(places.image, outcome)


def make_backend(places: StepPlaces) -> BuildahBackend:
    """Make buildah's backend in the shared folder.

    Raises:
        EngineFailed: the image of the Step has no buildah.
    """
    program = find_buildah()
    if program is None:
        raise EngineFailed(
            "the image of this Step has no buildah",
            hint="The operator sets engines.tekton.build_image to the Dockerfile's target `build`.",
        )
    choices = BuildahChoices(
        folder=places.work / "buildah",
        # The kernel keeps the pod to its limits; what is said here is said to people.
        limits=Limits(memory_bytes=read_own_memory_bytes(), pids=_PIDS),
        network=NetworkMode.HOST,
        program=program,
        run=run_here,
    )
    return BuildahBackend(choices, make_layout=OCILayout)


class _Keeper:
    """An ImageReader that keeps what it reads in a layout: manifests and configs, which are small."""

    def __init__(self, images: ImageReader, layout: OCILayout) -> None:
        self._images = images
        self._layout = layout

    def fetch_manifest(self, reference: Reference) -> Manifest | None:
        found = self._images.fetch_manifest(reference)
        if found is not None:
            place = replace(reference, tag=None, digest=found.digest)
            self._layout.ensure_manifest(place, body=found.body, media_type=found.media_type)
        return found

    @contextmanager
    def open_blob(self, reference: Reference, digest: str) -> Iterator[BinaryIO]:
        with self._images.open_blob(reference, digest) as stream:
            body = stream.read(_SMALL_BYTES)
        self._layout.ensure_blob(reference, digest=digest, size_bytes=len(body), open_body=lambda: io.BytesIO(body))
        yield io.BytesIO(body)


def _open_later(images: ImageReader, reference: Reference, digest: str) -> Callable[[], BinaryIO]:
    return lambda: open_until_closed(images.open_blob(reference, digest))
