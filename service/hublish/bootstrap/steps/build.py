"""The Step `build`: from what was fetched to an image in the shared folder, without a login or a server."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import BinaryIO

from hublish.adapters.index import HTTPPackageIndex
from hublish.adapters.source_archive import SourceLimits
from hublish.bootstrap.steps.containers import build_in_pod
from hublish.bootstrap.steps.handover import Handover, store_outcome, store_records
from hublish.bootstrap.steps.parts import build_part
from hublish.bootstrap.steps.places import StepPlaces, make_sources
from hublish.builders.layered.build import build_layered
from hublish.builders.layerindex.reported import render_records
from hublish.builders.wheels.handedwheels import NoRunner
from hublish.core.plan import Strategy
from hublish.core.ports import Manifest
from hublish.core.reference import Reference
from hublish.core.repository import Repository
from hublish.engines.runs import BuildRun, fetch_run_source, find_owner, find_target
from hublish.errors import SourceMissing


class _NoImages:
    """An ImageReader where there is no registry: what is known of the base was brought before."""

    def fetch_manifest(self, reference: Reference) -> Manifest | None:  # noqa: ARG002 -- the port's
        return None

    def open_blob(self, reference: Reference, digest: str) -> AbstractContextManager[BinaryIO]:
        raise SourceMissing(f"the blob {digest} of {reference} is not at hand in this Step")


def build_image(run: BuildRun, places: StepPlaces) -> None:
    """Build the image and leave it for the Step push.

    Raises:
        HublishError: what the builder raises.
    """
    plan, part = run.request.plan, run.request.part
    if part is not None:
        build_part(run, part, places)
        return
    sources = make_sources(places, fetch_tarball=_refuse, list_tree=None, limits=SourceLimits())
    source = fetch_run_source(run, sources)
    if plan.strategy is not Strategy.LAYERED:
        build_in_pod(run, source, places)
        return
    cache = places.open_cache(run.request)
    outcome = build_layered(
        plan,
        source=source,
        images=_NoImages(),
        output=Handover(places.image),
        target=find_target(run.request),
        index=HTTPPackageIndex(rules={}, allow_unlisted=False, cache=places.index),
        workspace=places.workspace,
        workers=len(os.sched_getaffinity(0)),
        log=run.tell,
        progress=run.advance,
        cancelled=run.should_stop,
        cache=cache,
        runner=NoRunner() if plan.builds_wheels else None,
    )
    records = render_records(cache.layers, owner=find_owner(run.request), builder=plan.builder)
    store_records(places.image, records)
    store_outcome(places.image, outcome)


def _refuse(repository: Repository, sha: str) -> AbstractContextManager[BinaryIO]:
    raise SourceMissing(f"the Step fetch left no {sha} of {repository.full_name} in the shared folder")
