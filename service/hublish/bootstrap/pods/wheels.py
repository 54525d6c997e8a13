"""The wheels that a layered build in a pod needs built: each by a pod of its own, and handed to the build by the registry.

What is known of them is what the other engines know: the same keys, in the cache of the same owner. No pod is started for a
wheel that is known and still here, or in the registry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hublish.builders.baseimage.record import load_base
from hublish.builders.disk import name_disk_errors
from hublish.builders.filebundle import fetch_file, parse_files, push_files
from hublish.builders.layerindex.ownercache import OwnerCache, OwnerCaches
from hublish.builders.planning.packagechoice import choose_packages
from hublish.builders.wheels.packagesource import PackageSources
from hublish.builders.wheels.repowheels import add_repository_wheels
from hublish.builders.wheels.wheelbuild import BUILT, WHEEL_LIMIT_BYTES, BuiltWheel, WheelBuilds
from hublish.core.building import HandedWheel
from hublish.core.ports import CommitFetcher, ContainerRunner, ImageReader, ImageWriter, PackageIndex, SourceFetcher
from hublish.core.reference import Reference
from hublish.engines.commits import RepositoryCommits
from hublish.engines.runs import BuildRun, fetch_run_source, find_owner, find_target
from hublish.errors import BuildFailed, ImageInvalid, NotAllowed, RegistryFailed

_TAG_DIGITS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class PodWheels:
    """Makes the wheels of one service's builds.

    Attributes:
        sources: brings source trees.
        images: where bases are read from.
        output: where wheels go.
        index: where packages come from.
        caches: what is known of wheels.
        web_url: root of GitHub's pages, whose commits may be packages.
    """

    sources: SourceFetcher
    images: ImageReader
    output: ImageWriter
    index: PackageIndex
    caches: OwnerCaches
    web_url: str

    def make(
        self, run: BuildRun, runner: ContainerRunner, verify_running: Callable[[], None]
    ) -> tuple[HandedWheel, ...]:
        """Build what is not known, and see that the registry has all of it.

        Args:
            run: the build.
            runner: runs pods for it.
            verify_running: raises when it is to stop.

        Raises:
            HublishError: what building a wheel raises.
        """
        with name_disk_errors("wheels"):
            builds = self._open_builds(run, runner, verify_running)
            plan = run.request.plan
            chosen = choose_packages(
                plan.packages, sources=plan.indexes, facts=builds.facts, index=builds, layers=builds.layers,
                log=run.tell, builds=builds,
            )  # fmt: skip
            recall = partial(self._recall, run, verify_running)
            return tuple(self._hand_over(run, wheel) for wheel in builds.list_built(chosen, recall=recall))

    def _open_builds(self, run: BuildRun, runner: ContainerRunner, verify_running: Callable[[], None]) -> WheelBuilds:
        plan = run.request.plan
        if plan.base is None:
            raise BuildFailed("a layered plan without a base cannot be built")
        source = fetch_run_source(run, self.sources)
        layers = self._open_cache(run).layers
        _, facts = load_base(self.images, plan.base, platform=plan.platform, layers=layers)
        workspace = self.caches.workspace
        index = add_repository_wheels(self.index, plan.packages, source=source, folder=workspace / "wheels")
        return WheelBuilds(
            plan=plan, base=plan.base, facts=facts, index=index, layers=layers, runner=runner,
            folder=workspace / BUILT, log=run.tell, verify_running=verify_running,
            sources=PackageSources(source=source, commits=self._open_commits(run)),
        )  # fmt: skip

    def _open_cache(self, run: BuildRun) -> OwnerCache:
        request = run.request
        return self.caches.open(
            owner=find_owner(request), trust=request.plan.trust, repositories=(find_target(request), *request.siblings)
        )

    def _open_commits(self, run: BuildRun) -> CommitFetcher | None:
        repository = run.request.repository
        if repository is None or not self.web_url:
            return None
        return RepositoryCommits(sources=self.sources, repository=repository, web_url=self.web_url)

    def _recall(self, run: BuildRun, verify_running: Callable[[], None], path: Path, sha256: str) -> None:
        """Bring a wheel back that another replica, or this one's lost disk, had built; without it, it is built again."""
        for place in (find_target(run.request), *run.request.siblings):
            try:
                found = self._fetch_left(place, verify_running, path, sha256)
            except (ImageInvalid, NotAllowed, RegistryFailed) as error:
                run.tell(f"{path.name} cannot be had from {place.name}: {error.message}")
                continue
            if found:
                run.tell(f"{path.name} is the one that an earlier build left in the registry")
                return

    def _fetch_left(self, place: Reference, verify_running: Callable[[], None], path: Path, sha256: str) -> bool:
        """Bring a wheel back from one repository; whether it is there."""
        found = self.images.fetch_manifest(place.with_tag(_make_tag(sha256)))
        files = {} if found is None else parse_files(found.body, limit_bytes=WHEEL_LIMIT_BYTES)
        blob = files.get(path.name)
        if blob is None or blob.digest != f"sha256:{sha256}":
            return False
        fetch_file(place, blob, path, images=self.images, verify_running=verify_running)
        return True

    def _hand_over(self, run: BuildRun, wheel: BuiltWheel) -> HandedWheel:
        """See that the image's own repository has a wheel; nothing is sent that it has."""
        target = find_target(run.request)
        push_files(
            {wheel.path.name: wheel.path},
            output=self.output,
            target=target.with_tag(_make_tag(wheel.sha256)),
        )
        return HandedWheel(
            key=wheel.key, filename=wheel.path.name, sha256=wheel.sha256, size_bytes=wheel.path.stat().st_size
        )


def _make_tag(sha256: str) -> str:
    return f"hublish-wheel-{sha256[:_TAG_DIGITS]}"
