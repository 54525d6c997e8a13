"""The workbench: a folder on this machine, planned and built without a service, a daemon or root."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hublish.adapters.layout import OCILayout
from hublish.adapters.source_folder import FolderSource
from hublish.bootstrap.caches import make_caches
from hublish.bootstrap.clients import make_bases, make_network
from hublish.bootstrap.images import Images
from hublish.bootstrap.options import WorkbenchOptions
from hublish.bootstrap.outputs import attach_sbom, find_target, make_writer
from hublish.bootstrap.user_index import UserIndex
from hublish.bootstrap.usercommits import UserCommits
from hublish.bootstrap.userregistry import make_user_registry
from hublish.bootstrap.userrunner import UserRunner
from hublish.builders.disk import name_disk_errors
from hublish.builders.layered.build import build_layered
from hublish.builders.layerindex.ownercache import OWN
from hublish.builders.planning.packagecheck import WheelSupply
from hublish.builders.planning.planner import PlanInputs, Planned, make_plan
from hublish.builders.sourcefiles import read_config
from hublish.core.building import BuildSucceeded
from hublish.core.config.file import Config, ImageConfig, ParsedConfig
from hublish.core.output import Output, OutputKind
from hublish.core.plan import Plan, Strategy, Trust
from hublish.core.ports import ProgressSink, Source, SystemBases
from hublish.core.proxy import Proxies
from hublish.core.reference import Reference, parse_reference
from hublish.network import Network, read_network

if TYPE_CHECKING:
    from hublish.bootstrap.doctor import Check
    from hublish.builders.verification.verdict import OpenedImage, Verification
    from hublish.settings import Settings

LAYOUT_PREFIX = "oci:"
PLATFORM = "linux/amd64"


class Workbench:
    """Plans and builds folders."""

    def __init__(self, options: WorkbenchOptions) -> None:
        self._options = options
        self._cache = options.cache
        self._workers = options.workers or os.cpu_count() or 1
        network = find_network(options)
        self._registry = make_user_registry(options, network)
        self._images = Images(self._registry)
        caches = make_caches(options.cache / "layers", images=self._images, key_file=options.cache_key)
        self._owner_cache = caches.open(owner=OWN, trust=Trust.OWNER, repositories=options.cache_repositories)
        self._index = UserIndex(options, network)
        self._runner = UserRunner(options, self._images)
        self._commits = UserCommits(folder=options.cache / "commits", environ=options.environ)

    def open_folder(self, path: Path) -> Source:
        """Open a folder as a source tree."""
        return FolderSource.load(path, environ=self._options.environ)

    def read_config(self, source: Source, *, repository_name: str | None) -> ParsedConfig:
        """Read the config of an opened source; config and findings are empty when it has none."""
        return read_config(source, repository_name=repository_name)

    def plan(
        self,
        source: Source,
        config: Config,
        image: ImageConfig,
        *,
        base: str | None,
        log: Callable[[str], None] = lambda _: None,
    ) -> Planned:
        """Plan one image.

        Args:
            source: the opened folder.
            config: its config.
            image: one of the config's images.
            base: overrides the config's base: a reference, or `oci:FOLDER`.
            log: told what the installation of system packages prints.
        """
        settings = self._options.settings
        if base is not None:
            config, image = replace(config, base=self._find_base(base)), replace(image, base=None)
        bases = make_bases({**(settings.bases if settings else {}), **self._options.bases})
        inputs = PlanInputs(
            source=source,
            config=config,
            image=image,
            bases=bases,
            trust=Trust.OWNER,
            source_repo_id=0,
            target_repository=image.reference.name,
            find_default_index=self._index.find_default,
        )
        wheels = self._cache / "layers" / "wheels"
        supply = WheelSupply(index=self._index, folder=wheels, can_build=self._runner.can_run)
        return make_plan(
            inputs,
            images=self._images,
            layers=self._owner_cache.layers,
            supply=supply if self._options.check_packages else None,
            systems=self._open_systems(log) if config.system_apt else None,
        )

    def build(
        self,
        plan: Plan,
        source: Source,
        *,
        output: Output,
        log: Callable[[str], None],
        progress: ProgressSink,
        cancelled: Callable[[], bool],
    ) -> BuildSucceeded:
        """Build a plan and put the image where `output` says.

        Raises:
            StrategyUnavailable: the plan needs a container engine, and none works here.
            HublishError: what the builder raises.
        """
        writer = make_writer(
            output, registry=self._registry, environ=self._options.environ, progress=progress, cancelled=cancelled
        )
        if plan.strategy is not Strategy.LAYERED:
            from hublish.bootstrap.containerwork import build_by_engine  # noqa: PLC0415  # start-up time

            build = partial(build_by_engine, plan, source, options=self._options, images=self._images, output=writer)
            return build(target=find_target(output), log=log, progress=progress, cancelled=cancelled)
        outcome = build_layered(
            plan,
            source=source,
            images=self._images,
            output=writer,
            target=find_target(output),
            index=self._index,
            workspace=self._cache / "layers",
            workers=self._workers,
            log=log,
            progress=progress,
            cancelled=cancelled,
            cache=replace(self._owner_cache, in_registry=output.kind is OutputKind.REGISTRY),
            runner=self._runner,
            commits=self._commits,
        )
        attach_sbom(plan, outcome, output=output, registry=self._registry, log=log)
        return outcome

    def lock(
        self,
        config: Config,
        pipfile: bytes,
        *,
        python_version: str | None,
        base: str | None,
        log: Callable[[str], None],
        cancelled: Callable[[], bool],
    ) -> bytes:
        """Lock a Pipfile by pipenv in a container of the base; see `lock_in_base`."""
        from hublish.bootstrap.containerlock import LockParts, choose_lock_base, lock_in_base  # noqa: PLC0415  # start-up

        settings = self._options.settings
        bases = make_bases({**(settings.bases if settings else {}), **self._options.bases})
        named = config.base if base is None else self._find_base(base)
        parts = LockParts(
            options=self._options, images=self._images, layers=self._owner_cache.layers, index=self._index,
            runner=self._runner, ca_file=find_network(self._options).ca_file, platform=PLATFORM,
        )  # fmt: skip
        reference = choose_lock_base(named, python_version=python_version, bases=bases)
        return lock_in_base(pipfile, reference, parts=parts, log=log, cancelled=cancelled)

    def open_image(self, text: str) -> OpenedImage:
        """Open an image that is to be verified: a reference, or `oci:FOLDER`.

        Raises:
            ReferenceInvalid: `text` is no reference.
            HublishError: there is no such image, or it does not say what it was made from.
        """
        from hublish.builders.verification.verdict import open_image  # noqa: PLC0415  # start-up time

        return open_image(self._images, self._find_base(text), platform=PLATFORM)

    def verify(
        self,
        opened: OpenedImage,
        plan: Plan,
        source: Source,
        *,
        log: Callable[[str], None],
        progress: ProgressSink,
        cancelled: Callable[[], bool],
    ) -> Verification:
        """Rebuild an image in a folder of its own, which is gone afterwards, and compare.

        Raises:
            HublishError: what the builder raises.
        """
        from hublish.builders.verification.rebuild import RebuildTools, verify_by_rebuild  # noqa: PLC0415  # start-up time

        with name_disk_errors("a rebuild"):
            self._cache.mkdir(parents=True, exist_ok=True)
            scratch_folder = tempfile.TemporaryDirectory(dir=self._cache, prefix="verify-")
        with scratch_folder as scratch:
            tools = RebuildTools(
                images=self._images, index=self._index, output=OCILayout(Path(scratch) / "image"),
                workspace=Path(scratch) / "workspace", workers=self._workers, log=log, progress=progress,
                cancelled=cancelled, runner=self._runner, commits=self._commits,
            )  # fmt: skip
            return verify_by_rebuild(opened, plan, source, tools=tools)

    def check_environment(
        self, *, cluster: bool = False, say: Callable[[str], None] = lambda _: None
    ) -> tuple[Check, ...]:
        """Look at what this machine offers a build, and with `cluster` at what its pods meet; `say` is told of waits."""
        # Here, because a build must not wait for the clients of GitHub and of the database.
        from hublish.bootstrap.doctor import check_environment, check_settings  # noqa: PLC0415  # start-up time
        from hublish.bootstrap.enginecheck import check_chosen_engines, check_engines  # noqa: PLC0415  # start-up time

        settings = self._options.settings
        engines = check_engines(cache=self._cache, environ=self._options.environ)
        here = check_environment(
            cache=self._cache,
            index_url=self._index.find_url(),
            registry=self._registry,
            hosts=tuple(sorted(settings.registries)) if settings else (),
        )
        named = settings is not None and "tekton" in settings.engines.use
        pods = _check_cluster(settings, pods=cluster, say=say) if cluster or named else ()
        if settings is None:
            return (*engines, *here)
        chosen = check_chosen_engines(settings.engines, data=settings.data)
        return (*engines, *here, *check_settings(settings), *chosen, *pods)

    def _open_systems(self, log: Callable[[str], None]) -> SystemBases:
        from hublish.builders.containers.systembase import SystemBaseFolder  # noqa: PLC0415  # start-up time

        return SystemBaseFolder(
            open_backend=lambda tell: self._runner.open_backend(log=tell),
            images=self._images,
            make_layout=OCILayout,
            add_layout=self._images.add_layout,
            folder=self._cache / "bases",
            log=log,
        )

    def _find_base(self, text: str) -> Reference:
        if text.startswith(LAYOUT_PREFIX):
            return self._images.add_layout(Path(text.removeprefix(LAYOUT_PREFIX)))
        return parse_reference(text)


def find_network(options: WorkbenchOptions) -> Network:
    """Find the way out: what the settings name, and for the rest the user's environment.

    Raises:
        SettingsInvalid: a proxy of either is unusable.
    """
    own = read_network(options.environ)
    if options.settings is None:
        return own
    named = make_network(options.settings)
    return Network(
        ca_file=named.ca_file or own.ca_file,
        proxies=own.proxies if named.proxies == Proxies() else named.proxies,
    )


def open_workbench(options: WorkbenchOptions) -> Workbench:
    """Open the workbench of this machine and user.

    Raises:
        SettingsInvalid: a value of the options or settings is unusable.
    """
    return Workbench(options)


def _check_cluster(settings: Settings | None, *, pods: bool, say: Callable[[str], None]) -> tuple[Check, ...]:
    from hublish.bootstrap.pods.checks import check_cluster  # noqa: PLC0415  # an extra, slow to import

    return check_cluster(settings, pods=pods, say=say)
