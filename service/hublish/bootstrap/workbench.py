"""The workbench: a folder on this machine, planned and built without a service, a daemon or root."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hublish.adapters.index import HTTPPackageIndex, IndexRule, read_pip_configuration
from hublish.adapters.layout import OCILayout
from hublish.adapters.registry import RegistryClient, RegistryRule
from hublish.adapters.source_folder import FolderSource
from hublish.bootstrap.clients import make_bases, make_index_rules, make_network, make_registry_rules
from hublish.bootstrap.images import Images
from hublish.bootstrap.outputs import attach_sbom, find_target, make_writer
from hublish.builders.layered import build_layered
from hublish.builders.ownercache import OWN, OwnerCaches
from hublish.builders.planner import PlanInputs, Planned, make_plan
from hublish.builders.rebuild import RebuildTools, verify_by_rebuild
from hublish.builders.sourcefiles import read_config
from hublish.builders.verification import OpenedImage, Verification, open_image
from hublish.core.building import BuildSucceeded
from hublish.core.config import Config, ImageConfig, ParsedConfig
from hublish.core.output import Output
from hublish.core.plan import Plan, Strategy, Trust
from hublish.core.ports import ProgressSink, Source
from hublish.core.proxy import Proxies
from hublish.core.reference import Reference, parse_reference
from hublish.errors import StrategyUnavailable
from hublish.network import Network, read_network

if TYPE_CHECKING:
    from hublish.bootstrap.doctor import Check
    from hublish.settings import Settings

LAYOUT_PREFIX = "oci:"
PLATFORM = "linux/amd64"
PLACEHOLDER_URL = "https://index.example.invalid/simple"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkbenchOptions:
    """What the workbench may use.

    Attributes:
        environ: of the user's process: pip's configuration, proxies and `${VAR}` in locks are read from it.
        cache: folder for wheels, layers and facts of bases.
        plain_http: registry and index hosts that are spoken to without TLS.
        index_map: host of a lock's index, or its URL -> base URL used instead.
        bases: Python version -> default base image; the settings' count too.
        settings: the operator's settings, or None.
        workers: processes at work; None takes one per core.
    """

    environ: Mapping[str, str] = field(repr=False)
    cache: Path
    plain_http: frozenset[str]
    index_map: Mapping[str, str]
    bases: Mapping[str, str]
    settings: Settings | None
    workers: int | None


class Workbench:
    """Plans and builds folders."""

    def __init__(self, options: WorkbenchOptions) -> None:
        self._options = options
        self._cache = options.cache
        self._workers = options.workers or os.cpu_count() or 1
        network = find_network(options)
        self._registry = _make_registry(options, network)
        self._images = Images(self._registry)
        self._caches = OwnerCaches(options.cache / "layers")
        self._index_url, pip_ca = _find_pip_index(options.environ)
        self._index = _make_index(options, network, pip_index=self._index_url, pip_ca=pip_ca)

    def open_folder(self, path: Path) -> Source:
        """Open a folder as a source tree."""
        return FolderSource.load(path, environ=self._options.environ)

    def read_config(self, source: Source, *, repository_name: str | None) -> ParsedConfig:
        """Read the config of an opened source; config and findings are empty when it has none."""
        return read_config(source, repository_name=repository_name)

    def plan(self, source: Source, config: Config, image: ImageConfig, *, base: str | None) -> Planned:
        """Plan one image.

        Args:
            source: the opened folder.
            config: its config.
            image: one of the config's images.
            base: overrides the config's base: a reference, or `oci:FOLDER`.
        """
        if base is not None:
            config = replace(config, base=self._find_base(base))
        settings = self._options.settings
        bases = make_bases({**(settings.bases if settings else {}), **self._options.bases})
        inputs = PlanInputs(
            source=source,
            config=config,
            image=image,
            bases=bases,
            trust=Trust.OWNER,
            source_repo_id=0,
            target_repository=image.reference.name,
            default_index=find_default_index(self._options, pip_index=self._index_url),
        )
        cache = self._caches.open(owner=OWN, trust=inputs.trust)
        return make_plan(inputs, images=self._images, layers=cache.layers)

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
            StrategyUnavailable: the plan needs a container engine.
            HublishError: what the builder raises.
        """
        if plan.strategy is not Strategy.LAYERED:
            raise StrategyUnavailable(
                f"the strategy {plan.strategy.value} ({plan.reason}) needs a container engine, and hublish has none here",
                hint="`hublish doctor` says what is missing; or set `strategy: layered` in the config",
            )
        writer = make_writer(
            output, registry=self._registry, environ=self._options.environ, progress=progress, cancelled=cancelled
        )
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
        )
        attach_sbom(plan, outcome, output=output, registry=self._registry, log=log)
        return outcome

    def open_image(self, text: str) -> OpenedImage:
        """Open an image that is to be verified: a reference, or `oci:FOLDER`.

        Raises:
            ReferenceInvalid: `text` is no reference.
            HublishError: there is no such image, or it does not say what it was made from.
        """
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
        self._cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._cache, prefix="verify-") as scratch:
            tools = RebuildTools(
                images=self._images,
                index=self._index,
                output=OCILayout(Path(scratch) / "image"),
                workspace=Path(scratch) / "workspace",
                workers=self._workers,
                log=log,
                progress=progress,
                cancelled=cancelled,
            )
            return verify_by_rebuild(opened, plan, source, tools=tools)

    def check_environment(self) -> tuple[Check, ...]:
        """Look at what this machine offers a build."""
        # Here, because a build must not wait for the clients of GitHub and of the database.
        from hublish.bootstrap.doctor import check_environment, check_settings  # noqa: PLC0415  # start-up time

        settings = self._options.settings
        here = check_environment(
            cache=self._cache,
            index_url=self._index_url,
            registry=self._registry,
            hosts=tuple(sorted(settings.registries)) if settings else (),
        )
        return here if settings is None else (*here, *check_settings(settings))

    def _find_base(self, text: str) -> Reference:
        if text.startswith(LAYOUT_PREFIX):
            return self._images.add_layout(Path(text.removeprefix(LAYOUT_PREFIX)))
        return parse_reference(text)


def find_default_index(options: WorkbenchOptions, *, pip_index: str | None) -> str:
    """Find the index of locks that name none: the settings', else that of pip under the name that is mapped to it.

    pip's own URL may hold a login, and a plan is shown and kept.

    Args:
        options: of the workbench.
        pip_index: what pip is configured for, or None.

    Returns:
        URL of the simple API; "" when there is none.
    """
    if options.settings is not None and options.settings.default_index is not None:
        return options.settings.default_index.rstrip("/")
    return PLACEHOLDER_URL if pip_index is not None or PLACEHOLDER_URL in options.index_map else ""


def _find_pip_index(environ: Mapping[str, str]) -> tuple[str | None, Path | None]:
    pip = read_pip_configuration(environ)
    return (None, None) if pip is None else (pip.index_url, pip.ca_file)


def _make_registry(options: WorkbenchOptions, network: Network) -> RegistryClient:
    rules = make_registry_rules(options.settings) if options.settings else {}
    for host in options.plain_http:
        rules[host] = replace(rules.get(host, RegistryRule()), plain_http=True)
    home = Path(options.environ.get("DOCKER_CONFIG", str(Path.home() / ".docker")))
    return RegistryClient(
        rules=rules,
        default_auth_files=(home / "config.json",),
        allowed_hosts=None,
        # A person at their own machine may name any registry and has set up their own credential helpers.
        allow_private=True,
        allow_helpers=True,
        network=network,
    )


def _make_index(
    options: WorkbenchOptions, network: Network, *, pip_index: str | None, pip_ca: Path | None
) -> HTTPPackageIndex:
    rules = make_index_rules(options.settings) if options.settings else {}
    mirrors = dict(options.index_map)
    if pip_index is not None:
        # Locks of documentation and tests name a host that cannot exist; this user's own index stands in for it.
        mirrors.setdefault(PLACEHOLDER_URL, pip_index)
    for url, mirror in mirrors.items():
        host = urlsplit(mirror).netloc.rpartition("@")[2]
        rules[urlsplit(url).netloc] = IndexRule(mirror=mirror, plain_http=host in options.plain_http)
    for host in options.plain_http:
        rules.setdefault(host, IndexRule(plain_http=True))
    return HTTPPackageIndex(
        rules=rules,
        allow_unlisted=True,
        cache=options.cache / "index",
        environ=options.environ,
        network=network if network.ca_file is not None else replace(network, ca_file=pip_ca),
    )


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
