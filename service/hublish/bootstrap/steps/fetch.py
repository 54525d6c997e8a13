"""The Step `fetch`: source, base and packages, with the token and the logins that they need."""

from __future__ import annotations

import shutil

from hublish.adapters.github import GitHubClone, GitHubSources
from hublish.adapters.index import HTTPPackageIndex
from hublish.adapters.source_archive import SourceLimits
from hublish.bootstrap.steps.containers import fetch_bases
from hublish.bootstrap.steps.layerrecords import open_fetch_cache
from hublish.bootstrap.steps.parts import fetch_part
from hublish.bootstrap.steps.places import Door, StepPlaces, explain_reading, make_sources, open_door
from hublish.builders.wheels.handedwheels import receive_wheels
from hublish.builders.wheels.prefetch import PrefetchTools, fetch_inputs
from hublish.core.plan import Strategy
from hublish.core.podaccess import REQUEST_FILE, TOKEN_FILE
from hublish.core.ports import Source
from hublish.engines.runs import BuildRun, fetch_run_source
from hublish.errors import BuildFailed


def fetch_all(run: BuildRun, places: StepPlaces) -> None:
    """Bring everything into the shared folder; the request too, without anything secret.

    Raises:
        HublishError: what cannot be fetched, and why.
    """
    if places.secrets is None:
        raise BuildFailed("the Step fetch has no Secret")
    door = open_door(places.secrets)
    registry = door.make_registry()
    plan, part = run.request.plan, run.request.part
    if part is not None:
        fetch_part(run, part, images=registry, places=places)
    elif plan.strategy is Strategy.LAYERED:
        source = _fetch_source(run, places, door)
        layers = open_fetch_cache(run, places, door, registry).layers
        with explain_reading(run.request.target):
            receive_wheels(run.request, registry, workspace=places.workspace, layers=layers)
        tools = PrefetchTools(
            images=registry,
            index=HTTPPackageIndex(
                rules=door.make_index_rules(), allow_unlisted=False, cache=places.index, network=door.network
            ),
            layers=layers,
            workspace=places.workspace,
            log=run.tell,
            progress=run.advance,
        )
        fetch_inputs(plan, source, tools)
    else:
        fetch_bases(run, _fetch_source(run, places, door), images=registry, places=places)
    shutil.copyfile(places.secrets / REQUEST_FILE, places.work / REQUEST_FILE)


def _fetch_source(run: BuildRun, places: StepPlaces, door: Door) -> Source:
    token = (door.folder / TOKEN_FILE).read_text(encoding="utf-8").strip()
    github = GitHubSources(GitHubClone(api_url=door.access.github_api, token=token, network=door.network))
    limits = SourceLimits(total_bytes=door.access.source_bytes, files=door.access.source_files)
    sources = make_sources(places, fetch_tarball=github.open_tarball, list_tree=github.list_tree, limits=limits)
    return fetch_run_source(run, sources)
